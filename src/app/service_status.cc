#include "app/service_status.h"

#include <chrono>

#include "app/summary.h"
#include "base/concat.h"

namespace penstock::app {

std::string ServiceStatus::line(const std::string& not_ready, const Counters& counters, MonoTime now) {
  if (counters.blobs != files_seen_) {
    files_seen_ = counters.blobs;
    last_file_ = now;
  }
  if (!not_ready.empty()) {
    return not_ready;
  }
  std::string line = concat("lag ", grouped(counters.lag_records), " records, ", grouped(counters.blobs),
                            " files, ", grouped(counters.record_bytes / 1'000'000), " MB");
  if (last_file_) {
    line += concat(", the last file ",
                   std::chrono::duration_cast<std::chrono::seconds>(now - *last_file_).count(), " s ago");
  }
  return line;
}

}  // namespace penstock::app
