// How ranges become positions that may be committed
//
// A partition is read into one batch after the other, and batches are published in any order. The queue of
// its ranges says how far the group may be told. An example, of one partition that started at 100:
//
//   extend(7, 150), extend(9, 180),    7: [100,150)  9: [150,180)  12: [180,200)    committable 100
//   extend(12, 200)
//   published(9)                       9 is marked, and 7 is in front of it         committable 100
//   published(7)                       7 and 9 leave the queue                      committable 180
//   committed_now(180)                 12: [180,200)                                committed   180
//   drop(12)                           the queue is empty, received is 180 again
//
// Under exactly_once, R1 makes the order of publishing the order of reading wherever batches share a
// partition. Then the queue never holds a published range behind an unpublished one. Under at_least_once it
// may.
//
// A batch of which nothing makes a row has no blob. Had 9 been bare, then after it committable would be 180,
// and bare from 150: the next finish, and the next claim, say so (claim_text.h). The next batch with a blob
// ends that.
//
// `told` runs ahead of `committed`. A finish and the next claim both carry the committable position, and only
// one of them may be made (PROTOCOL.md, Publish 6). When a claim is made, claim_made() moves `told`, and no
// finish is due although the claim has no outcome yet. If it comes to nothing, claim_failed() moves `told`
// back, and the finish is due again: no further claim may follow.
#include "ledger/ledger.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace penstock::ledger {

void Ledger::begin_epoch(std::span<const Position> starts) {
  CHECK(in_epoch_ == false);
  in_epoch_ = true;
  partitions_.clear();
  partitions_.reserve(starts.size());
  for (const Position start : starts) {
    partitions_.push_back(PartitionState{.received = start,
                                         .committable = start,
                                         .committed = start,
                                         .told = start,
                                         .bare = {},
                                         .ranges = {}});
  }
}

void Ledger::restart(PartitionSlot slot, Position start, const std::optional<Bare>& bare) {
  PartitionState& partition = at(slot);
  if (!partition.ranges.empty()) {  // only with a mutant
    partition.received = start;
    return;
  }
  const bool was_uncommitted = is_uncommitted(partition);
  partition = PartitionState{
      .received = start, .committable = start, .committed = start, .told = start, .bare = bare, .ranges = {}};
  count(partition, was_uncommitted);
}

void Ledger::end_epoch() {
  in_epoch_ = false;
  partitions_.clear();
  unpublished_.clear();
  uncommitted_count_ = 0;
}

void Ledger::extend(BatchKey batch, PartitionSlot slot, Position next) {
  PartitionState& partition = at(slot);
  CHECK(next >= partition.received);
  if (next == partition.received) {  // an empty range would be a batch that is never published
    return;
  }
  const Position first = std::exchange(partition.received, next);
  if (!partition.ranges.empty() && partition.ranges.back().batch == batch) {
    partition.ranges.back().range.next = next;
    return;
  }
  if (!partition.ranges.empty()) {
    CHECK(partition.ranges.back().batch < batch);
  }
  partition.ranges.push_back(OfBatch{.batch = batch, .range = {first, next}});
  unpublished_[batch].push_back(slot);
}

void Ledger::is_bare(BatchKey batch) {
  const auto found = unpublished_.find(batch);
  if (found == unpublished_.end()) {
    return;
  }
  for (const PartitionSlot slot : found->second) {
    const auto of = std::ranges::find(at(slot).ranges, batch, &OfBatch::batch);
    CHECK(of != at(slot).ranges.end());
    of->is_bare = true;
  }
}

std::optional<Bare> Ledger::OfBatch::bare_behind(const std::optional<Bare>& before) const {
  return is_bare ? before.value_or(Bare{.from = range.first}) : std::optional<Bare>();
}

std::optional<Bare> Ledger::bare_received(PartitionSlot slot) const {
  std::optional<Bare> bare = at(slot).bare;
  for (const OfBatch& of : at(slot).ranges) {
    bare = of.bare_behind(bare);
  }
  return bare;
}

void Ledger::published(BatchKey batch) {
  const auto found = unpublished_.find(batch);
  if (found == unpublished_.end()) {
    return;
  }
  for (const PartitionSlot slot : found->second) {
    PartitionState& partition = at(slot);
    const auto of = std::ranges::find(partition.ranges, batch, &OfBatch::batch);
    CHECK(of != partition.ranges.end());
    of->published = true;
    advance(partition);
  }
  unpublished_.erase(found);
}

std::vector<CommitEntry> Ledger::drop(BatchKey batch) {
  std::vector<CommitEntry> again;
  const auto found = unpublished_.find(batch);
  if (found == unpublished_.end()) {
    return again;
  }
  for (const PartitionSlot slot : found->second) {
    PartitionState& partition = at(slot);
    auto of = std::prev(partition.ranges.end());  // the last one, but for mutants
    while (of->batch != batch) {
      CHECK(of != partition.ranges.begin());
      --of;
    }
    partition.received = of->range.first;
    again.push_back(CommitEntry{.slot = slot, .position = of->range.first});
    partition.ranges.erase(of);
  }
  unpublished_.erase(found);
  return again;
}

std::vector<SlotRange> Ledger::ranges_of(BatchKey batch) const {
  std::vector<SlotRange> ranges;
  const auto found = unpublished_.find(batch);
  if (found == unpublished_.end()) {
    return ranges;
  }
  for (const PartitionSlot slot : found->second) {
    for (const OfBatch& of : at(slot).ranges) {
      if (of.batch == batch) {
        ranges.push_back(SlotRange{.slot = slot, .range = of.range});
      }
    }
  }
  return ranges;
}

bool Ledger::is_next(BatchKey batch) const {
  const auto found = unpublished_.find(batch);
  return found != unpublished_.end() &&
         std::all_of(found->second.begin(), found->second.end(),
                     [&](PartitionSlot slot) { return first_batch_of(slot) == batch; });
}

std::vector<BatchKey> Ledger::unpublished() const {
  std::vector<BatchKey> keys;
  keys.reserve(unpublished_.size());
  for (const auto& [key, slots] : unpublished_) {
    keys.push_back(key);
  }
  return keys;
}

std::optional<BatchKey> Ledger::first_batch_of(PartitionSlot slot) const {
  for (const OfBatch& of : at(slot).ranges) {
    if (!of.published) {
      return of.batch;
    }
  }
  return std::nullopt;
}

std::vector<BatchKey> Ledger::batches_of(PartitionSlot slot) const {
  std::vector<BatchKey> batches;
  for (const OfBatch& of : at(slot).ranges) {
    if (!of.published) {
      batches.push_back(of.batch);
    }
  }
  return batches;
}

// Only a range at the front may leave: what is behind an unpublished range waits for it.
void Ledger::advance(PartitionState& partition) {
  const bool was_uncommitted = is_uncommitted(partition);
  while (!partition.ranges.empty() && partition.ranges.front().published) {
    partition.bare = partition.ranges.front().bare_behind(partition.bare);
    partition.committable = partition.ranges.front().range.next;
    partition.ranges.pop_front();
  }
  count(partition, was_uncommitted);
}

void Ledger::count(const PartitionState& partition, bool was_uncommitted) {
  const bool is = is_uncommitted(partition);
  if (is && !was_uncommitted) {
    ++uncommitted_count_;
  } else if (was_uncommitted && !is) {
    --uncommitted_count_;
  }
}

Position Ledger::received(PartitionSlot slot) const {
  return at(slot).received;
}
Position Ledger::committable(PartitionSlot slot) const {
  return at(slot).committable;
}
Position Ledger::committed(PartitionSlot slot) const {
  return at(slot).committed;
}

// Asked every turn. The count spares looking at every partition when there is nothing, which is nearly
// always.
std::vector<CommitEntry> Ledger::uncommitted() const {
  std::vector<CommitEntry> entries;
  if (uncommitted_count_ == 0) {
    return entries;
  }
  for (std::uint32_t slot = 0; slot < partitions_.size(); ++slot) {
    if (is_uncommitted(partitions_[slot])) {
      entries.push_back(CommitEntry{.slot = PartitionSlot{slot}, .position = partitions_[slot].committable});
    }
  }
  return entries;
}

void Ledger::committed_now(std::span<const CommitEntry> entries) {
  for (const CommitEntry& entry : entries) {
    PartitionState& partition = at(entry.slot);
    CHECK(entry.position <= partition.committable);
    const bool was_uncommitted = is_uncommitted(partition);
    partition.committed = entry.position;
    partition.told = entry.position;
    count(partition, was_uncommitted);
  }
}

void Ledger::claim_made(PartitionSlot slot) {
  PartitionState& partition = at(slot);
  const bool was_uncommitted = is_uncommitted(partition);
  partition.told = partition.committable;
  count(partition, was_uncommitted);
}

void Ledger::claim_failed(PartitionSlot slot) {
  PartitionState& partition = at(slot);
  const bool was_uncommitted = is_uncommitted(partition);
  partition.told = partition.committed;
  count(partition, was_uncommitted);
}

void Ledger::stop_committing(PartitionSlot slot) {
  PartitionState& partition = at(slot);
  const bool was_uncommitted = is_uncommitted(partition);
  partition.stopped = true;
  count(partition, was_uncommitted);
}

Ledger::PartitionState& Ledger::at(PartitionSlot slot) {
  CHECK(slot.value < partitions_.size());
  return partitions_[slot.value];
}

const Ledger::PartitionState& Ledger::at(PartitionSlot slot) const {
  CHECK(slot.value < partitions_.size());
  return partitions_[slot.value];
}

}  // namespace penstock::ledger
