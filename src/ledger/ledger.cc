#include "ledger/ledger.h"

#include "base/check.h"

namespace penstock::ledger {

void Ledger::begin_epoch(std::span<const Position> starts) {
  CHECK(in_epoch_ == false);
  in_epoch_ = true;
  partitions_.clear();
  partitions_.reserve(starts.size());
  for (const Position start : starts) {
    partitions_.push_back(
        PartitionState{.received = start, .committable = start, .committed = start, .ranges = {}});
  }
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
  if (next == partition.received) {
    return;
  }
  partition.received = next;
  if (!partition.ranges.empty() && partition.ranges.back().batch == batch) {
    partition.ranges.back().next = next;
    return;
  }
  if (!partition.ranges.empty()) {
    CHECK(partition.ranges.back().batch < batch);
  }
  partition.ranges.push_back(Claimed{.batch = batch, .next = next});
  unpublished_[batch].push_back(slot);
}

void Ledger::published(BatchKey batch) {
  const auto found = unpublished_.find(batch);
  if (found == unpublished_.end()) {
    return;
  }
  for (const PartitionSlot slot : found->second) {
    PartitionState& partition = at(slot);
    for (Claimed& range : partition.ranges) {
      if (range.batch == batch) {
        range.published = true;
      }
    }
    advance(partition);
  }
  unpublished_.erase(found);
}

void Ledger::advance(PartitionState& partition) {
  const bool was_uncommitted = partition.committable > partition.committed;
  while (!partition.ranges.empty() && partition.ranges.front().published) {
    partition.committable = partition.ranges.front().next;
    partition.ranges.pop_front();
  }
  if (!was_uncommitted && partition.committable > partition.committed) {
    ++uncommitted_count_;
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

std::vector<CommitEntry> Ledger::uncommitted() const {
  std::vector<CommitEntry> entries;
  if (uncommitted_count_ == 0) {
    return entries;
  }
  for (std::uint32_t slot = 0; slot < partitions_.size(); ++slot) {
    if (partitions_[slot].committable > partitions_[slot].committed) {
      entries.push_back(CommitEntry{.slot = PartitionSlot{slot}, .position = partitions_[slot].committable});
    }
  }
  return entries;
}

void Ledger::committed_now(std::span<const CommitEntry> entries) {
  for (const CommitEntry& entry : entries) {
    PartitionState& partition = at(entry.slot);
    CHECK(entry.position <= partition.committable);
    const bool was_uncommitted = partition.committable > partition.committed;
    partition.committed = entry.position;
    if (was_uncommitted && partition.committable == partition.committed) {
      --uncommitted_count_;
    }
  }
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
