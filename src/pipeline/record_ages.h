// How old the oldest record of a partition is that is not durable yet: the lag in seconds.
//
// Of each batch and partition the first record is looked at, and no other: positions become durable by whole
// batches, so the oldest record that is not durable is the first of the first such batch.
//
//   durable ──┐          9:00:07                9:01:07           log end
//     ────────┼─ batch 7 ▲ ──────── batch 8 ────▲ ───────┼─ not read ─┤
//             └ the lag is now - 9:00:07; when batch 7 is durable, now - 9:01:07
//
// A record whose time cannot be one (of 1970, or of the future) counts from when it was read. Records that
// wait in Kafka and none of which was read have no time here: they count from when they were seen first.
//
// Until when all is durable is told by the same records. Nobody knows when the log took a record whose time
// cannot be one. While such a record is the first that waits, what was told before stands: it is still true.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/record_view.h"
#include "base/types.h"
#include "ledger/ledger.h"

namespace penstock::pipeline {

// The record's time; `now` where that cannot be one.
WallTime time_of(const RecordView& record, WallTime now);

class RecordAges {
 public:
  // It outlives this.
  explicit RecordAges(const Clock& clock) : clock_(clock) {}

  // Of a new assignment, whose slots count from 0. What was known is forgotten.
  void begin_epoch(std::size_t partitions);

  // Records of the partition go into the batch, this one first. What it was told of this record's position
  // and of later ones is forgotten: they are read again. Only a batch's first call does anything.
  void read(PartitionSlot slot, ledger::BatchKey batch, const RecordView& record);

  // `durable`: behind every record that is. `log_end`: -1 where it is not known. Never negative, and zero
  // when everything is durable. None: not known. Forgets what has become durable, so it is called once in a
  // while.
  std::optional<Duration> lag(PartitionSlot slot, Position durable, Position log_end);

  // Every record that the log took before this moment is durable. That is the time of the first record that
  // is not, or what was told last where that time cannot be one. Where all are durable, it is the moment when
  // `log_end` was the end (source::PartitionState::log_end_at). None: not known, as what waits was not read
  // yet, or there is nothing that was told last.
  std::optional<WallTime> landed_until(PartitionSlot slot, Position durable, Position log_end,
                                       std::optional<MonoTime> log_end_at);

 private:
  struct Mark {
    Position first;  // of a batch
    WallTime time;   // of reading where the record's cannot be one
    std::int64_t timestamp_ms;
  };
  struct OfPartition {
    ledger::BatchKey marked_last;
    std::vector<Mark> marks;               // by position; as many as the backlog has batches of the partition
    std::optional<MonoTime> behind_since;  // records are there, and none of them was read
    std::optional<WallTime> told_last;     // by landed_until()
  };

  const Clock& clock_;
  std::vector<OfPartition> partitions_;  // by slot
};

}  // namespace penstock::pipeline
