// The machine as a whole: epochs, batches, Drop, and the turn. protocol_assign.cc decides where partitions
// start, protocol_publish.cc what is committed.
//
// How it works
//
// An event changes the state, notes the actions that follow from it alone (a Start, a Drop), and sets
// changed_. next() then looks at the whole state and does everything that has become possible, always in the
// same order: end a drained epoch, read entries, pass empty batches, publish, commit. What is not possible
// yet because of a time calls wake(). What waits for an answer needs nothing, since the answer is an event.
//
// A batch goes through these states. Until it is sealed or stored, only the ledger knows it.
//
//   filling ──── sealed, stored, its turn ───► claiming ──── accepted ───► claimed ──── published ───► gone
//      └──────────────────────────────────────────┴─────────────────────────┴──── dropped ─────────────► gone
//
// Why a drop takes the later batches along (PROTOCOL.md, Drop)
//
//   1. Batch 7 of a partition holds [1000, 1500) and is being claimed. Batch 8 holds [1500, 1800) and is
//      open.
//   2. The group is rebalancing, and the coordinator refuses the claim.
//   3. Batch 7 is dropped, and its range is to be read again. If batch 8 lived on, it would be the next to be
//      claimed, with the offset 1500. The entry would move over a range that nobody has published.
//
// So drop_from(7) removes 8 as well, and the partition is read again from 1000, the lowest of both. A batch
// that is claimed stays, whatever its key. It shares no partition with the dropped one, since R1 lets no two
// batches of a partition be claimed at a time. Its claim stands in the group's entries and will be honoured.
//
// When an epoch ends (R2, R4), its claimed batches move to past_. They go on with Publish 5, and nothing
// follows from their outcome: whoever owns their partitions now has asked about their names first.
#include "ledger/protocol.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "ledger/mutants.h"

namespace penstock::ledger {
namespace {

// R2 left out for commits of this kind.
bool r2_is_mutated(std::optional<CommitKind> kind) {
  return (kind == CommitKind::claim && mutated(Mutant::no_r2_for_claims)) ||
         (kind == CommitKind::finish && mutated(Mutant::no_r2_for_finishes)) ||
         (kind == CommitKind::start_position && mutated(Mutant::no_r2_for_start_positions));
}

}  // namespace

Protocol::Protocol(ProtocolOptions options)
    : options_(std::move(options)),
      commit_({.fence_wait = options_.fence_wait,
               .retry_min = options_.retry_min,
               .retry_max = options_.retry_max}) {}

void Protocol::begin_epoch(MonoTime now, std::span<const AssignedPartition> partitions) {
  CHECK(!in_epoch());
  CHECK(!release_owed_);
  ++epoch_;
  changed_ = true;
  fence_at_ = mutated(Mutant::no_wait_before_fence) ? now : now + options_.fence_wait;
  read_failures_ = 0;
  read_not_before_ = now;
  commit_not_before_ = now;
  finish_not_before_ = now;
  refusals_ = 0;
  partitions_.clear();
  std::vector<Position> starts;
  for (const AssignedPartition& assigned : partitions) {
    partitions_.push_back(
        PartitionState{.assigned = assigned, .read = {}, .question = {}, .ask = {}, .move = {}, .wrote = {}});
    starts.push_back(assigned.entry ? assigned.entry->position : assigned.start);
  }
  ledger_.begin_epoch(starts);
  for (std::uint32_t slot = 0; slot < partitions.size(); ++slot) {
    assign(PartitionSlot{slot}, partitions[slot].entry);
  }
}

void Protocol::revoke(MonoTime deadline) {
  changed_ = true;
  if (!in_epoch()) {  // a refused commit has ended it already
    release_owed_ = false;
    push(Released{});
    return;
  }
  drain_deadline_ = deadline;
}

void Protocol::lost() {
  changed_ = true;
  if (in_epoch()) {
    end_epoch();
  }
  release_owed_ = false;
  push(Released{});
}

void Protocol::sealed(BatchKey batch, std::string blob, Rowless rowless) {
  if (!ledger_.contains(batch)) {
    return;
  }
  changed_ = true;
  BatchState& state = batches_[batch];
  state.is_sealed = true;
  state.blob = std::move(blob);
  if (state.blob.empty() && rowless == Rowless::bare) {
    ledger_.is_bare(batch);
  }
  look_at(batch);
}

void Protocol::stored(BatchKey batch) {
  if (ledger_.contains(batch)) {
    changed_ = true;
    batches_[batch].is_stored = true;
    look_at(batch);
  }
}

bool Protocol::give_up(BatchKey batch) {
  if (!ledger_.contains(batch)) {  // it was dropped before, or is claimed and of a former epoch
    return !past_.contains(batch);
  }
  const auto state = batches_.find(batch);
  if (!exactly_once() || state == batches_.end() || state->second.is_stored) {
    return false;
  }
  changed_ = true;
  drop_from(batch);
  return true;
}

void Protocol::blob_committed(BatchKey batch, BlobOutcome outcome) {
  changed_ = true;
  late_.erase(batch);
  if (past_.contains(batch)) {
    past_outcome(batch, outcome);
    return;
  }
  if (!ledger_.contains(batch)) {
    return;
  }
  if (outcome == BlobOutcome::published) {
    published(batch);
  } else {
    drop_from(batch);
  }
}

std::vector<Action> Protocol::next(MonoTime now) {
  if (changed_ || (wake_at_ && now >= *wake_at_)) {
    changed_ = false;
    wake_at_.reset();
    check_late_claims(now);
    drain(now);
    if (in_epoch()) {
      pass_empty_batches();
      move_what_is_due();
      read_what_is_due(now);
      put_what_is_due();
      commit_what_is_due(now);
    } else if (commit_.unresolved()) {  // only with mutants of R2
      send_copy(now);
    }
  }
  return std::exchange(actions_, {});
}

// PROTOCOL.md, Drop: the batch, claimed or not, and every later unclaimed batch of the worker. From the last
// to the first, so that the position that stays in `lowest` is that of the earliest batch.
void Protocol::drop_from(BatchKey first) {
  std::vector<BatchKey> keys = ledger_.unpublished();
  std::reverse(keys.begin(), keys.end());
  Drop drop;
  std::map<PartitionSlot, Position> lowest;
  for (const BatchKey key : keys) {
    const auto state = batches_.find(key);
    const bool is_claimed = state != batches_.end() && state->second.step == BatchStep::claimed;
    if (key < first || (key != first && is_claimed) ||
        (key != first && mutated(Mutant::dead_batch_without_dropping_later))) {
      continue;
    }
    for (const CommitEntry& again : ledger_.drop(key)) {
      lowest[again.slot] = again.position;
    }
    if (commit_.claiming() == key) {
      commit_.forget_batch();  // whatever becomes of its claim, its blob is never put
    }
    claimed_count_ -= is_claimed ? 1 : 0;
    due_.erase(key);
    late_.erase(key);
    batches_.erase(key);
    drop.batches.push_back(key);
  }
  push(std::move(drop));
  if (mutated(Mutant::dead_batch_without_dropping_later)) {
    for (const auto& [slot, position] : lowest) {
      look_at_heads({{.slot = slot, .range = {}}});
    }
  }
  read_again(lowest);
}

// Reading again starts no partition that Assign has not let start, none that has stopped or moves, and none
// of an epoch that is draining.
// Assign does not run again here: an earlier batch of these partitions may still be unclaimed, so that their
// entry lags behind.
void Protocol::read_again(const std::map<PartitionSlot, Position>& lowest) {
  for (const auto& [slot, position] : lowest) {
    PartitionState& partition = at(slot);
    if (drain_deadline_ || partition.step != Step::started) {
      if (partition.step == Step::moving) {
        push(Notice{
            concat(named(partition.assigned.id), ": records from position ", position.value,
                   " on were read of a log that is no more, and could not be published; they are lost")});
      }
      continue;
    }
    if (mutated(Mutant::assign_again_for_all_of_a_dropped_batch)) {
      partition.step = Step::reading;
      push(Hold{slot});
      continue;
    }
    push(Start{.slot = slot, .position = position});
  }
}

// PROTOCOL.md, Drop: a batch whose epoch is over is only forgotten. Its driver forgets the bytes, too.
void Protocol::past_outcome(BatchKey batch, BlobOutcome outcome) {
  const PastBatch past = std::move(past_.extract(batch).mapped());
  if (outcome == BlobOutcome::dead) {
    push(Drop{.batches = {batch}});
  }
  if (outcome == BlobOutcome::dead && mutated(Mutant::reading_again_for_a_past_epoch)) {
    for (std::size_t i = 0; i < past.ranges.size(); ++i) {
      for (std::uint32_t slot = 0; slot < partitions_.size(); ++slot) {
        if (partitions_[slot].assigned.id == past.claim[i].id && partitions_[slot].step == Step::started) {
          ledger_.restart(PartitionSlot{slot}, past.ranges[i].range.first);
          push(Start{.slot = PartitionSlot{slot}, .position = past.ranges[i].range.first});
        }
      }
    }
  }
  if (outcome == BlobOutcome::published && mutated(Mutant::finish_outside_its_epoch)) {
    std::vector<CommitItem> items;
    for (const SlotRange& range : past.ranges) {
      items.push_back(CommitItem{.slot = range.slot, .position = range.range.next, .metadata = {}});
    }
    past_finishes_.emplace_back(past.epoch, std::move(items));
  }
}

// R4: a plain revoke ends when all is settled, at the latest at its deadline. R2: not before the commit in
// flight has an outcome; at the deadline it is given up.
void Protocol::drain(MonoTime now) {
  if (!in_epoch() || !drain_deadline_) {
    return;
  }
  const bool is_settled = r2_is_mutated(commit_.kind()) || (ledger_.settled() && !commit_.unresolved());
  if (is_settled || now >= *drain_deadline_) {
    end_epoch();
    push(Released{});
    return;
  }
  wake(*drain_deadline_);
}

// R4: what is unclaimed is dropped, and what is claimed goes on with Publish 5. A commit without outcome is
// given up, and its batch is dropped: if its claim was accepted, the next owner finds the name and closes it.
// Without claims nothing is worth going on with, as it is read again anyway.
void Protocol::end_epoch() {
  Drop drop;
  for (const BatchKey key : ledger_.unpublished()) {
    const auto state = batches_.find(key);
    const bool is_claimed = state != batches_.end() && state->second.step == BatchStep::claimed;
    const bool no_r2 = commit_.claiming() == key && mutated(Mutant::no_r2_for_claims);
    if (exactly_once() && (is_claimed || no_r2)) {
      past_[key] = PastBatch{
          .claim = std::move(state->second.claim), .epoch = epoch_, .ranges = ledger_.ranges_of(key)};
    } else {
      late_.erase(key);
      drop.batches.push_back(key);
    }
  }
  if (!drop.batches.empty()) {
    push(std::move(drop));
  }
  if (!r2_is_mutated(commit_.kind())) {
    commit_.give_up();
  }
  batches_.clear();
  due_.clear();
  to_put_.clear();
  claimed_count_ = 0;
  partitions_.clear();
  ledger_.end_epoch();
  drain_deadline_.reset();
  read_ask_.reset();
}

// Also no claim of a predecessor is left to be taken out of an entry, nor one of ours that came to nothing.
bool Protocol::settled() const {
  return !in_epoch() ||
         (ledger_.settled() && !commit_.unresolved() &&
          std::ranges::none_of(partitions_, [](const PartitionState& p) { return p.entry_behind; }));
}

// What events and calls left to do is due at once.
std::optional<MonoTime> Protocol::wake_at() const {
  return changed_ || !actions_.empty() ? std::optional(MonoTime{}) : wake_at_;
}

void Protocol::wake(MonoTime at) {
  wake_at_ = wake_at_ ? std::min(*wake_at_, at) : at;
}

void Protocol::push(Action action) {
  actions_.push_back(std::move(action));
}

Protocol::PartitionState& Protocol::at(PartitionSlot slot) {
  CHECK(slot.value < partitions_.size());
  return partitions_[slot.value];
}

}  // namespace penstock::ledger
