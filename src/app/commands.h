// The sub-commands, each with the options that the command line gives it. All return an ExitCode.
#pragma once

#include <cstdint>
#include <string>

namespace penstock::app {

struct RunCommand {
  std::string config;
  // Where the totals are written at the end. Empty: nowhere.
  std::string summary_file;
  bool exit_at_end = false;
};
// Runs the service until it is stopped, fails, or reaches the end with exit_at_end.
int run_service(const RunCommand& command);

struct CheckCommand {
  std::string config;
  bool json = false;
};
// Prints what was tried before a start and what to do about faults. Starts nothing.
int run_check(const CheckCommand& command);

struct VerifyCommand {
  std::string config;
  bool deep = false;
  bool json = false;
};
// Prints whether the published files hold every record once. Changes nothing.
int run_verify(const VerifyCommand& command);

struct DemoCommand {
  std::uint32_t seconds = 30;
  // Empty: a new one below the temporary directory.
  std::string dir;
  bool json = false;
};
// Runs the service on traffic and a broker of its own, and proves that all of it landed.
int run_demo(const DemoCommand& command);

struct VersionCommand {
  bool json = false;
};
// Prints what this program is made of and what the kernel grants it.
int run_version(const VersionCommand& command);

// Prints conf/REFERENCE.md.
int run_reference();

}  // namespace penstock::app
