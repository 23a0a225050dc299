// Numbers whose set changes while the worker runs: by topic, and by partition.
//
// Both are behind a mutex, because their sets change; neither takes it for a record. A topic's counters are
// looked up once, when its partitions are assigned, and then counted on without the lock. Partition rows are
// replaced whole about once a second. Readers get copies and hold nothing while they write a page.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "obs/metrics.h"

namespace penstock::obs {

// Totals of one topic in one worker. Written by the worker's thread only.
struct TopicMetrics {
  explicit TopicMetrics(std::string_view topic_name) : topic(topic_name) {}

  const std::string topic;
  Counter records;

  // Of the records' values.
  Counter bytes;
  Counter blobs;
};

// A copy of TopicMetrics for a reader.
struct TopicTotals {
  std::string topic;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t blobs = 0;
};

class TopicBoard {
 public:
  // The topic's counters, made when first asked for. Valid as long as the board: a total never shrinks, so a
  // topic that is not read any more keeps its line. As many lines as topics were ever assigned.
  TopicMetrics& of(std::string_view topic);

  // A copy, for any thread.
  std::vector<TopicTotals> totals() const;

 private:
  mutable std::mutex mutex_;
  // A deque, because it moves nothing when it grows.
  std::deque<TopicMetrics> topics_;
};

struct PartitionRow {
  TopicPartition id;

  // Behind what was handed over to the worker.
  Position position;

  // -1: not known yet.
  Position log_end{-1};

  // Where a restart would begin. Everything before it is published.
  Position committed;
};

class PartitionBoard {
 public:
  // `rows` becomes the board, and the former rows come back in it, so that their memory is used again. The
  // worker's thread calls this about once a second.
  void exchange(std::vector<PartitionRow>& rows);

  // A copy, for any thread.
  std::vector<PartitionRow> rows() const;

 private:
  mutable std::mutex mutex_;
  std::vector<PartitionRow> rows_;
};

}  // namespace penstock::obs
