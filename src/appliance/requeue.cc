// How it works. For example, offsets 5, 9 and 40 of partition 0 are in quarantine files that count:
//
// 1. Before the sink is looked at the service's group has 30. So 5 and 9 are wanted, and 40 waits. The range
//    is 5 to 10. The run lands both, and its group is at 10.
// 2. The same line, a day later: the service is at 90, and 60 is in quarantine too. The replay's group says
//    that all below 10 is done. So 40 and 60 are wanted, and the range is 5 to 61.
// 3. Had the log lost everything below 50 meanwhile, 40 could not be read. It is named. The replay ends, or
//    goes on with 60, as source.on_data_loss says.
#include "appliance/requeue.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "appliance/cluster_answers.h"
#include "appliance/wiring_store.h"
#include "base/clock.h"
#include "base/concat.h"
#include "verify/judge.h"
#include "verify/lake_reader.h"
#include "verify/quarantined_offsets.h"

namespace penstock::appliance {
namespace {

constexpr std::chrono::milliseconds k_requeue_answer{10'000};

std::uint64_t positions_in(const std::vector<Range>& ranges) {
  std::uint64_t count = 0;
  for (const Range& range : ranges) {
    count += static_cast<std::uint64_t>(range.next.value - range.first.value);
  }
  return count;
}

// Empty: the service's group does not say.
std::string topic_id_of(const rdkafka::ProbeReport& service) {
  verify::ClusterView view;
  for (const auto& [id, entry] : service.committed) {
    view[id].after = entry;
  }
  const std::map<TopicPartition, std::string> ids = verify::topic_ids(view);
  return ids.empty() ? std::string() : ids.begin()->second;
}

Result<verify::QuarantinedOffsets> look_into_quarantine(const config::Settings& service,
                                                        const std::string& topic_id) {
  const Result<LoneStore> sink = make_lone_store(service, StoreUse::read);
  if (!sink.ok()) {
    return sink.error();
  }
  verify::LakeReader lake(*sink->store, *sink->loop, system_clock());
  return verify::read_quarantined_offsets(
      lake, {.group = service.source.group, .topic = service.source.topics.front(), .topic_id = topic_id});
}

void note_files(const verify::QuarantinedOffsets& found, std::vector<std::string>& notes) {
  if (found.lonely_files > 0) {
    notes.push_back(
        concat(found.lonely_files,
               " quarantine files count for nothing, as the files beside them are not there: their "
               "records are in other files"));
  }
  if (found.former_records > 0) {
    notes.push_back(concat(found.former_records,
                           " records in quarantine are of an earlier topic of this name, and not in its log; "
                           "the quarantine files still have them"));
  }
}

}  // namespace

Result<RequeuedPartition> requeue_partition(const ReplayPlan& plan, const TopicPartition& id,
                                            const verify::IntervalSet& quarantined, const RequeueFacts& facts,
                                            std::vector<std::string>& notes) {
  const Position landed = facts.landed.value_or(Position{0});
  const std::vector<Range> gone = quarantined.present({landed, std::min(facts.log.start, facts.settled)});
  if (!gone.empty()) {
    const std::string told = concat(named(id), ": ", positions_in(gone),
                                    " records in quarantine, of offsets ", gone.front().first.value, " to ",
                                    gone.back().next.value - 1, ", have left the log (retention)");
    if (plan.settings.source.on_data_loss == source::OnDataLoss::stop) {
      return make_error(ErrorKind::not_found, Action::fatal,
                        concat(told,
                               ", and cannot be read again; the quarantine files still have them. Set "
                               "source.on_data_loss: continue to land the others"),
                        "OFFSET_OUT_OF_RANGE");
    }
    notes.push_back(concat(told, "; the quarantine files still have them"));
  }
  const std::vector<Range> done = quarantined.present({Position{0}, std::min(landed, facts.settled)});
  RequeuedPartition found{.range = {landed, landed}};
  found.wanted = quarantined.present({std::max(landed, facts.log.start), facts.settled});
  if (!done.empty()) {
    found.range = {done.front().first, done.back().next};
  } else if (!found.wanted.empty()) {
    found.range.first = found.wanted.front().first;
  }
  if (!found.wanted.empty()) {
    found.range.next = found.wanted.back().next;
  }
  if (!quarantined.empty() && quarantined.next() > facts.settled) {
    found.waiting = positions_in(quarantined.present({facts.settled, quarantined.next()}));
  }
  return found;
}

std::map<TopicPartition, Range> joined_ranges(const std::map<TopicPartition, Range>& written,
                                              const std::map<TopicPartition, Range>& found,
                                              const std::map<TopicPartition, GroupEntry>& landed) {
  std::map<TopicPartition, Range> joined = found;
  for (const auto& [id, range] : written) {
    const auto added = joined.emplace(id, Range{range.next, range.next});
    if (landed.contains(id)) {
      added.first->second.first = range.first;
    }
  }
  for (auto& [id, range] : joined) {
    if (const auto entry = landed.find(id); entry != landed.end()) {
      range.first = std::min(range.first, entry->second.position);
      range.next = found.contains(id) ? std::max(range.next, entry->second.position) : entry->second.position;
    }
  }
  return joined;
}

Result<Requeue> find_requeue(const ReplayPlan& plan, const std::map<TopicPartition, source::LogBounds>& logs,
                             const std::map<TopicPartition, GroupEntry>& landed,
                             std::vector<std::string>& notes) {
  const Result<rdkafka::ProbeReport> before =
      ask_cluster(*plan.quarantine_of, Question::group, k_requeue_answer);
  if (!before.ok()) {
    return before.error();
  }
  const auto quarantine = look_into_quarantine(*plan.quarantine_of, topic_id_of(*before));
  if (!quarantine.ok()) {
    return quarantine.error();
  }
  note_files(*quarantine, notes);
  Requeue requeue;
  source::WantedOffsets wanted;
  std::uint64_t waiting = 0;
  for (const auto& [partition, offsets] : quarantine->offsets) {
    const TopicPartition id{plan.quarantine_of->source.topics.front(), partition};
    const auto log = logs.find(id);
    if (log == logs.end()) {
      continue;  // not asked for, or of a topic with fewer partitions
    }
    RequeueFacts facts{.log = log->second};
    if (const auto entry = before->committed.find(id); entry != before->committed.end()) {
      facts.settled = entry->second.position;
    }
    if (const auto entry = landed.find(id); entry != landed.end()) {
      facts.landed = entry->second.position;
    }
    Result<RequeuedPartition> found = requeue_partition(plan, id, offsets, facts, notes);
    if (!found.ok()) {
      return std::move(found).error();
    }
    requeue.ranges.emplace(id, found->range);
    requeue.records += positions_in(found->wanted);
    waiting += found->waiting;
    wanted.emplace(id, std::move(found->wanted));
  }
  if (waiting > 0) {
    notes.push_back(concat(waiting,
                           " records in quarantine lie behind what the service has committed; a later run of "
                           "the same line lands them"));
  }
  requeue.wanted = std::make_shared<const source::WantedOffsets>(std::move(wanted));
  return requeue;
}

}  // namespace penstock::appliance
