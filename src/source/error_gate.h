// Lets a repeating error through once in a while: a broker that is down says so several times a second.
#pragma once

#include <map>
#include <string>

#include "base/clock.h"

namespace penstock::source {

class ErrorGate {
 public:
  static constexpr Duration k_pause = std::chrono::seconds(30);

  // Whether an error of this name is to be reported now.
  bool passes(const std::string& name, MonoTime now) {
    const auto [entry, first] = last_.try_emplace(name, now);
    if (!first && now - entry->second < k_pause) {
      return false;
    }
    entry->second = now;
    return true;
  }

 private:
  std::map<std::string, MonoTime> last_;  // bounded by the library's names and the partitions
};

}  // namespace penstock::source
