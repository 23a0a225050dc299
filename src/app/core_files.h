// Whether a crash leaves a file with this process's memory.
#pragma once

namespace penstock::app {

// No: the memory holds credentials. The limit can be raised again, by prlimit(1) or with a debugger. A
// handler of core files that does not ask for the limit (kernel.core_pattern with a '|') gets a file without
// memory, by /proc/self/coredump_filter.
void forbid_core_files();

}  // namespace penstock::app
