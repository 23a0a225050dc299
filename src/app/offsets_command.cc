// `penstock offsets`: the group's positions, shown and set. See appliance/offsets.h.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/instance.h"
#include "app/offsets_text.h"
#include "app/terminal.h"
#include "appliance/fault_at.h"
#include "appliance/last_files.h"
#include "appliance/offsets.h"
#include "appliance/wiring.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

int refused_offsets(const Error& error, bool json) {
  if (json) {
    std::printf("{\"ok\":false,\"error\":%s}\n", json_string(error.message).c_str());
  }
  obs::say_lines(obs::Level::error, error.message);
  return exit_code_of(error);
}

Error wrong_usage(std::string message) {
  return make_error(ErrorKind::invalid_input, Action::fatal, std::move(message),
                    std::string(appliance::k_configuration_fault));
}

int show(const config::Settings& settings, const OffsetsCommand& command) {
  const auto all = appliance::read_offsets(settings, command.topic);
  if (!all.ok()) {
    return refused_offsets(all.error(), command.json);
  }
  std::vector<appliance::OffsetRow> rows;
  for (const appliance::OffsetRow& row : *all) {
    if (command.partitions.empty() ||
        std::ranges::find(command.partitions, row.id.partition.value) != command.partitions.end()) {
      rows.push_back(row);
    }
  }
  if (command.files) {
    if (const Result<void> found = appliance::find_last_files(settings, rows); !found.ok()) {
      return refused_offsets(found.error(), command.json);
    }
  }
  std::fputs(command.json ? concat(offsets_json(settings.source.group, rows), "\n").c_str()
                          : offsets_table(rows).c_str(),
             stdout);
  return k_done;
}

// Whether somebody has typed yes.
bool is_wanted() {
  std::fputs("Set them? Type yes: ", stderr);
  char answer[16] = {};
  return std::fgets(answer, sizeof answer, stdin) != nullptr && std::string(answer) == "yes\n";
}

int set(const config::Settings& settings, const OffsetsCommand& command) {
  const auto plan = appliance::find_offsets(
      settings, {.topic = command.topic, .to = command.to, .partitions = command.partitions});
  if (!plan.ok()) {
    return refused_offsets(plan.error(), command.json);
  }
  if (plan->moves.empty()) {
    obs::say(obs::Level::info,
             concat("nothing to do: the positions of ", settings.source.group, " are there already"));
    return k_done;
  }
  const std::string text = moves_text(plan->moves);
  if (!command.yes) {
    std::fputs(text.c_str(), stderr);
    if (!is_wanted()) {
      obs::say(obs::Level::info, "nothing was set");
      return k_done;
    }
  }
  obs::init_log({.level = obs::Level::error, .format = settings.log.format});
  if (const Result<void> done = appliance::set_offsets(*plan); !done.ok()) {
    return refused_offsets(done.error(), command.json);
  }
  std::fputs(command.json ? concat(moves_json(settings.source.group, plan->moves), "\n").c_str()
                          : concat("set in the group ", settings.source.group, ":\n", text).c_str(),
             stdout);
  return k_done;
}

// Empty: the options go together.
std::string what_does_not_fit(const OffsetsCommand& command, const config::Settings& settings) {
  const bool sets = command.action == "set";
  if (sets && (command.topic.empty() || command.to.empty())) {
    return "offsets set needs --topic and --to";
  }
  if (sets && command.files) {
    return "offsets set does not take --files";
  }
  if (!sets && (!command.to.empty() || command.yes)) {
    return "offsets show takes neither --to nor --yes";
  }
  if (sets && !command.yes && !is_interactive()) {
    return "offsets set asks before it writes, and there is no terminal; write --yes";
  }
  const std::vector<std::string>& topics = settings.source.topics;
  const bool is_known =
      command.topic.empty() || topics.empty() || std::ranges::find(topics, command.topic) != topics.end();
  return is_known ? std::string() : concat("--topic ", command.topic, ": source.topics does not have it");
}

}  // namespace

int run_offsets(const OffsetsCommand& command) {
  stand_in_for_instance(command.config);
  const Result<Settings> loaded = Settings::load(command.config);
  if (!loaded.ok()) {
    Error error = loaded.error();
    error.code = appliance::k_configuration_fault;
    return refused_offsets(error, command.json);
  }
  const config::Settings& settings = loaded->details();
  obs::init_log({.level = obs::Level::error, .format = settings.log.format});
  if (const std::string wrong = what_does_not_fit(command, settings); !wrong.empty()) {
    return refused_offsets(wrong_usage(wrong), command.json);
  }
  return command.action == "set" ? set(settings, command) : show(settings, command);
}

}  // namespace penstock::app
