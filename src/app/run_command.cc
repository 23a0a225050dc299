#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/service_notify.h"
#include "app/signals.h"
#include "app/summary.h"
#include "base/concat.h"

namespace penstock::app {
namespace {

// Beside it and renamed, so that whoever waits for the file finds it whole.
bool write_summary(const std::string& path, const Summary& summary) {
  const std::string unfinished = path + ".part";
  std::ofstream file(unfinished, std::ios::trunc);
  file << summary_json(summary) << '\n';
  file.close();
  return file.good() && std::rename(unfinished.c_str(), path.c_str()) == 0;
}

}  // namespace

int run_service(const RunCommand& command) {
  const Result<Settings> settings = Settings::load(command.config);
  if (!settings.ok()) {
    std::fprintf(stderr, "%s\n", settings.error().message.c_str());
    return k_wrong_usage;
  }
  Appliance appliance(*settings);
  Signals signals([&appliance] {
    notify_stopping();
    appliance.stop();
  });
  const Result<Summary> outcome =
      appliance.run(RunOptions{.exit_at_end = command.exit_at_end, .started = notify_ready});
  if (!outcome.ok()) {
    notify_status(outcome.error().message);
    std::fprintf(stderr, "penstock: %s\n", outcome.error().message.c_str());
    return k_failed;
  }
  std::fprintf(stderr, "penstock: %s\n", summary_line(*outcome).c_str());
  if (!command.summary_file.empty() && !write_summary(command.summary_file, *outcome)) {
    std::fprintf(stderr, "penstock: the summary could not be written to %s\n", command.summary_file.c_str());
    return k_failed;
  }
  return k_done;
}

}  // namespace penstock::app
