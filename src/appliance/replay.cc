// How it works. The ranges are found once in the life of a replay, and kept in a group of their own
// (replay_plan.h says why). For example, a run over 4 partitions that is killed, and run again:
//
// 1. The range group has no entries. Where --from and --to are in each log is asked, and committed there.
// 2. What was committed is read back, and only that counts. Of two such runs at the same time the later one
//    may put its own answers in the place of the other's. Both ranges begin at the same place, and each
//    position is still landed once.
// 3. The run has read half when it is killed. Its own group has positions and perhaps a claim.
// 4. The second run finds the entries of step 1, and asks for nothing but what the group has committed. The
//    claim is settled by the workers, as in every start.
//
// A broker that does not give back metadata (at_least_once) keeps the ends only. Where the ranges begin is
// then found again, and counts only for partitions that the group has no position of.
#include "appliance/replay.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "appliance/cluster_answers.h"
#include "appliance/fault_at.h"
#include "appliance/requeue.h"
#include "appliance/tokens.h"
#include "appliance/wiring.h"
#include "appliance/wiring_source.h"
#include "base/clock.h"
#include "base/concat.h"
#include "io/loop.h"
#include "kafka/stamp_trial.h"
#include "rdkafka/cluster_probe.h"
#include "rdkafka/lone_commit.h"
#include "stage/directory.h"

namespace penstock::appliance {
namespace {

using Ranges = std::map<TopicPartition, Range>;

constexpr std::chrono::milliseconds k_replay_answer{10'000};

// The partitions that are asked for. Error: one of them is not there.
Result<std::map<TopicPartition, source::LogBounds>> chosen_logs(const ReplayPlan& plan,
                                                                const rdkafka::ProbeReport& cluster) {
  if (plan.partitions.empty()) {
    return cluster.logs;
  }
  std::map<TopicPartition, source::LogBounds> logs;
  for (const std::int32_t number : plan.partitions) {
    const TopicPartition id{plan.settings.source.topics.front(), Partition{number}};
    const auto log = cluster.logs.find(id);
    if (log == cluster.logs.end()) {
      return make_error(ErrorKind::not_found, Action::fatal,
                        concat("--partition ", number, ": the topic ", id.topic, " has ", cluster.logs.size(),
                               " partitions, from 0 on"),
                        std::string(k_configuration_fault));
    }
    logs.insert(*log);
  }
  return logs;
}

Result<std::map<TopicPartition, Position>> at(const ReplayPlan& plan, const LogPlace& place,
                                              const std::map<TopicPartition, source::LogBounds>& logs) {
  if (place.kind != LogPlace::Kind::time) {
    return std::map<TopicPartition, Position>();
  }
  return rdkafka::positions_at_time(kafka_options(plan.settings, 0), logs, place.time, k_replay_answer);
}

// As --from and --to say it now.
Result<Ranges> ranges_now(const ReplayPlan& plan, const std::map<TopicPartition, source::LogBounds>& logs,
                          std::vector<std::string>& notes) {
  const auto from = at(plan, plan.from, logs);
  if (!from.ok()) {
    return from.error();
  }
  const auto to = at(plan, plan.to, logs);
  if (!to.ok()) {
    return to.error();
  }
  Ranges ranges;
  for (const auto& [id, log] : logs) {
    const ReplayFacts facts{.log = log,
                            .from_time = from->contains(id) ? from->at(id) : Position{},
                            .to_time = to->contains(id) ? to->at(id) : Position{}};
    const Result<Range> range = replay_range(plan, id, facts, notes);
    if (!range.ok()) {
      return range.error();
    }
    ranges.emplace(id, *range);
  }
  return ranges;
}

class ReplaySearch {
 public:
  ReplaySearch(const ReplayPlan& plan, FindReplay mode) : plan_(plan), mode_(mode) {
    found_.settings = plan.settings;
    range_settings_ = plan.settings;
    range_settings_.source.group = plan.range_group;
  }

  Result<FoundReplay> run() {
    const auto cluster = ask_cluster(plan_.settings, Question::group, k_replay_answer);
    if (!cluster.ok()) {
      return cluster.error();
    }
    Result<Ranges> ranges = written_ranges(*cluster);
    if (ranges.ok() && plan_.quarantine_of && mode_ == FindReplay::begin) {
      ranges = requeued_ranges(*cluster, *ranges);
    } else if (ranges.ok() && ranges->empty()) {
      ranges = mode_ == FindReplay::begin ? write_ranges(*cluster) : nothing_begun(*cluster);
    }
    if (!ranges.ok()) {
      return std::move(ranges).error();
    }
    for (const auto& [id, range] : *ranges) {
      const auto entry = cluster->committed.find(id);
      const Position at = entry == cluster->committed.end() ? range.first : entry->second.position;
      found_.positions += static_cast<std::uint64_t>(range.next.value - range.first.value);
      found_.landed +=
          static_cast<std::uint64_t>(std::clamp(at, range.first, range.next).value - range.first.value);
    }
    found_.settings.source.ranges = std::move(ranges).value();
    return std::move(found_);
  }

 private:
  // Empty: there are none.
  Result<Ranges> written_ranges(const rdkafka::ProbeReport& cluster) {
    const auto written = ask_cluster(range_settings_, Question::group, k_replay_answer);
    if (!written.ok()) {
      return written.error();
    }
    Ranges ranges;
    std::optional<Ranges> now;
    for (const auto& [id, entry] : written->committed) {
      std::optional<Position> first = first_in_metadata(entry.metadata);
      if (!first && plan_.quarantine_of) {
        first = entry.position;  // what lies before it, nothing tells
      }
      if (!first && !now) {
        std::vector<std::string> known_already;
        Result<Ranges> again = ranges_now(plan_, cluster.logs, known_already);
        if (!again.ok()) {
          return again;
        }
        now = std::move(again).value();
      }
      if (!first && now->contains(id)) {
        first = now->at(id).first;
      }
      if (!first) {
        continue;  // a partition that is no more
      }
      ranges.emplace(id, Range{std::min(*first, entry.position), entry.position});
    }
    return ranges;
  }

  Result<Ranges> write_ranges(const rdkafka::ProbeReport& cluster) {
    const auto logs = chosen_logs(plan_, cluster);
    if (!logs.ok()) {
      return logs.error();
    }
    Result<Ranges> ranges = ranges_now(plan_, *logs, found_.notes);
    if (!ranges.ok()) {
      return ranges;
    }
    const Result<void> committed = commit(*ranges);
    return committed.ok() ? written_ranges(cluster) : committed.error();
  }

  // Found anew by each run, and not read back: of what another run has found the records are not known here.
  Result<Ranges> requeued_ranges(const rdkafka::ProbeReport& cluster, const Ranges& written) {
    const auto logs = chosen_logs(plan_, cluster);
    if (!logs.ok()) {
      return logs.error();
    }
    Result<Requeue> requeue = find_requeue(plan_, *logs, cluster.committed, found_.notes);
    if (!requeue.ok()) {
      return std::move(requeue).error();
    }
    found_.requeued = requeue->records;
    found_.settings.source.wanted = std::move(requeue->wanted);
    const Ranges ranges = joined_ranges(written, requeue->ranges, cluster.committed);
    const Result<void> committed = ranges == written ? Result<void>() : commit(ranges);
    return committed.ok() ? Result<Ranges>(ranges) : committed.error();
  }

  Result<void> commit(const Ranges& ranges) {
    std::map<TopicPartition, GroupEntry> entries;
    for (const auto& [id, range] : ranges) {
      entries.emplace(id, GroupEntry{.position = range.next, .metadata = range_metadata(range)});
    }
    return rdkafka::commit_without_members(kafka_options(range_settings_, 0), entries, k_replay_answer);
  }

  // Of a quarantine without a record a run begins nothing, and that is no fault.
  Result<Ranges> nothing_begun(const rdkafka::ProbeReport& cluster) {
    if (plan_.quarantine_of) {
      const auto logs = chosen_logs(plan_, cluster);
      if (!logs.ok()) {
        return logs.error();
      }
      const Result<Requeue> requeue = find_requeue(plan_, *logs, cluster.committed, found_.notes);
      if (!requeue.ok()) {
        return requeue.error();
      }
      if (requeue->records == 0) {
        return Ranges();
      }
    }
    return make_error(
        ErrorKind::not_found, Action::fatal,
        concat("there is no such replay: the group ", plan_.range_group,
               " has no positions. It was never begun with these options, or forgotten, or Kafka "
               "has forgotten it (7 days after its end, as a rule)"));
  }

  const ReplayPlan& plan_;
  const FindReplay mode_;
  config::Settings range_settings_;
  FoundReplay found_;
};

}  // namespace

Result<FoundReplay> find_replay(const ReplayPlan& plan, FindReplay mode) {
  const Result<Tokens> tokens = Tokens::open_and_await(plan.settings);
  return tokens.ok() ? ReplaySearch(plan, mode).run() : tokens.error();
}

Result<void> forget_replay(const ReplayPlan& plan) {
  const Result<Tokens> tokens = Tokens::open_and_await(plan.settings);
  if (!tokens.ok()) {
    return tokens.error();
  }
  Result<std::unique_ptr<io::Loop>> loop =
      io::make_loop(io::LoopOptions{.choice = io::Choice::portable}, system_clock());
  if (!loop.ok()) {
    return std::move(loop).error();
  }
  source::ConsumerOptions options = kafka_options(plan.settings, 0);
  Result<void> removed = kafka::remove_group(options, **loop, system_clock());
  if (removed.ok()) {
    options.group = plan.range_group;
    removed = kafka::remove_group(options, **loop, system_clock());
  }
  return removed;
}

Result<void> remove_replay_stage(const config::Settings& settings) {
  std::error_code error;
  for (std::uint32_t worker = 0; std::filesystem::exists(stage_directory(settings, worker), error);
       ++worker) {
    if (const Result<std::string> removed = stage::remove_stage(stage_directory(settings, worker));
        !removed.ok()) {
      return removed.error();
    }
  }
  std::filesystem::remove(std::filesystem::path(stage_directory(settings, 0)).parent_path(), error);
  return {};
}

}  // namespace penstock::appliance
