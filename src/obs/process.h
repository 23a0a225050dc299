// What the operating system says about this process.
#pragma once

#include <cstdint>

namespace penstock::obs {

// Numbers that come from /proc are 0 where it is not mounted.
struct ProcessUsage {
  // User and system time of all threads, from getrusage.
  double cpu_seconds = 0;

  // Now, from /proc/self/statm.
  std::uint64_t resident_bytes = 0;

  // The highest so far, from /proc/self/status.
  std::uint64_t peak_resident_bytes = 0;

  // From /proc/self/fd.
  std::uint64_t open_fds = 0;

  // The soft limit.
  std::uint64_t max_fds = 0;
};

// From any thread. Takes some ten microseconds.
ProcessUsage process_usage();

}  // namespace penstock::obs
