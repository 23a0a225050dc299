// How it works
//
// The appliance runs on this thread. What others are told meanwhile comes from three places: its callbacks
// (ready, progress), the thread of ServiceReport (systemd's watchdog and status), and Signals. For example,
// a bounded run under systemd that is stopped:
//
// 1. --summary is tried before anything is asked of anybody: a run of hours should not end with a bad path.
// 2. The workers have been built. systemd is told READY, and the log how far the run is every 10 s.
// 3. SIGTERM comes. Signals tells systemd STOPPING and the appliance to stop. It publishes what it has read.
// 4. run() returns. The totals are said, and written into --summary beside the file and renamed.
#include "app/run_appliance.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include <penstock/penstock.h>

#include "app/exit_code.h"
#include "app/progress_line.h"
#include "app/service_notify.h"
#include "app/service_status.h"
#include "app/signals.h"
#include "app/summary.h"
#include "appliance/whole_check.h"
#include "appliance/wiring.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/os_error.h"
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

void say_line(const Summary& summary) {
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
Result<Summary> run_told(Appliance& appliance, const RunPlan& plan, const std::atomic<bool>& stopping,
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
  ProgressLine line(plan.json ? ProgressLine::Where::nowhere : ProgressLine::where(),
                    [](const std::string& text) { obs::log(obs::Level::info, text); });
  Pace pace(grouped, "offsets");
  const auto progress = [&](const Progress& so_far) {
    if (so_far.total > 0 && line.is_due()) {
      line.show(concat("landed ", pace.text(system_clock().now(), so_far.done, so_far.total)));
    }
  };
  return appliance.run(
      {.exit_at_end = plan.exit_at_end, .started = on_start, .waiting = ready, .progress = progress});
}

}  // namespace

int run_appliance(const Settings& settings, const RunPlan& plan) {
  const std::string no_summary =
      plan.summary_file.empty() ? std::string() : why_no_summary(plan.summary_file);
  if (!no_summary.empty()) {
    obs::say(obs::Level::error, concat("--summary ", plan.summary_file, " cannot be written: ", no_summary));
    return k_wrong_usage;
  }
  warn_of_doubts(settings.details());
  Appliance appliance(settings);
  std::atomic<bool> stopping{false};
  Signals signals([&] {
    stopping.store(true);
    notify_stopping();
    appliance.stop();
  });
  bool started = false;
  const Result<Summary> outcome = run_told(appliance, plan, stopping, started);
  if (!outcome.ok()) {
    notify_status(outcome.error().message);
    obs::say(obs::Level::error, outcome.error().message, {{"code", outcome.error().code}});
    if (!started) {
      return exit_code_of(outcome.error());
    }
  }
  const int written = say_summary(outcome.ok() ? *outcome : appliance.summary(), plan);
  return outcome.ok() ? written : exit_code_of(outcome.error());
}

int say_summary(const Summary& summary, const RunPlan& plan) {
  say_line(summary);
  if (plan.json) {
    std::printf("%s\n", summary_json(summary).c_str());
  }
  if (!plan.summary_file.empty() && !write_summary(plan.summary_file, summary)) {
    obs::say(obs::Level::error, concat("the summary could not be written to ", plan.summary_file));
    return k_failed;
  }
  return k_done;
}

}  // namespace penstock::app
