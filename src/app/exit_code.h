// The exit codes of every command.
#pragma once

#include <penstock/result.h>

namespace penstock::app {

enum ExitCode : int {
  k_done = 0,
  k_failed = 1,           // while running
  k_wrong_usage = 2,      // or configuration: a restart does not help
  k_found_something = 3,  // `check` or `verify`; `landed`: not yet
};

// Of a run that has failed. A fault of the configuration (appliance/fault_at.h) is wrong usage. So is another
// process that has our source.instance: each restart would put that process out of the group in turn. A blob
// that is visible and damaged has to be deleted before the next start, which would take it for published.
ExitCode exit_code_of(const Error& error);

}  // namespace penstock::app
