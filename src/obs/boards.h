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
  Counter bytes;  // of values
  Counter blobs;
};

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

  std::vector<TopicTotals> totals() const;

 private:
  mutable std::mutex mutex_;
  std::deque<TopicMetrics> topics_;  // a deque moves nothing when it grows
};

struct PartitionRow {
  TopicPartition id;
  Position position;     // behind what was handed over to the worker
  Position log_end{-1};  // -1: not known yet
  Position committed;    // where a restart would begin: published up to here
};

class PartitionBoard {
 public:
  // `rows` becomes the board, and the former rows come back in it, so that their memory is used again.
  void exchange(std::vector<PartitionRow>& rows);

  std::vector<PartitionRow> rows() const;

 private:
  mutable std::mutex mutex_;
  std::vector<PartitionRow> rows_;
};

}  // namespace penstock::obs
