// `penstock files`: prints what appliance/file_plan.h counts.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/without_secrets.h"
#include "appliance/file_plan.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "base/units.h"
#include "config/load.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

void print_json(const appliance::FilePlan& plan, double price) {
  std::string topics;
  for (const appliance::TopicFiles& files : plan.topics) {
    topics += concat(topics.empty() ? "" : ",", "{\"topic\":", json_string(files.topic),
                     ",\"example\":", json_string(files.example),
                     ",\"quarantine\":", files.quarantine.empty() ? "null" : json_string(files.quarantine),
                     ",\"files_per_day\":", files.files_per_day, ",\"bytes_per_file\":", files.bytes_per_file,
                     ",\"calls_per_day\":", files.calls_per_day,
                     ",\"quarantine_files_per_day\":", files.quarantine_files_per_day,
                     ",\"quarantine_calls_per_day\":", files.quarantine_calls_per_day, "}");
  }
  const std::string all =
      concat("\"files_per_day\":", plan.files_per_day, ",\"calls_per_day\":", plan.calls_per_day,
             ",\"quarantine_files_per_day\":", plan.quarantine_files_per_day,
             ",\"quarantine_calls_per_day\":", plan.quarantine_calls_per_day);
  std::printf("{\"topics\":[%s],%s,\"dollars_per_month\":%.2f,\"quarantine_dollars_per_month\":%.2f}\n",
              topics.c_str(), all.c_str(), appliance::dollars_per_month(plan.calls_per_day, price),
              appliance::dollars_per_month(plan.quarantine_calls_per_day, price));
}

void print_text(const appliance::FilePlan& plan, const FilesCommand& command) {
  for (const appliance::TopicFiles& files : plan.topics) {
    std::printf("%s\n  %s\n", files.topic.c_str(), files.example.c_str());
    if (!files.quarantine.empty()) {
      std::printf("  %s\n  (beside a file only if it has records in quarantine)\n", files.quarantine.c_str());
    }
    std::printf("  at most %llu files a day", static_cast<unsigned long long>(files.files_per_day));
    if (files.bytes_per_file > 0) {
      std::printf(" of about %s", format_size_about(files.bytes_per_file).c_str());
    }
    std::printf(", %llu storage calls\n", static_cast<unsigned long long>(files.calls_per_day));
  }
  std::printf(
      "in all: at most %llu files and %llu storage calls a day, %.2f dollars a month at %g for 10,000 "
      "calls\n",
      static_cast<unsigned long long>(plan.files_per_day),
      static_cast<unsigned long long>(plan.calls_per_day),
      appliance::dollars_per_month(plan.calls_per_day, command.price), command.price);
  if (plan.quarantine_files_per_day > 0) {
    std::printf(
        "records in quarantine: at most %llu files and %llu storage calls a day more, %.2f dollars a month\n",
        static_cast<unsigned long long>(plan.quarantine_files_per_day),
        static_cast<unsigned long long>(plan.quarantine_calls_per_day),
        appliance::dollars_per_month(plan.quarantine_calls_per_day, command.price));
  }
  if (command.gigabytes_per_day == 0) {
    std::printf(
        "counted by batch.max_age alone, one call a file; --gb-per-day N counts the volume and "
        "batch.min_bytes too\n");
  }
}

}  // namespace

int run_files(const FilesCommand& command) {
  const Result<config::Settings> settings = config::load(command.config, without_secrets(command.config));
  if (!settings.ok()) {
    obs::say_lines(obs::Level::error, settings.error().message);
    return k_wrong_usage;
  }
  const appliance::FilePlan plan = appliance::plan_files(
      *settings, {.partitions = command.partitions,
                  .bytes_per_day = static_cast<std::uint64_t>(std::llround(command.gigabytes_per_day * 1e9)),
                  .now = system_clock().wall_now()});
  if (command.json) {
    print_json(plan, command.price);
  } else {
    print_text(plan, command);
  }
  return k_done;
}

}  // namespace penstock::app
