// Claims, blobs and finishes (PROTOCOL.md, Publish 4 to Publish 6), and the commits of start positions
// (Publish 3).
//
// How it works
//
// Only one OffsetCommit is in flight. When there is none, commit_what_is_due() looks for the next: start
// positions first, as claims wait for them, then claims and finishes in turn. may_commit() is the gate for
// each partition: started, fenced, and not quiet (R8). What is due and may not be made yet waits in the
// state, and nothing is queued.
//
// Two batches of one partition, which stands at (1000, ""):
//
//   batch 7 = [1000, 1500), blob X, sealed and stored     batch 8 = [1500, 1800), blob Y, sealed and stored
//
//     claim 7    entry (1000, claim of X)   8 is not claimable: is_next() says that 7 is ahead of it (R1)
//     put X      X is visible
//     claim 8    entry (1500, claim of Y)   it carries the offset behind X, so that 7 needs no finish
//     put Y      Y is visible
//     finish 8   entry (1800, "")           no further batch is near
//
// Why the finish of 7 may not be made once the claim of 8 was (Publish 6)
//
//   1. Batch 8 is claimed: the entry is (1500, claim of Y).
//   2. The finish of 7 comes late and sets the entry to (1500, "").
//   3. Y is published, and the worker dies. Its successor sees no claim, starts at 1500 and writes Y's range
//      again.
//
// So claim() calls Ledger::claim_made(), and from then on the ledger names no finish for these partitions.
// finish() for its part leaves out partitions whose next claim could be made right now.
//
// Every outcome comes to resolved(). An accepted claim leads to PutBlob. Any other outcome of a claim drops
// its batch.
#include <algorithm>
#include <set>
#include <utility>

#include "base/commit.h"
#include "ledger/mutants.h"
#include "ledger/protocol.h"

namespace penstock::ledger {

// R8: a commit without outcome is repeated, and nothing else is made. Claims and finishes take turns, since
// either could keep the other waiting for as long as batches are due.
void Protocol::commit_what_is_due(MonoTime now) {
  if (commit_.busy()) {
    send_copy(now);
    return;
  }
  if (now < commit_not_before_) {
    wake(commit_not_before_);
    return;
  }
  if (finish_in_the_past(now) || pin_starts(now)) {
    return;
  }
  if (claimed_last_) {
    finish(now) || claim(now);
  } else {
    claim(now) || finish(now);
  }
}

// Publish 3 and R8. A partition that will be allowed later wakes the machine then.
bool Protocol::may_commit(PartitionSlot slot, MonoTime now) {
  const PartitionState& partition = at(slot);
  if (partition.step != Step::started || !partition.fenced) {
    return false;
  }
  if (now < partition.quiet_until) {
    wake(partition.quiet_until);
    return false;
  }
  return true;
}

// Publish 3. A worker that dies before its first claim leaves no entry. With source.start: latest its
// successor would start at a later end, behind records that were read and not published.
bool Protocol::pin_starts(MonoTime now) {
  std::vector<CommitItem> items;
  for (std::uint32_t slot = 0; slot < partitions_.size(); ++slot) {
    const PartitionSlot of{slot};
    const bool at_once = partitions_[slot].wrote && partitions_[slot].step == Step::started;
    if (partitions_[slot].must_pin && (at_once || may_commit(of, now))) {
      items.push_back(CommitItem{.slot = of, .position = ledger_.committable(of), .metadata = {}});
    }
  }
  if (items.empty()) {
    return false;
  }
  make_commit(now, CommitKind::start_position, std::move(items), std::nullopt);
  return true;
}

// Sealed and stored, every earlier batch that shares a partition is published (R1), every partition may
// commit, and their starts are pinned where they must be.
bool Protocol::claimable(BatchKey batch, const BatchState& state, MonoTime now) {
  if (!exactly_once() || state.step != BatchStep::filling || !state.is_sealed || !state.is_stored ||
      state.blob.empty()) {
    return false;
  }
  if (!ledger_.is_next(batch) && !mutated(Mutant::no_r1)) {
    return false;
  }
  const std::vector<SlotRange> ranges = ledger_.ranges_of(batch);
  return std::all_of(ranges.begin(), ranges.end(),
                     [&](const SlotRange& of) { return may_commit(of.slot, now) && !at(of.slot).must_pin; });
}

// Publish 4: for every partition of the batch the unchanged offset `first`, and the claim as metadata. The
// batch with the lowest key goes first.
bool Protocol::claim(MonoTime now) {
  const auto found = std::find_if(batches_.begin(), batches_.end(), [&](const auto& batch) {
    return claimable(batch.first, batch.second, now);
  });
  if (found == batches_.end()) {
    return false;
  }
  const BatchKey batch = found->first;
  found->second.step = BatchStep::claiming;
  std::vector<CommitItem> items;
  for (const SlotRange& of : ledger_.ranges_of(batch)) {
    items.push_back(CommitItem{
        .slot = of.slot,
        .position = of.range.first,
        .metadata =
            format_claim({.next = of.range.next, .sink = options_.sink, .blob = found->second.blob})});
    // Publish 6: `first` is the position behind what is published, so that the claim replaces the finish.
    if (!mutated(Mutant::finish_after_the_next_claim)) {
      ledger_.claim_made(of.slot);
    }
    at(of.slot).entry_behind = false;
  }
  claimed_last_ = true;
  make_commit(now, CommitKind::claim, std::move(items), batch);
  return true;
}

// Publish 6, for everything that is published, and for partitions that started behind a predecessor's
// published blob (Assign 4). Not where the next claim can be made right now, as that replaces the finish.
bool Protocol::finish(MonoTime now) {
  std::set<PartitionSlot> near;
  for (const auto& [batch, state] : batches_) {
    if (claimable(batch, state, now)) {
      for (const SlotRange& of : ledger_.ranges_of(batch)) {
        near.insert(of.slot);
      }
    }
  }
  std::set<PartitionSlot> due;
  for (const CommitEntry& entry : ledger_.uncommitted()) {
    due.insert(entry.slot);
  }
  for (std::uint32_t slot = 0; slot < partitions_.size(); ++slot) {
    if (partitions_[slot].entry_behind) {
      due.insert(PartitionSlot{slot});
    }
  }
  std::vector<CommitItem> items;
  for (const PartitionSlot slot : due) {
    if (!near.contains(slot) && may_commit(slot, now)) {
      items.push_back(CommitItem{.slot = slot, .position = ledger_.committable(slot), .metadata = {}});
    }
  }
  if (items.empty()) {
    return false;
  }
  claimed_last_ = false;
  make_commit(now, CommitKind::finish, std::move(items), std::nullopt);
  return true;
}

// Only with the mutant finish_outside_its_epoch.
bool Protocol::finish_in_the_past(MonoTime now) {
  if (past_finishes_.empty()) {
    return false;
  }
  auto [epoch, items] = std::move(past_finishes_.back());
  past_finishes_.pop_back();
  commit_.make(now, CommitKind::finish, epoch, std::move(items), std::nullopt);
  send_copy(now);
  return true;
}

void Protocol::make_commit(MonoTime now, CommitKind kind, std::vector<CommitItem> items,
                           std::optional<BatchKey> batch) {
  commit_.make(now, kind, epoch_, std::move(items), batch);
  send_copy(now);
}

void Protocol::send_copy(MonoTime now) {
  const auto due = commit_.copy_due();
  if (!due) {
    return;  // its answer is an event
  }
  if (now < *due) {
    wake(*due);
    return;
  }
  push(commit_.copy(now, new_ask()));
}

void Protocol::commit_answered(MonoTime now, Ask ask, CommitOutcome outcome, bool membership_lost) {
  changed_ = true;
  const auto commit = commit_.answered(now, ask, outcome);
  if (!commit) {
    return;
  }
  if (membership_lost && in_epoch() && commit->epoch == epoch_) {  // R4: learnt from a refused commit
    // A driver that drains has told of the end already. Otherwise it still has to, and is released then.
    const bool driver_waits = drain_deadline_.has_value();
    end_epoch();
    if (driver_waits) {
      push(Released{});
    } else {
      release_owed_ = true;
    }
    return;
  }
  resolved(now, *commit);
}

// A claim that was refused or came too late drops its batch. A finish or a start position that was refused is
// due again after a pause.
void Protocol::resolved(MonoTime now, const CommitSlot::Resolved& commit) {
  const bool refused = commit.outcome == CommitSlot::Outcome::refused;
  if (!in_epoch() || commit.epoch != epoch_) {  // only with mutants of R2, or finishing in the past
    if (commit.batch && !refused && past_.contains(*commit.batch)) {
      push(PutBlob{*commit.batch});
    } else if (commit.batch && past_.contains(*commit.batch)) {
      past_.erase(*commit.batch);
      push(Drop{.batches = {*commit.batch}});
    }
    return;
  }
  refusals_ = refused ? refusals_ + 1 : 0;
  if (refused) {
    commit_not_before_ = now + back_off(options_.retry_min, options_.retry_max, refusals_);
  }
  std::vector<CommitEntry> entries;
  for (const CommitItem& item : commit.items) {
    PartitionState& partition = at(item.slot);
    if (commit.quiet_until) {
      partition.quiet_until = *commit.quiet_until;
    }
    if (refused) {
      continue;
    }
    if (commit.kind == CommitKind::start_position) {
      partition.must_pin = false;
    }
    if (commit.kind == CommitKind::finish) {
      partition.entry_behind = false;
    }
    const bool told = commit.kind != CommitKind::claim || !mutated(Mutant::finish_after_the_next_claim);
    if (told && item.position <= ledger_.committable(item.slot)) {
      entries.push_back(CommitEntry{.slot = item.slot, .position = item.position});
    }
  }
  ledger_.committed_now(entries);
  if (!commit.batch) {
    return;
  }
  if (commit.outcome == CommitSlot::Outcome::done || mutated(Mutant::refused_claim_published)) {
    claimed(*commit.batch);
  } else {
    drop_from(*commit.batch);
  }
}

void Protocol::claimed(BatchKey batch) {
  BatchState& state = batches_[batch];
  state.step = BatchStep::claimed;
  if (state.put_early) {
    batches_.erase(batch);
    ledger_.published(batch);
    return;
  }
  push(PutBlob{batch});
}

// A batch without records has nothing to claim. It counts as published, and a finish moves its positions. In
// order, since it may have to be dropped with an earlier batch until that is published.
void Protocol::pass_empty_batches() {
  for (auto batch = batches_.begin(); batch != batches_.end();) {
    const BatchKey key = batch->first;
    const BatchState& state = batch->second;
    const bool passes = state.is_sealed && state.blob.empty() && (!exactly_once() || ledger_.is_next(key));
    batch = passes ? batches_.erase(batch) : std::next(batch);
    if (passes) {
      ledger_.published(key);
    }
  }
}

// At least once: without claims a batch is published as soon as it is stored.
void Protocol::put_what_is_due() {
  if (exactly_once() && !mutated(Mutant::publish_before_claim)) {
    return;
  }
  for (auto& [batch, state] : batches_) {
    if (state.step != BatchStep::filling || !state.is_sealed || !state.is_stored || state.put_early ||
        state.blob.empty()) {
      continue;
    }
    if (exactly_once()) {
      state.put_early = true;
      state.is_stored = false;  // until it is published: see published()
    } else {
      state.step = BatchStep::claimed;
    }
    push(PutBlob{batch});
  }
}

void Protocol::published(BatchKey batch) {
  const auto state = batches_.find(batch);
  if (state != batches_.end() && state->second.put_early && state->second.step == BatchStep::filling) {
    state->second.is_stored = true;  // now it may be claimed
    return;
  }
  batches_.erase(batch);
  ledger_.published(batch);
}

}  // namespace penstock::ledger
