// `penstock replay`: a range of one topic again, into another place. See appliance/replay.h.
#include <string>
#include <utility>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/instance.h"
#include "app/run_appliance.h"
#include "app/summary.h"
#include "app/verdict.h"
#include "appliance/replay.h"
#include "appliance/wiring.h"
#include "base/concat.h"
#include "config/load.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

int refused(const Error& error) {
  obs::say_lines(obs::Level::error, error.message);
  return exit_code_of(error);
}

int forget(const appliance::ReplayPlan& plan) {
  const Result<void> forgotten = appliance::forget_replay(plan);
  if (!forgotten.ok()) {
    return refused(forgotten.error());
  }
  obs::say(obs::Level::info,
           concat("forgotten: the groups ", plan.settings.source.group, " and ", plan.range_group,
                  " are removed; the files in ", plan.settings.sink.url, " stay"));
  return k_done;
}

int judge(const appliance::ReplayPlan& plan, const ReplayCommand& command) {
  const Result<appliance::FoundReplay> found = appliance::find_replay(plan, appliance::FindReplay::only_look);
  if (!found.ok()) {
    return refused(found.error());
  }
  obs::init_log(obs::LogOptions{.level = obs::Level::error});
  const auto depth = command.deep ? appliance::Depth::content : appliance::Depth::metadata;
  return say_verdict(found->settings, {.depth = depth}, command.json);
}

// What there is to do before it begins.
std::string opening(const appliance::FoundReplay& found) {
  if (found.requeued) {
    return concat("replays ", grouped(*found.requeued), " records in quarantine into ",
                  found.settings.sink.url, ", which lie in ", grouped(found.positions - found.landed),
                  " offsets of ", found.settings.source.ranges->size(), " partitions");
  }
  return concat("replays ", grouped(found.positions), " offsets of ", found.settings.source.ranges->size(),
                " partitions into ", found.settings.sink.url,
                found.landed > 0 ? concat("; ", grouped(found.landed), " of them are landed already") : "");
}

std::string nothing_to_do(const appliance::FoundReplay& found) {
  if (found.requeued) {
    return concat("nothing to do: of the records in quarantine, none is left to be landed in ",
                  found.settings.sink.url);
  }
  return found.positions == 0
             ? std::string("nothing to do: no partition has an offset in this range")
             : concat("nothing to do: all ", grouped(found.positions), " offsets are landed in ",
                      found.settings.sink.url, " already; --forget would begin anew");
}

// The run has ended well: at the end of its ranges, or by a signal.
int close(const appliance::ReplayPlan& plan) {
  const Result<appliance::FoundReplay> left = appliance::find_replay(plan, appliance::FindReplay::only_look);
  if (!left.ok()) {
    return refused(left.error());
  }
  if (!left->is_done()) {
    obs::say(obs::Level::info,
             concat("stopped before its end, with ", grouped(left->landed), " of ", grouped(left->positions),
                    " offsets landed; run again with the same "
                    "options to go on"));
    return k_done;
  }
  const Result<void> removed = appliance::remove_replay_stage(left->settings);
  return removed.ok() ? k_done : refused(removed.error());
}

int replay(const appliance::ReplayPlan& plan, const ReplayCommand& command) {
  const RunPlan run{.exit_at_end = true, .summary_file = command.summary_file, .json = command.json};
  const Result<appliance::FoundReplay> found = appliance::find_replay(plan, appliance::FindReplay::begin);
  if (!found.ok()) {
    return refused(found.error());
  }
  for (const std::string& note : found->notes) {
    obs::say(obs::Level::warning, note);
  }
  if (found->is_done()) {
    obs::say(obs::Level::info, nothing_to_do(*found));
    return say_summary({}, run);
  }
  obs::say(obs::Level::info, opening(*found));
  const int exit_code = run_appliance(Settings::of(found->settings), run);
  if (exit_code != k_done) {
    return exit_code;
  }
  return close(plan);
}

}  // namespace

int run_replay(const ReplayCommand& command) {
  stand_in_for_instance(command.config);
  const Result<Settings> settings = Settings::load(command.config);
  if (!settings.ok()) {
    obs::init_log({.format = config::log_format_in(command.config, config::process_environment())});
    obs::say_lines(obs::Level::error, settings.error().message);
    return k_wrong_usage;
  }
  obs::init_log(appliance::log_options(settings->details()));
  const Result<appliance::ReplayPlan> plan =
      appliance::plan_replay(settings->details(), {.topic = command.topic,
                                                   .from = command.from,
                                                   .to = command.to,
                                                   .into = command.into,
                                                   .partitions = command.partitions,
                                                   .from_quarantine = command.from_quarantine});
  if (!plan.ok()) {
    return refused(plan.error());
  }
  if (command.forget) {
    return forget(*plan);
  }
  return command.verify ? judge(*plan, command) : replay(*plan, command);
}

}  // namespace penstock::app
