// Runs an Appliance for a command, from its start to its end: signals, what systemd is told, and the totals.
#pragma once

#include <string>

#include <penstock/penstock.h>

namespace penstock::app {

struct RunPlan {
  bool exit_at_end = false;
  // Where the totals are written at the end. Empty: nowhere.
  std::string summary_file;
  // They are printed too.
  bool json = false;
};

// An ExitCode. What failed is said.
int run_appliance(const Settings& settings, const RunPlan& plan);

// The totals of a run: said, printed and written, as the plan has it. An ExitCode: whether they were written.
int say_summary(const Summary& summary, const RunPlan& plan);

}  // namespace penstock::app
