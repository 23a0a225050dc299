// The claim protocol of one worker, as a state machine: events in, actions out. No I/O, no clock, no thread.
//
//   assigned ─► Assign 1-6 ─► Start ─► extend ... sealed, stored ─► Claim ─► PutBlob ─► published ─► Finish
//                                 └─► Fence (fence_wait later): unchanged, or Assign again
//
// After every event but extend(), and when wake_at() has passed, the driver calls next(now) and carries out what it
// returns, in order, before it hands over more records. `now` is of the clock that counts through suspend.
//
// Under at_least_once there are no fence, claims and tombstones: a batch is published as soon as it is stored, in
// any order, and positions are committed once every range before them is published.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/commit_outcome.h"
#include "base/group_entry.h"
#include "base/types.h"
#include "ledger/actions.h"
#include "ledger/assign.h"
#include "ledger/claim_text.h"
#include "ledger/commit_slot.h"
#include "ledger/ledger.h"

namespace penstock::ledger {

enum class Guarantee : std::uint8_t { exactly_once, at_least_once };

struct ProtocolOptions {
  Guarantee guarantee = Guarantee::exactly_once;
  std::string sink;  // 8 hex digits
  Duration fence_wait = std::chrono::seconds(10);
  Duration retry_min = std::chrono::milliseconds(100);  // between copies of a commit, and reads that failed
  Duration retry_max = std::chrono::seconds(5);
};

struct AssignedPartition {
  TopicPartition id;
  std::optional<GroupEntry> entry;  // as it was read after the assignment: Assign 1
  Position start;                   // without an entry: what source.start says
  bool pin_start = false;           // and it must be committed before the first claim (latest)
};

enum class TombstonePut : std::uint8_t { created, exists };
enum class BlobOutcome : std::uint8_t { published, dead };

class Protocol {
 public:
  explicit Protocol(ProtocolOptions options);

  // ---- the epoch ----
  // A new assignment; slots are indices of `partitions`. The former epoch was released.
  void begin_epoch(MonoTime now, std::span<const AssignedPartition> partitions);
  // R4, plain: the driver seals what is open; Released follows once all is settled, at the latest at the deadline.
  void revoke(MonoTime deadline);
  // R4, lost: no commit any more; Released follows at once.
  void lost();

  // ---- answers ----
  void entries_read(MonoTime now, Ask ask, const Result<std::vector<std::optional<GroupEntry>>>& entries);
  void tombstone_put(Ask ask, TombstonePut outcome);
  void blob_read(Ask ask, FoundBlob found);
  void commit_answered(MonoTime now, Ask ask, CommitOutcome outcome, bool membership_lost);
  void blob_committed(BatchKey batch, BlobOutcome outcome);

  // ---- batches ----
  // The partition was read up to `next`, and what lies between belongs to `batch`. Called for every run of records.
  void extend(BatchKey batch, PartitionSlot slot, Position next) { ledger_.extend(batch, slot, next); }
  // Publish 1. `blob` is its name; empty for a batch without records, which needs no blob and no claim: it counts as
  // published when its turn has come.
  void sealed(BatchKey batch, std::string blob);
  // Publish 2: nothing but the commit of the blob is left to do. May come before sealed().
  void stored(BatchKey batch);
  // The bytes of a sealed batch cannot be had: it is dropped, as if its claim had been refused. False: that comes too
  // late, it is stored and perhaps claimed; or positions are committed without claims.
  bool give_up(BatchKey batch);

  // ---- actions ----
  std::vector<Action> next(MonoTime now);
  // When next() has something to do without an event.
  std::optional<MonoTime> wake_at() const;

  // The ranges, for whoever adds records to batches.
  Ledger& ledger() { return ledger_; }

  // ---- observers ----
  bool in_epoch() const { return ledger_.in_epoch(); }
  bool taking() const { return in_epoch() && !drain_deadline_; }  // records may be handed over
  std::size_t partition_count() const { return ledger_.partition_count(); }
  Position received(PartitionSlot slot) const { return ledger_.received(slot); }
  Position committable(PartitionSlot slot) const { return ledger_.committable(slot); }
  Position committed(PartitionSlot slot) const { return ledger_.committed(slot); }
  // Batches of this epoch that are not published, open ones included.
  std::size_t unpublished_count() const { return ledger_.unpublished_count(); }
  // Batches whose blob is to be committed, whatever their epoch.
  std::size_t claimed_count() const;
  // Nothing of this epoch is left to publish or to commit. For a worker that stops: and claimed_count() is 0.
  bool settled() const;

 private:
  enum class Step : std::uint8_t { reading, putting_tombstone, reading_blob, started, stopped };
  struct PartitionState {
    AssignedPartition assigned;
    Step step = Step::reading;
    std::optional<GroupEntry> read;  // Assign 1: exactly what was read
    AskAbout question;               // Assign 4
    Ask ask;                         // of the question under way
    bool fenced = false;
    bool must_pin = false;      // its start is to be committed before the first claim
    bool entry_behind = false;  // it started behind what the entry says: a published blob of a predecessor
    MonoTime quiet_until{};     // R8: no other commit before
    std::optional<GroupEntry> wrote;  // of mutants
  };
  enum class BatchStep : std::uint8_t { filling, claiming, claimed };
  struct BatchState {
    BatchStep step = BatchStep::filling;
    bool is_sealed = false;
    bool is_stored = false;
    std::string blob;
    bool put_early = false;  // of mutants
  };
  struct PastBatch {  // claimed, and its epoch is over; all but its key is for mutants
    std::uint64_t epoch = 0;
    std::vector<SlotRange> ranges;
    std::vector<TopicPartition> ids;
  };

  bool exactly_once() const { return options_.guarantee == Guarantee::exactly_once; }
  PartitionState& at(PartitionSlot slot);
  Ask new_ask() { return Ask{++last_ask_.value}; }
  void push(Action action);
  void wake(MonoTime at);

  // Assign and Fence: protocol_assign.cc
  void assign(PartitionSlot slot, const std::optional<GroupEntry>& entry);
  void ask(PartitionSlot slot, AskAbout question);
  void start(PartitionSlot slot, Position position);
  void stop(PartitionSlot slot, const std::string& why);
  void read_what_is_due(MonoTime now);
  void fence(PartitionSlot slot, const std::optional<GroupEntry>& entry);
  void assign_again(PartitionSlot slot);

  // Publish: Claim, Commit the blob, Finish: protocol_publish.cc
  void commit_what_is_due(MonoTime now);
  bool may_commit(PartitionSlot slot, MonoTime now);
  bool pin_starts(MonoTime now);
  bool claim(MonoTime now);
  bool finish(MonoTime now);
  bool finish_in_the_past(MonoTime now);
  bool claimable(BatchKey batch, const BatchState& state, MonoTime now);
  void make_commit(MonoTime now, CommitKind kind, std::vector<CommitItem> items,
                   std::optional<BatchKey> batch);
  void send_copy(MonoTime now);
  void resolved(MonoTime now, const CommitSlot::Resolved& commit);
  void claimed(BatchKey batch);
  void pass_empty_batches();
  void put_what_is_due();
  void published(BatchKey batch);

  // Drop, and the end of an epoch: protocol.cc
  void drop_from(BatchKey batch);
  void read_again(const std::map<PartitionSlot, Position>& lowest);
  void past_outcome(BatchKey batch, BlobOutcome outcome);
  void drain(MonoTime now);
  void end_epoch();

  ProtocolOptions options_;
  Ledger ledger_;
  std::vector<PartitionState> partitions_;  // by slot
  std::map<BatchKey, BatchState> batches_;  // sealed, stored or further; open ones only the ledger knows
  std::map<BatchKey, PastBatch> past_;
  std::uint64_t epoch_ = 0;
  MonoTime fence_at_{};
  std::optional<MonoTime> drain_deadline_;
  bool release_owed_ = false;  // the driver still holds an assignment that is lost

  std::optional<Ask> read_ask_;  // of the read under way
  std::vector<PartitionSlot> read_slots_;
  std::uint32_t read_failures_ = 0;
  MonoTime read_not_before_{};

  CommitSlot commit_;
  MonoTime commit_not_before_{};
  std::uint32_t refusals_ = 0;
  bool claimed_last_ = false;  // claims and finishes take turns
  std::vector<std::pair<std::uint64_t, std::vector<CommitItem>>> past_finishes_;  // of mutants

  std::vector<Action> actions_;
  Ask last_ask_{};
  bool changed_ = false;
  std::optional<MonoTime> wake_at_;
};

}  // namespace penstock::ledger
