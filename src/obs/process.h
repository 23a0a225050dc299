// What the operating system says about this process.
#pragma once

#include <cstdint>

namespace penstock::obs {

struct ProcessUsage {
  double cpu_seconds = 0;                 // user and system, all threads
  std::uint64_t resident_bytes = 0;       // now; 0 where /proc is not there
  std::uint64_t peak_resident_bytes = 0;  // highest so far
  std::uint64_t open_fds = 0;             // 0 where /proc is not there
  std::uint64_t max_fds = 0;              // the soft limit
};

// Reads /proc/self and getrusage; some ten microseconds.
ProcessUsage process_usage();

}  // namespace penstock::obs
