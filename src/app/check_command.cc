// `penstock check`: prints what appliance/check.h finds out.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/instance.h"
#include "appliance/check.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "codec/table_rules.h"
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

CheckRow instance_row(const Instance& instance, const std::string& file) {
  if (instance.is_unreadable) {
    return CheckRow{.name = "instance",
                    .severity = CheckSeverity::fault,
                    .text = concat("the user of penstock@", instance.name, " may not read ", file,
                                   ": chmod 0644 it, and keep secrets in credentials")};
  }
  return CheckRow{.name = "instance", .severity = CheckSeverity::ok, .text = instance.taken};
}

// How many columns each schema makes.
std::vector<CheckRow> schema_rows(const config::Settings& settings) {
  std::vector<CheckRow> rows;
  const auto add = [&rows](const config::BatchSettings& batch, const std::string& where) {
    if (batch.has_table()) {
      const std::size_t count = codec::leaf_count(batch.table());
      rows.push_back({.name = "schema",
                      .severity = CheckSeverity::ok,
                      .text = concat(where, " makes ", count, count == 1 ? " column" : " columns",
                                     "; `penstock schema` shows them")});
    }
  };
  add(settings.batch, "batch.schema");
  for (std::size_t i = 0; i < settings.overrides.size(); ++i) {
    if (settings.lines.contains(concat("overrides[", i, "].batch.schema"))) {
      add(settings.overrides[i].batch, concat("overrides[", i, "].batch.schema"));
    }
  }
  return rows;
}

const char* word_of(CheckSeverity severity) {
  switch (severity) {
    case CheckSeverity::ok:
      return "ok";
    case CheckSeverity::warning:
      return "warn";
    case CheckSeverity::not_tried:
      return "-";
    case CheckSeverity::fault:
      break;
  }
  return "FAULT";
}

void print_check_text(const CheckReport& report) {
  std::size_t width = 0;
  for (const CheckRow& row : report.rows) {
    width = std::max(width, row.name.size());
  }
  for (const CheckRow& row : report.rows) {
    std::printf("%-6s %-*s %s\n", word_of(row.severity), static_cast<int>(width), row.name.c_str(),
                row.text.c_str());
  }
}

// Empty where nothing is predicted.
std::string files_json(const CheckReport& report) {
  if (!report.files) {
    return {};
  }
  std::string topics;
  for (const appliance::TopicFiles& files : report.files->topics) {
    topics += concat(topics.empty() ? "" : ",", "{\"topic\":", json_string(files.topic),
                     ",\"files_per_day\":", files.files_per_day, ",\"bytes_per_file\":", files.bytes_per_file,
                     ",\"calls_per_day\":", files.calls_per_day,
                     ",\"quarantine_files_per_day\":", files.quarantine_files_per_day,
                     ",\"quarantine_calls_per_day\":", files.quarantine_calls_per_day, "}");
  }
  return concat(",\"files\":{\"files_per_day\":", report.files->files_per_day,
                ",\"calls_per_day\":", report.files->calls_per_day,
                ",\"quarantine_files_per_day\":", report.files->quarantine_files_per_day,
                ",\"quarantine_calls_per_day\":", report.files->quarantine_calls_per_day, ",\"topics\":[",
                topics, "]}");
}

// "ok" is true of what was tried and has no fault. It is false of nothing where the exit code is 0.
void print_check_json(const CheckReport& report) {
  std::string rows;
  for (const CheckRow& row : report.rows) {
    const bool was_tried = row.severity != CheckSeverity::not_tried;
    const bool is_ok = was_tried && row.severity != CheckSeverity::fault;
    rows += concat(rows.empty() ? "" : ",", "{\"subject\":", json_string(row.name),
                   ",\"ok\":", is_ok ? "true" : "false",
                   ",\"warning\":", row.severity == CheckSeverity::warning ? "true" : "false",
                   ",\"tried\":", was_tried ? "true" : "false", ",\"text\":", json_string(row.text), "}");
  }
  std::printf("{\"findings\":[%s]%s}\n", rows.c_str(), files_json(report).c_str());
}

}  // namespace

int run_check(const CheckCommand& command) {
  const std::optional<Instance> instance = stand_in_for_instance(command.config);
  const Result<Settings> settings = Settings::load(command.config);
  if (!settings.ok()) {
    const std::string& message = settings.error().message;
    if (command.json) {
      print_check_json({.rows = {configuration_row(CheckSeverity::fault, message)}});
    } else {
      obs::say_lines(obs::Level::error, message);
    }
    return k_wrong_usage;
  }
  obs::init_log(obs::LogOptions{.level = obs::Level::error});
  CheckReport report = appliance::check_deployment(settings->details(), command.price);
  const std::vector<CheckRow> schemas = schema_rows(settings->details());
  report.rows.insert(report.rows.begin(), schemas.begin(), schemas.end());
  if (instance) {
    report.rows.insert(report.rows.begin(), instance_row(*instance, command.config));
  }
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
