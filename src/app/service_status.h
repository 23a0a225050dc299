// The line that `systemctl status` shows of a running service.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <penstock/penstock.h>

#include "base/clock.h"

namespace penstock::app {

class ServiceStatus {
 public:
  // What is in the way, or else what has landed: "lag 12 records, 40 files, 1.2 GB, the last file 35 s ago".
  std::string line(const std::string& not_ready, const Counters& counters, MonoTime now);

 private:
  std::uint64_t files_seen_ = 0;
  std::optional<MonoTime> last_file_;
};

}  // namespace penstock::app
