// Generated traffic of an API gateway: access-log records as JSON, of the sizes that such logs have. The same
// seed gives the same records.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "base/clock.h"

namespace penstock::app {

class GatewayTraffic {
 public:
  explicit GatewayTraffic(std::uint64_t seed);

  // One record: a JSON object of about 1 KiB (log-normal, 300 B to 16 KiB); one in fifty is pretty-printed
  // over several lines. `sequence` is in it, so that a reader can count.
  std::string next(std::uint64_t sequence, WallTime now);

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::string hex(int digits);

  std::mt19937_64 random_;
  std::lognormal_distribution<double> extra_bytes_;
};

}  // namespace penstock::app
