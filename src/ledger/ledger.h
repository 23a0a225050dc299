// What a worker has received, in which batch it is, and how far it may commit. A pure state machine: no I/O,
// no clock.
//
// For each partition of the current epoch the ledger keeps the ranges of the batches that hold its records,
// in the order in which they were read. They tile: every range begins where the one before it ended. A
// position may be committed when every range before it is published. The batches themselves may be published
// in any order.
//
//   received ───────────────────────────────────────────────┐
//   committable ─────────────┐                              │
//   committed ──┐            │                              │
//     ──────────┼─ published ┼─ batch 7 ─┼─ batch 9 (done) ─┼──► positions of one partition
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/types.h"
#include "ledger/claim_text.h"

namespace penstock::ledger {

// Names a batch within its worker: the counter of its BatchId. Later batches have larger keys. Never used
// twice.
using BatchKey = Strong<struct BatchKeyTag, std::uint64_t>;

// A position of one partition that is to be, or was, committed.
struct CommitEntry {
  PartitionSlot slot;
  Position position;

  friend bool operator==(const CommitEntry&, const CommitEntry&) = default;
};

// The range of one partition in a batch.
struct SlotRange {
  PartitionSlot slot;
  Range range;

  friend bool operator==(const SlotRange&, const SlotRange&) = default;
};

class Ledger {
 public:
  // Begins an epoch: `starts[slot]` is where each partition starts. The former epoch must have been ended
  // (CHECK).
  void begin_epoch(std::span<const Position> starts);

  // Ends the epoch: everything that is not committed is forgotten. Keys of its batches mean nothing
  // afterwards.
  void end_epoch();

  bool in_epoch() const { return in_epoch_; }
  std::size_t partition_count() const { return partitions_.size(); }

  // A partition without batches starts elsewhere, as if its epoch began there. `bare`: what is in no blob
  // before that place. (If it has batches, which only mutants do, only what is read next moves.)
  void restart(PartitionSlot slot, Position start, const std::optional<Bare>& bare = {});

  // The partition was read up to `next`, and what lies between belongs to `batch`. `next` never goes back
  // (CHECK). All extensions of one batch come before those of any later batch of the same partition (CHECK).
  // A `next` that has been reached already changes nothing.
  void extend(BatchKey batch, PartitionSlot slot, Position next);

  // No blob is made of the batch, as nothing of it makes a row. Nothing is added to it any more. An unknown
  // key is ignored.
  void is_bare(BatchKey batch);

  // Every record of the batch is durable and visible in the lake, or the batch held none. An unknown key, of
  // a former epoch, is ignored: whoever owns the partition now has learnt of that blob from the claim.
  void published(BatchKey batch);

  // The batch's ranges are gone, and its partitions are to be read again from where these began. Returns that
  // position for each of them, and nothing for an unknown key. Several batches are dropped in the order of
  // their keys from the last to the first, so that the ranges left still tile and the last position returned
  // is the lowest.
  std::vector<CommitEntry> drop(BatchKey batch);

  // The batch has a range in this epoch and is not published.
  bool contains(BatchKey batch) const { return unpublished_.contains(batch); }

  // The ranges of an unpublished batch. Empty for an unknown key.
  std::vector<SlotRange> ranges_of(BatchKey batch) const;

  // Every earlier batch that shares a partition with it is published (PROTOCOL.md, R1). False for an unknown
  // key.
  bool is_next(BatchKey batch) const;

  // The unpublished batches, open ones included, in the order of their keys.
  std::vector<BatchKey> unpublished() const;

  // The first unpublished batch that has the partition. None if every range of it is published.
  std::optional<BatchKey> first_batch_of(PartitionSlot slot) const;

  // All unpublished batches that have the partition, in their order.
  std::vector<BatchKey> batches_of(PartitionSlot slot) const;

  // Behind everything that was read, that may be committed, that the group has.
  Position received(PartitionSlot slot) const;
  Position committable(PartitionSlot slot) const;
  Position committed(PartitionSlot slot) const;

  // Which positions before the committable one are in no blob; none: those just before it are in one.
  std::optional<Bare> bare(PartitionSlot slot) const { return at(slot).bare; }
  // The same of the received one, once every batch of the partition is published.
  std::optional<Bare> bare_received(PartitionSlot slot) const;

  // Each partition whose committable position the group does not have, and that no claim carries. With that
  // position.
  std::vector<CommitEntry> uncommitted() const;

  // The group has these positions now. None lies behind the partition's committable one (CHECK).
  void committed_now(std::span<const CommitEntry> entries);

  // A claim of this partition's next batch was made. It carries the committable position itself, so that
  // uncommitted() need not name it any more (PROTOCOL.md, Publish 6).
  void claim_made(PartitionSlot slot);

  // That claim came to nothing: what it carried is uncommitted again.
  void claim_failed(PartitionSlot slot);

  // Nothing of the partition is committed any more, until restart(). uncommitted() does not name it.
  void stop_committing(PartitionSlot slot);

  // Batches extended and not yet published.
  std::size_t unpublished_count() const { return unpublished_.size(); }

  // Nothing is left to publish, and no finish is left to make.
  bool settled() const { return unpublished_.empty() && uncommitted_count_ == 0; }

 private:
  struct OfBatch {
    BatchKey batch;
    Range range;
    bool published = false;
    bool is_bare = false;

    std::optional<Bare> bare_behind(const std::optional<Bare>& before) const;
  };
  struct PartitionState {
    Position received;
    Position committable;
    Position committed;
    Position told;               // committed, or carried by a claim that was made
    bool stopped = false;        // nothing is committed any more
    std::optional<Bare> bare;    // before `committable`
    std::deque<OfBatch> ranges;  // unpublished, or published behind one that is not
  };

  PartitionState& at(PartitionSlot slot);
  const PartitionState& at(PartitionSlot slot) const;
  static bool is_uncommitted(const PartitionState& partition) {
    return partition.committable > partition.told && !partition.stopped;
  }
  // Moves `committable` over the published ranges at the front.
  void advance(PartitionState& partition);
  // Keeps uncommitted_count_ after a change of `partition`.
  void count(const PartitionState& partition, bool was_uncommitted);

  bool in_epoch_ = false;
  std::vector<PartitionState> partitions_;
  std::map<BatchKey, std::vector<PartitionSlot>> unpublished_;
  std::size_t uncommitted_count_ = 0;  // partitions for which is_uncommitted()
};

}  // namespace penstock::ledger
