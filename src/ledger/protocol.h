// The claim protocol of one worker, as a state machine: events in, actions out. No I/O, no clock, no thread.
// PROTOCOL.md is the protocol.
//
//   assigned ─► Assign ─► Start ─► extend ... sealed, stored ─► claim ─► PutBlob ─► published ─► finish
//                            └─► fence, fence_wait later: unchanged, or Assign again
//
// The driver tells of every event below. After every event but extend(), and when wake_at() has passed, it
// calls next(now) and carries out the actions that are returned, in their order, before it hands over more
// records. `now` is of the clock that counts through suspend, and never goes back.
//
// Under at_least_once there are no fence, claims and tombstones. A batch is published as soon as it is
// stored, in any order. Positions are committed once every range before them is published.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/commit.h"
#include "base/commit_outcome.h"
#include "base/group_entry.h"
#include "base/types.h"
#include "ledger/actions.h"
#include "ledger/assign.h"
#include "ledger/claim_text.h"
#include "ledger/commit_slot.h"
#include "ledger/guarantee.h"
#include "ledger/ledger.h"

namespace penstock::ledger {

struct ProtocolOptions {
  Guarantee guarantee = Guarantee::exactly_once;
  // Our sink as claims name it: 8 hex digits (claim_text.h).
  std::string sink;
  // After this time a request to the coordinator is processed or never will be.
  Duration fence_wait = std::chrono::seconds(10);
  // Pauses between the copies of a commit, after a refusal, and after a read that failed. They double.
  Duration retry_min = std::chrono::milliseconds(100);
  Duration retry_max = std::chrono::seconds(5);
  // No finish follows the answer to a claim of its partition sooner, and finishes are twice as far apart:
  // some brokers hold the second commit of a partition back for a second.
  Duration finish_pause = std::chrono::seconds(1);
  // A partition that stopped for want of a right is tried again after this time.
  Duration right_retry = std::chrono::seconds(30);
};

// A partition of a new assignment, after the read of Assign 1.
struct AssignedPartition {
  TopicPartition id;
  // Exactly what was read. None: the group has committed nothing.
  std::optional<GroupEntry> entry;
  // Where the partition starts without an entry: what source.start says.
  Position start;
  // False: that is not known yet. start_found() follows, if the partition does not fail.
  bool start_known = true;
  // That start must be committed before the first claim, as source.start would give another one later
  // (Publish 3).
  bool pin_start = false;
  // The id of its topic (source::Assigned::topic_id). Empty: the brokers have none.
  std::string topic_id = {};
};

// Why a batch has no row. Of `lost` positions no later entry and no blob says that they hold nothing.
enum class Rowless : std::uint8_t { bare, lost };

// What the store said to a tombstone. `exists`: something is at the name, perhaps our own earlier try.
enum class TombstonePut : std::uint8_t { created, exists };

// What became of a blob (Publish 5). `dead`: a tombstone is at its name.
enum class BlobOutcome : std::uint8_t { published, dead };

class Protocol {
 public:
  explicit Protocol(ProtocolOptions options);

  // The epoch

  // A new assignment. Slots are indices of `partitions`. The former epoch must have been released (CHECK).
  void begin_epoch(MonoTime now, std::span<const AssignedPartition> partitions);

  // Where a partition starts whose start was not known.
  void start_found(PartitionSlot slot, Position start);

  // The partition is to be read from here on, and it is of the topic with this id. What was read of it so far
  // is published first. Then Start follows.
  void moved(PartitionSlot slot, Position position, std::string topic_id);

  // R4, a plain revoke. The driver seals what is open. Released follows once all is settled, or at the
  // deadline. It follows at once if the epoch has ended already.
  void revoke(MonoTime deadline);

  // R4, the assignment is lost. No commit is made any more, and Released follows at once.
  void lost();

  // Answers to actions. One that nobody waits for any more is ignored.

  // To ReadEntries. One entry per partition that was asked for, in that order. An error is repeated.
  void entries_read(MonoTime now, Ask ask, const Result<std::vector<std::optional<GroupEntry>>>& entries);

  // To PutTombstone.
  void tombstone_put(Ask ask, TombstonePut outcome);

  // To ReadBlob.
  void blob_read(Ask ask, FoundBlob found);

  // To Commit. A reply that tells of lost membership ends the epoch, and Released follows when the driver is
  // told of the end too (revoke() or lost()).
  void commit_answered(MonoTime now, Ask ask, const CommitReply& reply);

  // To PutBlob and AskBlob.
  void blob_committed(BatchKey batch, BlobOutcome outcome);

  // To PutBlob: its time is over, or blocks of the blob are gone from the store.
  void put_is_late(BatchKey batch);

  // Batches. What is told of a batch that was dropped, or whose epoch is over, is ignored.

  // The partition was read up to `next`, and what lies between belongs to `batch`. Called for every run of
  // records. Ledger::extend() has the conditions.
  void extend(BatchKey batch, PartitionSlot slot, Position next) { ledger_.extend(batch, slot, next); }

  // Publish 1. `blob` is its name. A batch without records has an empty name and needs no blob and no claim:
  // it counts as published when every earlier batch of its partitions is. `rowless` says why it has none.
  void sealed(BatchKey batch, std::string blob, Rowless rowless = Rowless::bare);

  // Publish 2: nothing but the commit of the blob is left to do. May come before sealed().
  void stored(BatchKey batch);

  // The bytes of a sealed batch cannot be had. True: it is dropped as if its claim had been refused, or it
  // was dropped before. False: it cannot be dropped any more. It is stored and perhaps claimed, or there are
  // no claims at all.
  bool give_up(BatchKey batch);

  // Actions

  // What is to be done now, in this order. Empty if nothing is.
  std::vector<Action> next(MonoTime now);

  // When next() has something to do without a further event. None: it waits for events only.
  std::optional<MonoTime> wake_at() const;

  // The ranges, for whoever adds records to batches.
  Ledger& ledger() { return ledger_; }

  // Observers

  bool in_epoch() const { return ledger_.in_epoch(); }
  // Records may be handed over: there is an epoch, and it is not draining.
  bool taking() const { return in_epoch() && !drain_deadline_; }
  std::size_t partition_count() const { return ledger_.partition_count(); }
  Position received(PartitionSlot slot) const { return ledger_.received(slot); }
  Position committable(PartitionSlot slot) const { return ledger_.committable(slot); }
  std::optional<Bare> bare_received(PartitionSlot slot) const { return ledger_.bare_received(slot); }
  Position committed(PartitionSlot slot) const { return ledger_.committed(slot); }
  // Batches of this epoch that are not published, open ones included.
  std::size_t unpublished_count() const { return ledger_.unpublished_count(); }
  // Batches whose blob is to be committed, whatever their epoch.
  std::size_t claimed_count() const { return past_.size() + claimed_count_; }
  // Nothing of this epoch is left to publish or to commit. A worker that stops waits for claimed_count() to
  // be 0, too.
  bool settled() const;

 private:
  // Where a partition is in Assign. `started` holds until the epoch ends, but for Assign again after the
  // fence.
  enum class Step : std::uint8_t {
    reading,
    putting_tombstone,
    reading_blob,
    waiting_for_start,  // until start_found()
    waiting_for_move,   // until moved(): its entry is of another topic
    pinning,            // until its start is committed: it was stopped for want of a right
    started,
    moving,  // until what was read is published: then it starts where `move` says
    stopped,
  };
  struct Move {
    Position to;
    std::string topic_id;
  };
  struct PartitionState {
    AssignedPartition assigned;
    Step step = Step::reading;
    std::optional<GroupEntry> read;         // Assign 1: exactly what was read, by the latest Assign
    AskAbout question;                      // Assign 4
    Ask ask;                                // of the question under way
    bool fenced = false;                    // Publish 3 is done
    bool must_pin = false;                  // its start is to be committed before the first claim
    bool has_written = false;               // a commit of it succeeded in this epoch
    bool resumes = false;                   // it was stopped, and starts when a commit of it succeeds
    bool entry_behind = false;              // it started behind its entry's offset: a predecessor's blob
    MonoTime quiet_until{};                 // R8: no other commit before
    MonoTime finish_not_before{};           // a claim of it was answered a moment ago
    std::optional<MonoTime> retry_at = {};  // stopped for want of a right: Assign again
    std::optional<Move> move;               // moved() was told, and reading has not begun there yet
    std::optional<GroupEntry> wrote;        // of mutants
  };
  // What became of a batch's claim: none yet, one without an outcome, one that was accepted.
  enum class BatchStep : std::uint8_t { filling, claiming, claimed };
  // One entry of the group, as a claim of ours has written it.
  struct ClaimedEntry {
    TopicPartition id;
    GroupEntry entry;
  };
  struct BatchState {
    BatchStep step = BatchStep::filling;
    bool is_sealed = false;
    bool is_stored = false;
    std::string blob;
    std::vector<ClaimedEntry> claim;  // once it is claimed
    bool put_early = false;           // of mutants
  };
  struct PastBatch {  // claimed, and its epoch is over
    std::vector<ClaimedEntry> claim;
    std::uint64_t epoch = 0;        // of mutants
    std::vector<SlotRange> ranges;  // of mutants
  };

  bool exactly_once() const { return options_.guarantee == Guarantee::exactly_once; }
  PartitionState& at(PartitionSlot slot);
  // Its records are read, or were until it moves.
  bool is_read(PartitionSlot slot) { return at(slot).step == Step::started || at(slot).step == Step::moving; }
  Ask new_ask() { return Ask{++last_ask_.value}; }
  void push(Action action);
  void wake(MonoTime at);

  // Assign, and the fence: protocol_assign.cc
  void assign(PartitionSlot slot, const std::optional<GroupEntry>& entry);
  void ask(PartitionSlot slot, AskAbout question);
  // Where Assign has found that it starts; unless the entry is of an earlier topic of the same name.
  void begin_at(PartitionSlot slot, const StartAt& where);
  // Reading begins, or begins anew after Assign again. Nothing is committed yet.
  void start(PartitionSlot slot, Position position, std::optional<Bare> bare);
  // There is no entry: at source.start.
  void start_new(PartitionSlot slot);
  // Its Start, but for a partition that has to be pinned first.
  void begin_reading(PartitionSlot slot);
  void stop(PartitionSlot slot, const std::string& why);
  void move_what_is_due();
  void read_what_is_due(MonoTime now);
  void fence(PartitionSlot slot, const std::optional<GroupEntry>& entry);
  void assign_again(PartitionSlot slot);

  // Publish 4 to Publish 6, and the commits of start positions: protocol_publish.cc
  void commit_what_is_due(MonoTime now);
  // Each makes one commit if one is due, and returns whether it did.
  bool pin_starts(MonoTime now);
  bool claim(MonoTime now);
  bool finish(MonoTime now);
  bool finish_in_the_past(MonoTime now);
  // The metadata of the committable position.
  std::string no_claim(PartitionSlot slot);
  // What only R8 forbids now will be allowed later: then these call wake().
  bool may_commit(PartitionSlot slot, MonoTime now);
  bool claimable(BatchKey batch, const BatchState& state, MonoTime now);
  void make_commit(MonoTime now, CommitKind kind, std::vector<CommitItem> items,
                   std::optional<BatchKey> batch);
  void send_copy(MonoTime now);
  void resolved(MonoTime now, const CommitSlot::Resolved& commit);
  void resolved_in_the_past(const CommitSlot::Resolved& commit);
  void item_done(const CommitSlot::Resolved& commit, const CommitItem& item);
  void claim_came_to_nothing(const CommitSlot::Resolved& commit, std::size_t item);
  void stop_rejected(MonoTime now, const CommitSlot::Resolved& commit);
  void claimed(MonoTime now, const CommitSlot::Resolved& commit);
  // Into due_ or to_put_, once the batch is ready and its turn has come.
  void look_at(BatchKey batch);
  void look_at_heads(const std::vector<SlotRange>& ranges);
  void pass_empty_batches();
  void put_what_is_due();
  void published(BatchKey batch);

  // Publish 5, claims that were accepted long ago: protocol_late.cc
  void check_late_claims(MonoTime now);
  void claims_read(MonoTime now, const Result<std::vector<std::optional<GroupEntry>>>& entries);
  const std::vector<ClaimedEntry>* claim_of(BatchKey batch) const;

  // Drop, and the end of an epoch: protocol.cc
  // The batch itself and every later unclaimed one. Their partitions are read again.
  void drop_from(BatchKey batch);
  void read_again(const std::map<PartitionSlot, Position>& lowest);
  void past_outcome(BatchKey batch, BlobOutcome outcome);
  void drain(MonoTime now);
  void end_epoch();

  ProtocolOptions options_;
  Ledger ledger_;
  std::vector<PartitionState> partitions_;  // by slot
  std::map<BatchKey, BatchState> batches_;  // sealed, stored or further; open ones only the ledger knows
  // Sealed, and stored or empty, and every earlier batch that shares a partition is published: at most one
  // per partition, however many wait behind them.
  std::set<BatchKey> due_;
  std::deque<BatchKey> to_put_;    // at least once: sealed and stored
  std::size_t claimed_count_ = 0;  // of batches_
  std::map<BatchKey, PastBatch> past_;
  std::uint64_t epoch_ = 0;
  MonoTime fence_at_{};                     // the earliest time for the fences of this epoch
  std::optional<MonoTime> drain_deadline_;  // R4: set while a plain revoke is under way
  bool release_owed_ = false;  // the driver still holds an assignment whose epoch a refusal has ended

  // The read under way.
  std::optional<Ask> read_ask_;
  std::vector<PartitionSlot> read_slots_;
  std::uint32_t read_failures_ = 0;
  MonoTime read_not_before_{};

  // Publish 5: batches whose claim is to be read again before they are put, and the read under way.
  std::set<BatchKey> late_;
  std::vector<std::pair<BatchKey, std::size_t>> checked_;  // and how many entries each has
  std::optional<Ask> check_ask_;
  std::uint32_t check_failures_ = 0;
  MonoTime check_asked_at_{};
  MonoTime check_not_before_{};

  // The commit under way, and the pause after refusals.
  CommitSlot commit_;
  MonoTime commit_not_before_{};
  std::uint32_t refusals_ = 0;
  bool claimed_last_ = false;  // claims and finishes take turns
  MonoTime finish_not_before_{};
  std::vector<std::pair<std::uint64_t, std::vector<CommitItem>>> past_finishes_;  // of mutants

  // What next() is to return; whether something has happened since it last looked.
  std::vector<Action> actions_;
  Ask last_ask_{};
  bool changed_ = false;
  std::optional<MonoTime> wake_at_;
};

}  // namespace penstock::ledger
