// --exit-at-end: which partitions of the group have reached their end marks, whoever owns them.
//
// A mark is where a partition's log ended when the run began. It is reached when the group's entry is there.
// The entry may be a claim: its position is where the claim begins, so that what it claims lies behind the
// mark. What has been reached stays so.
//
// The workers of a process share one. Each tells it of its own partitions. One of them, about once a second,
// reads the entries of those that are still open, as they may be another process's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/group_entry.h"
#include "base/types.h"

namespace penstock::pipeline {

// Of one partition, as its log was when the run began.
struct EndMark {
  Position log_start;
  Position mark;
};

// From any thread.
class GroupEnd {
 public:
  explicit GroupEnd(std::map<TopicPartition, EndMark> marks);

  // An own partition: everything below `committed` is published and committed, or lies before its start. A
  // partition without a mark did not exist when the run began, and is not waited for.
  void told(const TopicPartition& id, Position committed);

  // The partitions to read the entries of, at most once a second for all workers. Empty: none, or not now.
  std::vector<TopicPartition> to_read(MonoTime now);

  // What was read of them, in their order. Without an entry, nothing is committed: then a mark is reached
  // only where the log had nothing below it.
  void read(std::span<const TopicPartition> partitions, std::span<const std::optional<GroupEntry>> entries);

  // A partition below its mark. `at`: the last known position. None: the group has committed nothing.
  struct Left {
    TopicPartition id;
    std::optional<Position> at;
    Position mark;
  };

  // Positions between where partitions stood when that was first known and their marks; and how many of these
  // are published and committed. Partitions of which nothing is known yet are not counted.
  struct Progress {
    std::uint64_t done = 0;
    std::uint64_t total = 0;
  };
  Progress progress() const;

  bool complete() const;
  std::vector<Left> left() const;
  std::size_t mark_count() const { return marks_.size(); }

  // Grows with every position that has changed.
  std::uint64_t news() const;

 private:
  struct Known {
    EndMark mark;
    std::optional<Position> at;
    Position began{};  // the first `at`
    bool reached = false;
  };

  void learn(Known& known, Position at);

  mutable std::mutex mutex_;
  std::map<TopicPartition, Known> marks_;
  std::size_t open_count_ = 0;
  std::uint64_t news_ = 0;
  std::optional<MonoTime> last_read_;
};

}  // namespace penstock::pipeline
