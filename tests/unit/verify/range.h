// A range, briefly.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace penstock::verify {

inline Range range(std::int64_t first, std::int64_t next) {
  return {Position{first}, Position{next}};
}

}  // namespace penstock::verify
