// The tree of commands that the command line is parsed by.
#pragma once

#include <string>

#include "app/commands.h"

namespace CLI {
class App;
}

namespace penstock::app {

// What the command line fills in. It outlives the App.
struct CommandOptions {
  RunCommand run;
  ReplayCommand replay;
  OffsetsCommand offsets;
  CheckCommand check;
  NewCommand new_topic;
  FilesCommand files;
  SchemaCommand schema;
  VerifyCommand verify;
  LandedCommand landed;
  HealthCommand health;
  StatusCommand status;
  TopCommand top;
  DemoCommand demo;
  VersionCommand version;
  int manual_section = 0;
  std::string completion_shell;
};

// Adds every command to `app`. Parsing a line runs the one that it names, and puts its code into `exit_code`.
void add_commands(CLI::App& app, CommandOptions& options, int& exit_code);

}  // namespace penstock::app
