// The sub-commands, each with the options that command_line.h reads for it. All return an ExitCode.
#pragma once

#include <cstdint>
#include <string>

namespace penstock::app {

struct RunCommand {
  std::string config;
  std::string summary_file;  // empty: none
  bool exit_at_end = false;
};
int run_service(const RunCommand& command);

struct CheckCommand {
  std::string config;
  bool json = false;
};
int run_check(const CheckCommand& command);

struct VerifyCommand {
  std::string config;
  bool deep = false;
  bool json = false;
};
int run_verify(const VerifyCommand& command);

struct DemoCommand {
  std::uint32_t seconds = 30;
  std::string dir;  // empty: a new one under the temporary directory
  bool json = false;
};
int run_demo(const DemoCommand& command);

struct VersionCommand {
  bool json = false;
};
int run_version(const VersionCommand& command);

int run_reference();

}  // namespace penstock::app
