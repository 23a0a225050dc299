// `penstock top`: what a running instance does, again and again.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/status_question.h"
#include "app/status_text.h"
#include "app/terminal.h"
#include "base/concat.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

constexpr std::chrono::seconds k_between_frames{2};

void show_on(Screen& screen, const Result<StatusAnswer>& answer) {
  const TerminalSize size = terminal_size();
  if (!answer.ok()) {
    screen.draw({answer.error().message.substr(0, size.columns), "q ends; it is asked again every 2 s"});
    return;
  }
  // The last row is left free: a line that fills it would scroll the others away.
  const std::size_t rows = size.rows > 1 ? size.rows - 1 : 1;
  screen.draw(status_lines(answer->status, {.columns = size.columns, .rows = rows}));
}

}  // namespace

int run_top(const TopCommand& command) {
  if (command.once || !is_interactive()) {
    return run_status({.config = command.config});
  }
  const Result<config::AdminSettings> instance = instance_of(command.config);
  if (!instance.ok()) {
    obs::say_lines(obs::Level::error, instance.error().message);
    return k_wrong_usage;
  }
  Screen screen;
  do {
    show_on(screen, ask_status(*instance, command.config));
  } while (screen.wait(k_between_frames));
  return k_done;
}

}  // namespace penstock::app
