// The exit codes of every command.
#pragma once

namespace penstock::app {

enum ExitCode : int {
  k_done = 0,
  k_failed = 1,           // while running
  k_wrong_usage = 2,      // or configuration
  k_found_something = 3,  // `check` or `verify`
};

}  // namespace penstock::app
