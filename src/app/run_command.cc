#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/service_notify.h"
#include "app/service_status.h"
#include "app/signals.h"
#include "app/summary.h"
#include "appliance/whole_check.h"
#include "appliance/wiring.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "config/load.h"
#include "config/settings.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

// Beside it and renamed, so that whoever waits for the file finds it whole.
std::string unfinished_summary(const std::string& path) {
  return path + ".part";
}

// Empty: the summary could be written now. A run of hours should not end with this.
std::string why_no_summary(const std::string& path) {
  if (std::error_code unknown; std::filesystem::is_directory(path, unknown)) {
    return "it is a directory";
  }
  const std::string unfinished = unfinished_summary(path);
  if (!std::ofstream(unfinished, std::ios::trunc)) {
    return os_error(errno, concat("making ", unfinished)).message;
  }
  std::remove(unfinished.c_str());
  return {};
}

void warn_of_doubts(const config::Settings& settings) {
  for (const std::string& doubt : appliance::doubts(settings)) {
    obs::log(obs::Level::warning, doubt);
  }
  if (const auto outside = appliance::outside_state_directory(settings, std::getenv("STATE_DIRECTORY"))) {
    obs::log(obs::Level::warning, *outside);
  }
}

bool write_summary(const std::string& path, const Summary& summary) {
  const std::string unfinished = unfinished_summary(path);
  std::ofstream file(unfinished, std::ios::trunc);
  file << summary_json(summary) << '\n';
  file.close();
  return file.good() && std::rename(unfinished.c_str(), path.c_str()) == 0;
}

void say_summary(const Summary& summary) {
  const Counters& c = summary.counters;
  obs::say(obs::Level::info, summary_line(summary),
           {{"records", c.records},
            {"bytes", c.record_bytes},
            {"files", c.blobs},
            {"skipped_records", c.records_skipped},
            {"seconds", summary.seconds},
            {"cpu_seconds", summary.cpu_seconds},
            {"peak_rss_bytes", summary.peak_rss_bytes}});
}

// Runs it, and tells systemd how it is. `started`: whether its workers ever ran.
Result<Summary> run_told(Appliance& appliance, bool exit_at_end, const std::atomic<bool>& stopping,
                         bool& started) {
  std::atomic<bool> serves{false};
  ServiceStatus status;
  const ServiceReport report(
      {.alive = [&appliance] { return appliance.unhealthy().empty(); },
       .status =
           [&] { return status.line(appliance.not_ready(), appliance.counters(), system_clock().now()); },
       .needs_time = [&] { return !serves.load() || stopping.load(); }});
  const auto ready = [&serves] {
    if (!serves.exchange(true)) {
      notify_ready();
    }
  };
  const auto on_start = [&] {
    started = true;
    ready();
  };
  return appliance.run({.exit_at_end = exit_at_end, .started = on_start, .waiting = ready});
}

}  // namespace

int run_service(const RunCommand& command) {
  const Result<Settings> settings = Settings::load(command.config);
  if (!settings.ok()) {
    obs::init_log({.format = config::log_format_in(command.config, config::process_environment())});
    obs::say_lines(obs::Level::error, settings.error().message);
    return k_wrong_usage;
  }
  obs::init_log(appliance::log_options(settings->details()));
  const std::string no_summary =
      command.summary_file.empty() ? std::string() : why_no_summary(command.summary_file);
  if (!no_summary.empty()) {
    obs::say(obs::Level::error,
             concat("--summary ", command.summary_file, " cannot be written: ", no_summary));
    return k_wrong_usage;
  }
  warn_of_doubts(settings->details());
  Appliance appliance(*settings);
  std::atomic<bool> stopping{false};
  Signals signals([&] {
    stopping.store(true);
    notify_stopping();
    appliance.stop();
  });
  bool started = false;
  const Result<Summary> outcome = run_told(appliance, command.exit_at_end, stopping, started);
  const Summary summary = outcome.ok() ? *outcome : appliance.summary();
  int exit_code = k_done;
  if (!outcome.ok()) {
    notify_status(outcome.error().message);
    obs::say(obs::Level::error, outcome.error().message, {{"code", outcome.error().code}});
    exit_code = exit_code_of(outcome.error());
  }
  if (!outcome.ok() && !started) {
    return exit_code;
  }
  say_summary(summary);
  if (!command.summary_file.empty() && !write_summary(command.summary_file, summary)) {
    obs::say(obs::Level::error, concat("the summary could not be written to ", command.summary_file));
    exit_code = exit_code == k_done ? k_failed : exit_code;
  }
  return exit_code;
}

}  // namespace penstock::app
