// What a store takes until the troubles end: so many requests a second, and no file of one topic.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace penstock::sim {

class StoreLimits {
 public:
  // 0: as many as come.
  double requests_per_second = 0;

  // Of names that begin so. Empty: of none.
  std::string refused_prefix{};

  // What comes in a second may come at once.
  bool takes_one_more(MonoTime now) {
    if (requests_per_second <= 0) {
      return true;
    }
    const double since = filled_ ? std::chrono::duration<double>(now - *filled_).count() : 1;
    tokens_ = std::min(std::max(requests_per_second, 1.0), tokens_ + since * requests_per_second);
    filled_ = now;
    const bool takes = tokens_ >= 1;
    tokens_ -= takes ? 1 : 0;
    ++(takes ? taken_ : turned_away_);
    return takes;
  }
  bool refuses(const std::string& name) const {
    return !refused_prefix.empty() && name.starts_with(refused_prefix);
  }
  void end() {
    requests_per_second = 0;
    refused_prefix.clear();
  }

  std::uint64_t taken() const { return taken_; }
  std::uint64_t turned_away() const { return turned_away_; }

 private:
  double tokens_ = 0;
  std::optional<MonoTime> filled_;
  std::uint64_t taken_ = 0;
  std::uint64_t turned_away_ = 0;
};

}  // namespace penstock::sim
