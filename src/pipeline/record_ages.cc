#include "pipeline/record_ages.h"

#include <algorithm>
#include <chrono>

namespace penstock::pipeline {

WallTime time_of(const RecordView& record, WallTime now) {
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const bool is_time = tells_time(record.timestamp_ms) && record.timestamp_ms <= now_ms;
  return is_time ? WallTime(std::chrono::milliseconds(record.timestamp_ms)) : now;
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
  partition.marks.push_back({.first = first, .time = time_of(record, clock_.wall_now())});
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
                                                 std::optional<MonoTime> log_end_at) const {
  if (slot.value >= partitions_.size()) {
    return std::nullopt;
  }
  const std::vector<Mark>& marks = partitions_[slot.value].marks;
  const auto first_left =
      std::ranges::find_if(marks, [durable](const Mark& mark) { return mark.first >= durable; });
  if (first_left != marks.end()) {
    return first_left->time;
  }
  if (log_end.value < 0 || durable < log_end || !log_end_at) {
    return std::nullopt;
  }
  return clock_.wall_now() - (clock_.now() - *log_end_at);
}

}  // namespace penstock::pipeline
