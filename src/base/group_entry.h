// What a consumer group has committed for a partition: PROTOCOL.md calls it the partition's entry.
#pragma once

#include <string>

#include "base/types.h"

namespace penstock {

// As it was read; none at all is an empty optional, and never an error.
struct GroupEntry {
  Position position;
  std::string metadata;

  friend bool operator==(const GroupEntry&, const GroupEntry&) = default;
};

}  // namespace penstock
