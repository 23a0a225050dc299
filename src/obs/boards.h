// Numbers whose set changes while the worker runs: by topic, by partition, and by a foreign code.
//
// All are behind a mutex, because their sets change; none takes it for a record. A topic's counters are
// looked up once, when its partitions are assigned, and then counted on without the lock. Partition rows are
// replaced whole about once a second. Readers get copies and hold nothing while they write a page.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/quarantine_reason.h"
#include "base/types.h"
#include "obs/metrics.h"

namespace penstock::obs {

class QuarantineCounters {
 public:
  Counter& operator[](QuarantineReason reason) { return counters_[static_cast<std::size_t>(reason)]; }
  std::array<std::uint64_t, k_quarantine_reasons> values() const;

 private:
  std::array<Counter, k_quarantine_reasons> counters_;
};

// Totals of one topic in one worker. Written by the worker's thread only.
struct TopicMetrics {
  explicit TopicMetrics(std::string_view topic_name) : topic(topic_name) {}

  const std::string topic;

  // In the blobs that were published.
  Counter records;

  // Of the values of these records.
  Counter bytes;
  Counter blobs;

  // Records in the quarantine files beside these blobs.
  QuarantineCounters quarantined;

  // 1 while the store refuses the topic's files until a person acts.
  Gauge refused;
};

// A copy of TopicMetrics for a reader.
struct TopicTotals {
  std::string topic;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t blobs = 0;
  std::array<std::uint64_t, k_quarantine_reasons> quarantined{};
  bool refused = false;
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

// How often something happened, by a code that others have given a name: "503 ServerBusy".
class CodeBoard {
 public:
  // Of more codes than this the rest is counted as "other": codes come from outside. A store has some 20 that
  // a service meets.
  static constexpr std::size_t k_codes_max = 32;

  void count(std::string_view code);

  // A copy, for any thread.
  std::map<std::string, std::uint64_t> totals() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> totals_;
};

struct PartitionRow {
  TopicPartition id;

  // Behind what was handed over to the worker.
  Position position;

  // -1: not known yet.
  Position log_end{-1};

  // Where a restart would begin. Everything before it is published.
  Position committed;

  // How old the oldest record is that is not published, in milliseconds; 0 where everything is. -1: not
  // known.
  std::int64_t lag_ms = -1;

  // Every record that the log took before this moment is published; in milliseconds since the epoch. -1: not
  // known.
  std::int64_t landed_until_ms = -1;

  // -1 where the end is not known.
  std::int64_t lag_records() const;
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
