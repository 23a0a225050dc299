// `penstock status`: what a running instance does, and its readiness as an exit code.
#include <cstdio>
#include <string>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/status_question.h"
#include "app/status_text.h"
#include "app/terminal.h"
#include "obs/log.h"

namespace penstock::app {

int run_status(const StatusCommand& command) {
  const Result<config::AdminSettings> instance = instance_of(command.config);
  if (!instance.ok()) {
    obs::say_lines(obs::Level::error, instance.error().message);
    return k_wrong_usage;
  }
  const Result<StatusAnswer> answer = ask_status(*instance, command.config);
  if (!answer.ok()) {
    obs::say_lines(obs::Level::error, answer.error().message);
    return k_failed;
  }
  if (command.json) {
    std::printf("%s\n", answer->json.c_str());
  } else {
    print_lines(status_lines(answer->status, {.columns = terminal_size().columns}));
  }
  return answer->ready() ? k_done : k_failed;
}

}  // namespace penstock::app
