#include "pipeline/record_ages.h"

#include <algorithm>
#include <chrono>

namespace penstock::pipeline {

namespace {

// None: it cannot be one.
std::optional<WallTime> time_at(std::int64_t timestamp_ms, WallTime now) {
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  return tells_time(timestamp_ms) && timestamp_ms <= now_ms
             ? std::optional(WallTime(std::chrono::milliseconds(timestamp_ms)))
             : std::nullopt;
}

}  // namespace

WallTime time_of(const RecordView& record, WallTime now) {
  return time_at(record.timestamp_ms, now).value_or(now);
}

void RecordAges::begin_epoch(std::size_t partitions) {
  partitions_.clear();
  partitions_.resize(partitions);
}

void RecordAges::read(PartitionSlot slot, ledger::BatchKey batch, const RecordView& record) {
  OfPartition& partition = partitions_[slot.value];
  if (partition.marked_last == batch) {
    return;
  }
  partition.marked_last = batch;
  const Position first{record.offset.value};
  while (!partition.marks.empty() && partition.marks.back().first >= first) {
    partition.marks.pop_back();
  }
  partition.marks.push_back(
      {.first = first, .time = time_of(record, clock_.wall_now()), .timestamp_ms = record.timestamp_ms});
}

std::optional<Duration> RecordAges::lag(PartitionSlot slot, Position durable, Position log_end) {
  if (slot.value >= partitions_.size()) {
    return std::nullopt;
  }
  OfPartition& partition = partitions_[slot.value];
  const auto first_left = std::find_if(partition.marks.begin(), partition.marks.end(),
                                       [durable](const Mark& mark) { return mark.first >= durable; });
  partition.marks.erase(partition.marks.begin(), first_left);
  if (!partition.marks.empty()) {
    partition.behind_since.reset();
    return std::max<Duration>(clock_.wall_now() - partition.marks.front().time, Duration::zero());
  }
  if (log_end.value < 0) {
    return std::nullopt;
  }
  if (durable >= log_end) {
    partition.behind_since.reset();
    return Duration::zero();
  }
  if (!partition.behind_since) {
    partition.behind_since = clock_.now();
  }
  return clock_.now() - *partition.behind_since;
}

std::optional<WallTime> RecordAges::landed_until(PartitionSlot slot, Position durable, Position log_end,
                                                 std::optional<MonoTime> log_end_at) {
  if (slot.value >= partitions_.size()) {
    return std::nullopt;
  }
  OfPartition& partition = partitions_[slot.value];
  const auto first_left =
      std::ranges::find_if(partition.marks, [durable](const Mark& mark) { return mark.first >= durable; });
  if (first_left != partition.marks.end()) {
    // Asked anew each time: a record that was a second ahead of the clock when it was read is soon no more.
    if (const auto time = time_at(first_left->timestamp_ms, clock_.wall_now())) {
      partition.told_last = time;
    }
    return partition.told_last;
  }
  if (log_end.value < 0 || durable < log_end || !log_end_at) {
    return std::nullopt;
  }
  partition.told_last = clock_.wall_now() - (clock_.now() - *log_end_at);
  return partition.told_last;
}

}  // namespace penstock::pipeline
