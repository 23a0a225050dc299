#include "app/core_files.h"

#include <fstream>

#include <sys/resource.h>

namespace penstock::app {

// PR_SET_DUMPABLE would do more, and make /proc/PID root's: no perf and no debugger for the service's own
// user.
void forbid_core_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) == 0) {
    limit.rlim_cur = 0;
    ::setrlimit(RLIMIT_CORE, &limit);
  }
  std::ofstream("/proc/self/coredump_filter") << 0;
}

}  // namespace penstock::app
