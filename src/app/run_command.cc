#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/run_appliance.h"
#include "appliance/wiring.h"
#include "config/load.h"
#include "obs/log.h"

namespace penstock::app {

int run_service(const RunCommand& command) {
  const Result<Settings> settings = Settings::load(command.config);
  if (!settings.ok()) {
    obs::init_log({.format = config::log_format_in(command.config, config::process_environment())});
    obs::say_lines(obs::Level::error, settings.error().message);
    return k_wrong_usage;
  }
  obs::init_log(appliance::log_options(settings->details()));
  return run_appliance(*settings, {.exit_at_end = command.exit_at_end, .summary_file = command.summary_file});
}

}  // namespace penstock::app
