// What /metrics shows of a token of Entra.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace penstock::obs {

struct TokenMetrics {
  std::string side;      // "source", "sink", "registry"
  std::string audience;  // "https://storage.azure.com"
  WallTime expires;      // the epoch: there is none yet
  std::uint64_t renewals = 0;
  std::uint64_t failures = 0;
};

}  // namespace penstock::obs
