// A partition's log as its leader keeps it: record batches in Kafka's bytes, and beside them the records that
// a reader is to get, for the judge.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/types.h"

namespace penstock::sim {

struct LogRecord {
  Offset offset;
  std::int64_t timestamp_ms;
  std::string value;  // empty: a tombstone of a compacted topic
};

struct LogBatch {
  Position first;
  Position next;      // behind its last offset, which compaction may have taken away
  std::string bytes;  // magic 2, with its checksum
  std::int64_t max_timestamp_ms = 0;
};

// A transaction that was given up. Its records are in the batches, and no reader of committed records wants
// them.
struct AbortedSpan {
  std::int64_t producer_id;
  Position first;
  Position marker;
};

// From `start` on, the log was written under `epoch`, until the next one.
struct EpochStart {
  std::int32_t epoch;
  Position start;
};

struct Log {
  std::deque<LogRecord> records;  // what is to land; kept when retention has taken it. Addresses are stable
  Position end{0};                // may lie behind a hole
  Position start{0};              // what lies before is deleted

  std::deque<LogBatch> batches;
  std::vector<AbortedSpan> aborted;
  std::vector<EpochStart> epochs = {{0, Position{0}}};

  // A transaction is open there: nothing from it on is given out. The records from it on wait in `undecided`,
  // of which the first `of_open` are its own.
  Position open_at{-1};
  std::vector<LogRecord> undecided;
  std::size_t of_open = 0;

  bool exists = true;      // the topic is not deleted
  std::uint32_t life = 0;  // counts how often it was made anew, or cut

  std::int32_t leader = -1;  // a broker; -1: nobody at the moment
  std::int32_t epoch = 0;

  Position stable_end() const { return open_at.value >= 0 ? open_at : end; }
};

struct Transaction {
  std::int64_t producer_id = -1;  // -1: none
};

// The batch becomes the log's end. `records` have rising offsets, from the log's end on. `next` is behind the
// last of them, perhaps with a hole between.
void append_batch(Log& log, const std::vector<LogRecord>& records, Position next, Transaction transaction);

// What compaction leaves of a batch when each of its records has a newer one: its header, and its offsets.
void append_emptied_batch(Log& log, std::int64_t offsets);

// The control batch that ends a transaction. It takes one offset.
enum class Ending : std::uint8_t { commit, abort };
void append_marker(Log& log, Transaction transaction, Ending ending, std::int64_t timestamp_ms);

}  // namespace penstock::sim
