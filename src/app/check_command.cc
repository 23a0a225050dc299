// `penstock check`: prints what appliance/check.h finds out.
#include <cstdio>
#include <string>
#include <utility>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/json_text.h"
#include "appliance/check.h"
#include "base/concat.h"
#include "config/settings.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

using appliance::CheckReport;
using appliance::CheckRow;
using appliance::CheckSeverity;

CheckRow configuration_row(CheckSeverity severity, std::string text) {
  return CheckRow{.name = "config", .severity = severity, .text = std::move(text)};
}

void print_check_text(const CheckReport& report) {
  for (const CheckRow& row : report.rows) {
    std::printf("%-6s %-12s %s\n", row.severity == CheckSeverity::ok ? "ok" : "FAULT", row.name.c_str(),
                row.text.c_str());
  }
}

void print_check_json(const CheckReport& report) {
  std::string rows;
  for (const CheckRow& row : report.rows) {
    rows += concat(rows.empty() ? "" : ",", "{\"subject\":", json_string(row.name),
                   ",\"ok\":", row.severity == CheckSeverity::ok ? "true" : "false",
                   ",\"text\":", json_string(row.text), "}");
  }
  std::printf("{\"findings\":[%s]}\n", rows.c_str());
}

}  // namespace

int run_check(const CheckCommand& command) {
  const Result<Settings> settings = Settings::load(command.config);
  if (!settings.ok()) {
    const std::string& message = settings.error().message;
    if (command.json) {
      print_check_json({.rows = {configuration_row(CheckSeverity::fault, message)}});
    } else {
      std::fprintf(stderr, "%s\n", message.c_str());
    }
    return k_wrong_usage;
  }
  obs::init_log(obs::LogOptions{.level = obs::Level::error});
  CheckReport report = appliance::check_deployment(settings->details());
  report.rows.insert(report.rows.begin(),
                     configuration_row(CheckSeverity::ok, concat(command.config, ": ", settings->name())));
  if (command.json) {
    print_check_json(report);
  } else {
    print_check_text(report);
  }
  return report.all_ok() ? k_done : k_found_something;
}

}  // namespace penstock::app
