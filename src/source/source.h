// The Source seam: where records come from. librdkafka today; our own fetcher beside librdkafka's membership;
// the simulator.
//
// A source belongs to one worker and lives on its thread: every call is made there, and every handler runs
// there, from poll() or from a callback of the worker's loop. It hands over spans of record views, never a
// record a call, and no type of a Kafka library crosses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/commit.h"
#include "base/group_entry.h"
#include "base/record_view.h"
#include "base/types.h"

namespace penstock::source {

// Records of one partition in the order of their offsets, without overlap with what was handed over before.
struct RecordSpan {
  PartitionSlot slot;
  std::span<const RecordView> records;  // may be empty: the position moved over a hole
  Position next;                        // the partition's position behind this span
  bool lost = false;  // what lies before `next` and behind the records is gone from the log, and was not read
};

// A partition of a new assignment. Its records come after fetch_from().
struct Assigned {
  TopicPartition id;
  Position start;                        // the entry's position; without one, what source.start says
  std::optional<GroupEntry> entry = {};  // as it was read; none: the group has committed nothing
  bool start_known = true;               // false: the partition failed before; partition_failed follows
};

enum class RevokeReason : std::uint8_t {
  rebalance,  // the group asks for the partitions back: drain, commit, then release()
  lost,       // membership is gone: nothing may be committed any more; drop, then release()
};

struct SourceHandlers {
  // A new assignment, whole (eager protocol); slots are the indices of this list. Never while one is held.
  std::function<void(std::span<const Assigned>)> assigned;

  // The assignment ends. Records stop at once; commits are still possible (rebalance) until release() is
  // called.
  std::function<void(RevokeReason)> revoked;

  // Takes records from the front of the span; returns how many. Fewer than all: there is no room, the rest is
  // offered again at a later poll(). `next` counts as reached when all were taken.
  std::function<std::size_t(const RecordSpan&)> records;

  // A partition cannot go on (data loss, authorization, a batch that is corrupt twice). Its records stop;
  // others go on.
  std::function<void(PartitionSlot, Error)> partition_failed;

  // The source as a whole: retry (logged, goes on by itself) or fatal (the worker must end).
  std::function<void(Error)> failed;
};

// For the lag and --exit-at-end.
struct PartitionState {
  PartitionSlot slot;
  Position position;         // behind what was handed over
  Position log_end;          // -1: not known yet
  bool at_end_mark = false;  // reached the end mark that the source was started with
};

struct SourceCounters {
  std::uint64_t stale_records = 0;  // offsets below the position, dropped as they were handed over before
  std::uint64_t errors = 0;         // transient errors reported by the library
  std::uint64_t throttled_ms = 0;   // asked for by brokers
};

class Source {
 public:
  virtual ~Source() = default;

  // Joins the group. An Error: the configuration cannot work. Brokers that do not answer are no error here:
  // that is reported to `failed` and goes on.
  virtual Result<void> start(SourceHandlers handlers) = 0;

  enum class Room : std::uint8_t { none, some };

  // Serves the group and, if there is room, hands over records that have arrived, at most about
  // `records_max`. Must be called often (at least every few seconds) even without room: membership depends on
  // it. Returns whether more is waiting.
  virtual bool poll(Room room, std::size_t records_max) = 0;

  // Records of the partition come from `position` on: those behind it that were handed over already come again.
  // From `assigned` until `revoked`. Of a partition that has failed: nothing.
  virtual void fetch_from(PartitionSlot slot, Position position) = 0;

  // No more records of the partition until fetch_from(). What was offered and not taken is forgotten.
  virtual void hold(PartitionSlot slot) = 0;

  // What the group has committed for these partitions, now: one entry a slot. An Error never means "no entry".
  // After `assigned`, until release(). One at a time.
  virtual void read_entries(std::span<const PartitionSlot> slots,
                            std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) = 0;

  // One at a time: never before the former's `done` has run. It carries the stamp of the assignment that is
  // held. Empty `commits` is a bug.
  virtual void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) = 0;

  // Ends the assignment after `revoked`: from here on its slots mean nothing. A commit
  // that is under way is given up: its `done` still runs.
  virtual void release() = 0;

  // Leaves the group and frees the library's threads. Blocks for at most a few seconds. No handler runs after
  // it.
  virtual void close() = 0;

  // Written into `states` (resized), one a slot; cheap enough for once a second.
  virtual void partition_states(std::vector<PartitionState>& states) const = 0;
  virtual SourceCounters counters() const = 0;
};

}  // namespace penstock::source
