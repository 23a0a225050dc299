// The half of the direct source that resolves a new assignment: from the group's word to activate().
//
// How it works
//
//   entries of the assigned partitions ─┐
//   the cluster's first answer ─────────┴─► find_starts ─► (latest: entries of the topics' other partitions)
//                                                        ─► list_starts ─► activate
//
// The worked case is "orders 0" to "orders 3" of a group that has read the first two for weeks, with
// source.start: latest. The last two were added an hour ago, and "orders 3" has no leader at the moment.
//
//   1. "orders 0" and "orders 1" have entries. Nothing is looked for.
//   2. `latest` is for a new group. So for "orders 2" and "orders 3" the entries of all partitions of the
//      topic are looked at, whoever has them: there are some. The two begin at the start of their logs, or
//      what was produced in this hour would be skipped. A line says so.
//   3. Their leaders are asked for these starts. "orders 2" has 0. "orders 3" has nobody to ask, which counts
//      as an answer for now. So the session activates, with start_known = false for "orders 3".
//   4. The leaders are asked for again with a pause that grows, and so is the start. Once it is there the
//      pipeline hears start_found.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "kafka/direct_source.h"
#include "wire/list_offsets.h"

namespace penstock::kafka {
namespace {

constexpr Duration k_pause = std::chrono::seconds(1);  // between questions that failed

// A leader that does not answer keeps the partitions of others waiting for so long.
constexpr Duration k_patience = std::chrono::seconds(3);

}  // namespace

void DirectSource::resolve() {
  const std::vector<TopicPartition>& ids = session_.partitions();
  std::erase_if(moves_, [&](const auto& move) { return std::ranges::find(ids, move.first) == ids.end(); });
  entries_read_ = false;
  starts_asked_ = false;
  fetcher_->begin(ids);
  read_assigned_entries();
}

// A move that was not made is found anew in the next assignment.
void DirectSource::end_records() {
  lost_.clear();
  for (auto& [id, place] : moves_) {
    place.reset();
  }
}

void DirectSource::forget_assignment() {
  ++epoch_;
  end_records();
  search_->cancel();
  starts_->cancel();
  fetcher_->end();
  assigned_.clear();
  undecided_.clear();
  newcomers_.clear();
  places_sought_.clear();
}

void DirectSource::again_after(Duration pause, std::function<void()> step) {
  loop_.cancel_timer(again_timer_);
  again_timer_ = loop_.start_timer(pause, for_this_epoch(std::move(step)));
}

void DirectSource::read_assigned_entries() {
  offsets_->read(session_.partitions(), for_this_epoch([this](Result<wire::GroupEntries> entries) {
                   on_assigned_entries(std::move(entries));
                 }));
}

void DirectSource::on_assigned_entries(Result<wire::GroupEntries> entries) {
  if (!entries.ok()) {
    session_.report_passing(std::move(entries).error());
    again_after(k_pause, [this] { read_assigned_entries(); });
    return;
  }
  assigned_.clear();
  const std::vector<TopicPartition>& ids = session_.partitions();
  for (std::uint32_t i = 0; i < ids.size(); ++i) {
    source::Assigned& assigned = assigned_.emplace_back();
    assigned.id = ids[i];
    assigned.entry = std::move((*entries)[i]);
    assigned.start_known = assigned.entry.has_value();
    if (assigned.entry) {
      assigned.start = assigned.entry->position;
      fetcher_->set_start_epoch(PartitionSlot{i}, assigned.entry->leader_epoch);
      topics_with_entries_.insert(ids[i].topic);
    }
  }
  entries_read_ = true;
  find_starts();
}

// When the entries and the cluster's first answer are there.
void DirectSource::find_starts() {
  if (!session_.resolving() || !entries_read_ || !fetcher_->leaders().answered() ||
      std::exchange(starts_asked_, true)) {
    return;
  }
  const bool newcomers =
      std::ranges::any_of(assigned_, [](const source::Assigned& each) { return !each.entry; });
  if (newcomers && options_.consumer.start.at == source::StartAt::latest) {
    read_entries_of_others();
  } else {
    list_starts();
  }
}

// Of all partitions of the topics, for those whose topics have shown none so far.
void DirectSource::read_entries_of_others() {
  std::vector<TopicPartition> others;
  for (const TopicPartition& id : fetcher_->leaders().all_partitions()) {
    if (!topics_with_entries_.contains(id.topic)) {
      others.push_back(id);
    }
  }
  if (others.empty()) {
    list_starts();
    return;
  }
  offsets_->read_apart(others, for_this_epoch([this, others](Result<wire::ApartEntries> entries) {
                         on_entries_of_others(others, std::move(entries));
                       }));
}

void DirectSource::on_entries_of_others(const std::vector<TopicPartition>& others,
                                        Result<wire::ApartEntries> entries) {
  std::optional<Error> error;
  if (!entries.ok()) {
    error = std::move(entries).error();
  } else {
    for (std::size_t i = 0; i < others.size(); ++i) {
      const Result<std::optional<GroupEntry>>& entry = (*entries)[i];
      if (!entry.ok()) {
        error = entry.error();
      } else if (entry->has_value()) {
        topics_with_entries_.insert(others[i].topic);
      }
    }
  }
  if (error) {  // what cannot be read is not absent
    session_.report_passing(*std::move(error));
    again_after(k_pause, [this] { read_entries_of_others(); });
    return;
  }
  list_starts();
}

void DirectSource::list_starts() {
  const std::vector<TopicPartition>& existing = fetcher_->leaders().all_partitions();
  std::map<std::int64_t, std::vector<PartitionSlot>> by_time;
  for (std::uint32_t i = 0; i < assigned_.size(); ++i) {
    const PartitionSlot slot{i};
    if (assigned_[i].start_known) {
      continue;
    }
    const auto& given = options_.consumer.start.given;
    if (const auto named = given.find(assigned_[i].id); named != given.end()) {
      assigned_[i].start = named->second;
      assigned_[i].start_known = true;
      continue;
    }
    const std::int64_t time = start_time(slot);
    const auto before = started_at_.find(assigned_[i].id);
    if (time == wire::k_timestamp_end && before != started_at_.end()) {
      assigned_[i].start = before->second;
      assigned_[i].start_known = true;
    } else {
      by_time[time].push_back(slot);
      undecided_.push_back(slot);
    }
  }
  if (!seen_at_first_) {
    seen_at_first_.emplace(existing.begin(), existing.end());
  }
  if (undecided_.empty()) {
    activate();
    return;
  }
  again_after(k_patience, [this] {
    if (session_.resolving()) {
      activate();
    }
  });
  for (const auto& [time, slots] : by_time) {
    starts_->find(slots, time);
  }
}

// As ListOffsets has it.
std::int64_t DirectSource::start_time(PartitionSlot slot) {
  const TopicPartition& id = assigned_[slot.value].id;
  const source::StartPoint& option = options_.consumer.start;
  const source::StartAt at = source::start_without_entry(
      option.at, {.group_has_its_topic = topics_with_entries_.contains(id.topic),
                  .group_has_any_topic = !topics_with_entries_.empty(),
                  .topics_by_pattern = source::is_topic_pattern(options_.consumer),
                  .appeared_later = seen_at_first_ && !seen_at_first_->contains(id)});
  if (at != option.at) {
    newcomers_.push_back(id);
  }
  switch (at) {
    case source::StartAt::earliest:
    case source::StartAt::given:
      return wire::k_timestamp_start;
    case source::StartAt::latest:
      return wire::k_timestamp_end;
    case source::StartAt::timestamp:
      break;
  }
  return option.timestamp_ms;
}

void DirectSource::on_start(PartitionSlot slot, Position start) {
  if (options_.consumer.start.at == source::StartAt::latest) {
    started_at_[session_.partition(slot)] = start;
  }
  if (session_.held()) {
    session_.tell_start_found(slot, start);
    return;
  }
  if (session_.resolving()) {
    assigned_[slot.value].start = start;
    assigned_[slot.value].start_known = true;
    std::erase(undecided_, slot);
    if (undecided_.empty()) {
      activate();
    }
  }
}

// That counts as an answer: others need not wait for it.
void DirectSource::on_no_start_yet(PartitionSlot slot, const OffsetAnswer& answer) {
  if (answer.kind == OffsetAnswer::Kind::failed) {
    session_.report_passing(*answer.error);
  }
  if (session_.resolving() && std::erase(undecided_, slot) > 0 && undecided_.empty()) {
    activate();
  }
}

void DirectSource::activate() {
  loop_.cancel_timer(std::exchange(again_timer_, io::TimerId::none));
  undecided_.clear();
  for (std::uint32_t i = 0; i < assigned_.size(); ++i) {
    assigned_[i].topic_id = fetcher_->leaders().topic_id(PartitionSlot{i});
  }
  const std::vector<TopicPartition> newcomers = std::exchange(newcomers_, {});
  session_.activate(assigned_);
  if (!newcomers.empty()) {
    session_.report(source::newcomers_begin_at_start(newcomers.front(), newcomers.size()));
  }
}

}  // namespace penstock::kafka
