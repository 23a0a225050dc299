// What a worker has received, in which batch it is, and how far it may commit. A pure state machine: no I/O,
// no clock.
//
// For each partition of the current epoch the ledger keeps the ranges of the batches that hold its records,
// in the order in which they were read. They tile: every range begins where the former ended. A position may
// be committed when every range before it is published; batches may be published in any order.
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

namespace penstock::ledger {

// Names a batch within its worker: the counter of its BatchId. Later batches have larger keys; never used twice.
using BatchKey = Strong<struct BatchKeyTag, std::uint64_t>;

struct CommitEntry {
  PartitionSlot slot;
  Position position;

  friend bool operator==(const CommitEntry&, const CommitEntry&) = default;
};

struct SlotRange {
  PartitionSlot slot;
  Range range;

  friend bool operator==(const SlotRange&, const SlotRange&) = default;
};

class Ledger {
 public:
  // Begins an epoch: `starts[slot]` is where each partition starts. The former epoch must have been ended.
  void begin_epoch(std::span<const Position> starts);

  // Ends the epoch: everything that is not committed is forgotten. Keys of its batches mean nothing
  // afterwards.
  void end_epoch();

  bool in_epoch() const { return in_epoch_; }
  std::size_t partition_count() const { return partitions_.size(); }

  // A partition without batches starts elsewhere: as if its epoch began there. (With batches, which mutants do,
  // only what comes next is moved.)
  void restart(PartitionSlot slot, Position start);

  // The partition was read up to `next`, and what lies between belongs to `batch`. `next` never goes back
  // (CHECK). All extensions of one batch come before those of any later batch of the same partition.
  void extend(BatchKey batch, PartitionSlot slot, Position next);

  // Every record of the batch is durable and visible in the lake; or the batch held none. An unknown key (of
  // a former epoch) is ignored: what it published is read again by whoever owns the partition now.
  void published(BatchKey batch);

  // The batch's ranges are gone, and its partitions are read again from where these began: for each the first
  // position of its range. Dropping in the order of keys from the last to the first leaves the lowest. An
  // unknown key: nothing.
  std::vector<CommitEntry> drop(BatchKey batch);

  bool contains(BatchKey batch) const { return unpublished_.contains(batch); }

  // The ranges of an unpublished batch; empty for an unknown key.
  std::vector<SlotRange> ranges_of(BatchKey batch) const;

  // Every earlier batch that shares a partition with it is published (R1). False for an unknown key.
  bool is_next(BatchKey batch) const;

  // The unpublished batches, open ones included, in the order of their keys.
  std::vector<BatchKey> unpublished() const;

  // The first unpublished batch that has the partition.
  std::optional<BatchKey> first_batch_of(PartitionSlot slot) const;

  Position received(PartitionSlot slot) const;
  Position committable(PartitionSlot slot) const;
  Position committed(PartitionSlot slot) const;

  // Every partition whose committable position is ahead of its committed one, and in no claim.
  std::vector<CommitEntry> uncommitted() const;

  // The group has these positions now.
  void committed_now(std::span<const CommitEntry> entries);

  // A claim of this partition's next batch was made: it carries the committable position itself, so that
  // uncommitted() need not name it any more.
  void claim_made(PartitionSlot slot);

  // Batches extended and not yet published.
  std::size_t unpublished_count() const { return unpublished_.size(); }

  // Nothing is left to publish or to commit.
  bool settled() const { return unpublished_.empty() && uncommitted_count_ == 0; }

 private:
  struct OfBatch {
    BatchKey batch;
    Range range;
    bool published = false;
  };
  struct PartitionState {
    Position received;
    Position committable;
    Position committed;
    Position told;               // committed, or carried by a claim
    std::deque<OfBatch> ranges;  // unpublished, or published behind one that is not
  };

  PartitionState& at(PartitionSlot slot);
  const PartitionState& at(PartitionSlot slot) const;
  void advance(PartitionState& partition);
  void count(const PartitionState& partition, bool was_uncommitted);

  bool in_epoch_ = false;
  std::vector<PartitionState> partitions_;
  std::map<BatchKey, std::vector<PartitionSlot>> unpublished_;
  std::size_t uncommitted_count_ = 0;  // partitions with committable ahead of told
};

}  // namespace penstock::ledger
