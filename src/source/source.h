// The Source seam: where records come from. Two sources serve it. kafka::DirectSource fetches for itself,
// beside a member of the group. rdkafka::LibrdkafkaSource leaves all of it to librdkafka.
//
// A source belongs to one worker and lives on its thread. Every call is made there. Every handler runs there
// too: from poll(), from front(), or from a callback of the worker's loop. No type of a Kafka library crosses
// the seam.
//
//   each turn of the worker:   poll()                               serve the group
//                              front() ─► take ─► taken() ─► ...    while there is room, and up to a bound
//                              sleep on the loop, unless front() still gives something
//
// Records are handed over as spans of views, never one record per call. Back-pressure is not to call front():
// what has arrived waits, and nothing more is asked for.
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

#include "base/clock.h"
#include "base/commit.h"
#include "base/group_entry.h"
#include "base/record_view.h"
#include "base/types.h"

namespace penstock::source {

// Records of one partition in the order of their offsets, without overlap with what was taken before.
struct RecordSpan {
  PartitionSlot slot;

  // May be empty: then the position moves over a hole, which control records and compaction leave.
  std::span<const RecordView> records;

  // The partition's position behind this span.
  Position next;

  // True: what lies before `next` and behind the records is gone from the log, and was not read.
  bool lost = false;
};

// A partition of a new assignment. Its records come after fetch_from().
struct Assigned {
  TopicPartition id;

  // The position of the entry. Without an entry, what source.start says.
  Position start;

  // As it was read. None: the group has committed nothing for the partition.
  std::optional<GroupEntry> entry = {};

  // False: where it starts is not found yet. start_found or partition_failed follows.
  bool start_known = true;

  // Of the topic, 32 lower-case hex digits. A topic that is made anew has another one. Empty: the brokers
  // give none.
  std::string topic_id = {};
};

enum class RevokeReason : std::uint8_t {
  rebalance,  // the group asks for the partitions back: drain, commit, then release()
  lost,       // membership is gone: nothing may be committed any more; drop, then release()
};

struct SourceHandlers {
  // A new assignment, whole (eager protocol). Slots are the indices of this list. Never while one is held.
  std::function<void(std::span<const Assigned>)> assigned;

  // The assignment ends. There are no more records of it. Commits are still possible (rebalance) until
  // release().
  std::function<void(RevokeReason)> revoked;

  // Where a partition starts whose start was not known when it was assigned.
  std::function<void(PartitionSlot, Position)> start_found;

  // The partition is to be read from here on, in place of where it stands: its log does not have that
  // position any more, and source.on_data_loss is `continue`. It may go back: then a topic was made anew, and
  // `topic_id` is that of the new one (Assigned::topic_id), or its log has lost its end. May be told at any
  // time while the assignment is held. The source hands over nothing of the partition until fetch_from(),
  // which comes when everything that was handed over is published, as a rule within batch.max_age.
  std::function<void(PartitionSlot, Position, const std::string& topic_id)> moved;

  // Nothing can be read of a partition for the time being: nobody leads it, its topic is not known, or a
  // right is missing. It is tried on. Told again every 30 s while that lasts, then partition_goes_on. Both
  // may be left empty.
  std::function<void(PartitionSlot, Error)> partition_waits = {};
  std::function<void(PartitionSlot)> partition_goes_on = {};

  // A partition cannot go on (data loss, a batch that is corrupt twice). Its records stop.
  // Others go on.
  std::function<void(PartitionSlot, Error)> partition_failed;

  // The source as a whole: retry (worth a line in the log, it goes on by itself) or fatal (the worker must
  // end).
  std::function<void(Error)> failed;
};

// For the lag and --exit-at-end.
struct PartitionState {
  PartitionSlot slot;

  // Behind what was taken.
  Position position;

  // -1: not known yet.
  Position log_end;

  // Whatever was written before this moment lies before log_end, also what is of a transaction that was open.
  // None: not known, or the source cannot tell.
  std::optional<MonoTime> log_end_at = {};

  // Whether it has reached the end mark that the source was started with.
  bool at_end_mark = false;
};

struct SourceCounters {
  // Records with offsets below the position. They are dropped, as they were handed over before.
  std::uint64_t stale_records = 0;

  // Errors that passed by themselves, those that were not told included.
  std::uint64_t errors = 0;

  // How long the brokers asked for a pause, together.
  std::uint64_t throttled_ms = 0;

  // When a broker gave records last, or said that there are none. None: not yet, or the source cannot tell.
  std::optional<MonoTime> last_answer = {};

  // Since when such an answer is overdue, of the broker that it is waited for longest. None: of no broker.
  std::optional<MonoTime> overdue_since = {};
};

class Source {
 public:
  virtual ~Source() = default;

  // Joins the group. Error: the configuration cannot work. Brokers that do not answer are no error here: that
  // is told to `failed`, and the source goes on trying.
  virtual Result<void> start(SourceHandlers handlers) = 0;

  // Serves the group. Must be called at least every few seconds, also without room for records: membership
  // depends on it.
  virtual void poll() = 0;

  // What is to be taken next: the front of what has arrived. Null: all of it is taken, and more was asked
  // for. The span is valid until the next call of any function but the const ones. Until the next poll(),
  // front() gives it again while it is not taken, unless its partition is sent elsewhere, is held or fails,
  // or the assignment ends.
  virtual const RecordSpan* front() = 0;

  // So many records were taken from the front of the span that front() gave last. All of them: the
  // partition's position moves to the span's `next`. Fewer: the rest is the next front(). A span without
  // records is taken with 0. Nothing happens if front() would not give that span again.
  virtual void taken(std::size_t count) = 0;

  // Records of the partition come from `position` on: those behind it that were taken already come again.
  // From `assigned` until release(). Does nothing after `revoked`, and for a partition that has failed.
  virtual void fetch_from(PartitionSlot slot, Position position) = 0;

  // Before fetch_from(): the records from here up to its position were not read from this source, but had
  // from the stage. So the entry's leader epoch, which is of the records before them, says nothing of them.
  virtual void read_elsewhere(PartitionSlot slot, Position from) = 0;

  // No more records of the partition until fetch_from(). What has arrived and was not taken is forgotten.
  // From `assigned` until release(). Does nothing after `revoked`.
  virtual void hold(PartitionSlot slot) = 0;

  // The position belongs to an earlier topic of the same name. The partition is held. `moved` or
  // partition_failed follows, as source.on_data_loss says. Does nothing after `revoked`.
  virtual void distrust(PartitionSlot slot, Position position) = 0;

  // What the group has committed for these partitions, now: one entry per partition. An Error never means "no
  // entry". From start() until close(), whatever is assigned. Several may be under way.
  virtual void read_entries(std::vector<TopicPartition> partitions,
                            std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) = 0;

  // One at a time: never before the `done` of the former has run. It carries the stamp of the assignment that
  // is held. Empty `commits` is a bug.
  virtual void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) = 0;

  // Ends the assignment after `revoked`. From here on its slots mean nothing. A commit that is under way is
  // given up: its `done` still runs.
  virtual void release() = 0;

  // Leaves the group and frees the threads of libraries. Blocks for at most a few seconds. No handler runs
  // after it.
  virtual void close() = 0;

  // Written into `states` (resized), one per slot. Cheap enough for once a second.
  virtual void partition_states(std::vector<PartitionState>& states) const = 0;
  virtual SourceCounters counters() const = 0;
};

}  // namespace penstock::source
