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
#include <array>
#include <chrono>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/commit.h"
#include "base/concat.h"
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
  if ((!is_read(slot) && partition.step != Step::pinning) || !partition.fenced) {
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
      items.push_back(CommitItem{.slot = of, .position = ledger_.committable(of), .metadata = no_claim(of)});
    }
  }
  if (items.empty()) {
    return false;
  }
  make_commit(now, CommitKind::start_position, std::move(items), std::nullopt);
  return true;
}

std::string Protocol::no_claim(PartitionSlot slot) {
  return format_no_claim(at(slot).assigned.topic_id, ledger_.bare(slot));
}

// Sealed and stored, and its turn has come (R1): look_at() knows. Every partition may commit, and their
// starts are pinned where they must be.
bool Protocol::claimable(BatchKey batch, const BatchState& state, MonoTime now) {
  if (!exactly_once() || state.step != BatchStep::filling || !state.is_stored || state.blob.empty()) {
    return false;
  }
  const std::vector<SlotRange> ranges = ledger_.ranges_of(batch);
  return std::all_of(ranges.begin(), ranges.end(),
                     [&](const SlotRange& of) { return may_commit(of.slot, now) && !at(of.slot).must_pin; });
}

// Publish 4: for every partition of the batch the unchanged offset `first`, and the claim as metadata. The
// batch with the lowest key goes first.
bool Protocol::claim(MonoTime now) {
  const auto found =
      std::ranges::find_if(due_, [&](BatchKey key) { return claimable(key, batches_.at(key), now); });
  if (found == due_.end()) {
    return false;
  }
  const BatchKey batch = *found;
  due_.erase(found);
  BatchState& state = batches_.at(batch);
  state.step = BatchStep::claiming;
  std::vector<CommitItem> items;
  for (const SlotRange& of : ledger_.ranges_of(batch)) {
    PartitionState& partition = at(of.slot);
    items.push_back(CommitItem{.slot = of.slot,
                               .position = of.range.first,
                               .metadata = format_claim({.next = of.range.next,
                                                         .sink = options_.sink,
                                                         .blob = state.blob,
                                                         .topic_id = partition.assigned.topic_id,
                                                         .bare = ledger_.bare(of.slot)}),
                               .covers = of.range.next});
    // Publish 6: `first` is the position behind what is published, so that the claim replaces the finish.
    if (!mutated(Mutant::finish_after_the_next_claim)) {
      ledger_.claim_made(of.slot);
    }
    partition.entry_behind = false;
  }
  claimed_last_ = true;
  make_commit(now, CommitKind::claim, std::move(items), batch);
  return true;
}

// Publish 6, for everything that is published, and for partitions whose entry lags behind for another reason
// (Assign 4, a claim that came to nothing). Not where the next claim can be made right now, as that replaces
// the finish. Not right behind a claim, and several together, as each commit of a partition may cost a
// second.
bool Protocol::finish(MonoTime now) {
  std::set<PartitionSlot> near;
  for (const BatchKey batch : due_) {
    if (claimable(batch, batches_.at(batch), now)) {
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
    const PartitionState& partition = at(slot);
    if (near.contains(slot) || !may_commit(slot, now)) {
      continue;
    }
    const MonoTime not_before = drain_deadline_ ? partition.finish_not_before
                                                : std::max(partition.finish_not_before, finish_not_before_);
    if (now < not_before) {
      wake(not_before);
      continue;
    }
    items.push_back(
        CommitItem{.slot = slot, .position = ledger_.committable(slot), .metadata = no_claim(slot)});
  }
  if (items.empty()) {
    return false;
  }
  claimed_last_ = false;
  finish_not_before_ = now + 2 * options_.finish_pause;
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

void Protocol::commit_answered(MonoTime now, Ask ask, const CommitReply& reply) {
  changed_ = true;
  const auto commit = commit_.answered(now, ask, reply);
  if (!commit) {
    return;
  }
  if (reply.membership_lost && in_epoch() && commit->epoch == epoch_) {  // R4: learnt from a refused commit
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

// Each item has its own outcome. A claim in which one is not done, or that came too late, drops its batch. A
// finish or a start position that was refused is due again after a pause. What a broker rejects stops its
// partition and nothing else.
void Protocol::resolved(MonoTime now, const CommitSlot::Resolved& commit) {
  if (!in_epoch() || commit.epoch != epoch_) {  // only with mutants of R2, or finishing in the past
    resolved_in_the_past(commit);
    return;
  }
  const bool refused = std::ranges::any_of(
      commit.reply.items, [](const ItemOutcome& item) { return item.outcome == CommitOutcome::refused; });
  refusals_ = refused ? refusals_ + 1 : 0;
  if (refused) {
    commit_not_before_ = now + back_off(options_.retry_min, options_.retry_max, refusals_);
  }
  const bool claim_holds = commit.batch && (commit.outcome == CommitSlot::Outcome::done ||
                                            mutated(Mutant::refused_claim_published));
  for (std::size_t i = 0; i < commit.items.size(); ++i) {
    const CommitItem& item = commit.items[i];
    if (commit.quiet_until) {
      at(item.slot).quiet_until = *commit.quiet_until;
    }
    if (commit.reply.items[i].outcome == CommitOutcome::done) {
      item_done(commit, item);
    }
    if (commit.kind == CommitKind::claim) {
      // From the answer on: the broker has processed the claim by then, or will while it is quiet.
      at(item.slot).finish_not_before = commit.quiet_until.value_or(now) + options_.finish_pause;
      if (!claim_holds) {
        claim_came_to_nothing(commit, i);
      }
    }
  }
  if (claim_holds) {
    claimed(now, commit);
    return;
  }
  stop_rejected(now, commit);
  if (commit.batch && ledger_.contains(*commit.batch)) {
    drop_from(*commit.batch);
  }
}

// Only with mutants.
void Protocol::resolved_in_the_past(const CommitSlot::Resolved& commit) {
  if (!commit.batch || !past_.contains(*commit.batch)) {
    return;
  }
  if (commit.outcome != CommitSlot::Outcome::refused) {
    push(PutBlob{.batch = *commit.batch});
  } else {
    past_.erase(*commit.batch);
    push(Drop{.batches = {*commit.batch}});
  }
}

void Protocol::item_done(const CommitSlot::Resolved& commit, const CommitItem& item) {
  PartitionState& partition = at(item.slot);
  partition.has_written = true;
  if (commit.kind == CommitKind::start_position) {
    partition.must_pin = false;
    if (partition.step == Step::pinning) {
      partition.resumes = false;
      partition.step = Step::started;
      push(Resume{item.slot});
      begin_reading(item.slot);
    }
  }
  // Not by a finish that was under way when the partition moved.
  if (commit.kind == CommitKind::finish && item.position == ledger_.committable(item.slot) &&
      item.metadata == no_claim(item.slot)) {
    partition.entry_behind = false;
  }
  const bool told = commit.kind != CommitKind::claim || !mutated(Mutant::finish_after_the_next_claim);
  if (told && item.position <= ledger_.committable(item.slot)) {
    ledger_.committed_now(std::array{CommitEntry{.slot = item.slot, .position = item.position}});
  }
}

// What the claim was to carry is due again. And if it may stand in the entry, it names a blob that nobody
// will put: a finish takes it out, if no other claim does before.
void Protocol::claim_came_to_nothing(const CommitSlot::Resolved& commit, std::size_t item) {
  const PartitionSlot slot = commit.items[item].slot;
  ledger_.claim_failed(slot);
  if (commit.quiet_until || commit.reply.items[item].outcome == CommitOutcome::done) {
    at(slot).entry_behind = true;
  }
}

// What is read of a stopped partition cannot be claimed. So the batches that have it are dropped, and the
// others in them are read again, once. A claim of it that was accepted before stands, and its blob is put.
void Protocol::stop_rejected(MonoTime now, const CommitSlot::Resolved& commit) {
  std::vector<PartitionSlot> stopped;
  for (std::size_t i = 0; i < commit.items.size(); ++i) {
    const ItemOutcome& outcome = commit.reply.items[i];
    if (outcome.outcome != CommitOutcome::rejected) {
      continue;
    }
    const PartitionSlot slot = commit.items[i].slot;
    PartitionState& partition = at(slot);
    partition.step = Step::stopped;
    partition.must_pin = false;
    partition.entry_behind = false;
    partition.resumes = true;
    ledger_.stop_committing(slot);
    Error error = outcome.error.value_or(make_error(ErrorKind::unavailable, penstock::Action::give_up,
                                                    "the broker rejects a commit of its offset"));
    if (error.kind == ErrorKind::forbidden) {
      partition.retry_at = now + options_.right_retry;
      error.message +=
          concat("; the partition waits, and is tried again every ",
                 std::chrono::duration_cast<std::chrono::seconds>(options_.right_retry).count(), " s");
    } else {
      error.message += "; the partition stops until the next assignment";
    }
    push(StopPartition{.slot = slot, .error = std::move(error)});
    stopped.push_back(slot);
  }
  for (const PartitionSlot slot : stopped) {
    for (const BatchKey batch : ledger_.batches_of(slot)) {
      const auto state = batches_.find(batch);
      if (state == batches_.end() || state->second.step != BatchStep::claimed) {
        drop_from(batch);
        break;
      }
    }
  }
}

void Protocol::claimed(MonoTime now, const CommitSlot::Resolved& commit) {
  const BatchKey batch = *commit.batch;
  BatchState& state = batches_.at(batch);
  state.step = BatchStep::claimed;
  if (state.put_early) {
    batches_.erase(batch);
    const std::vector<SlotRange> ranges = ledger_.ranges_of(batch);
    ledger_.published(batch);
    look_at_heads(ranges);
    return;
  }
  ++claimed_count_;
  for (const CommitItem& item : commit.items) {
    state.claim.push_back(
        {.id = at(item.slot).assigned.id, .entry = {.position = item.position, .metadata = item.metadata}});
  }
  push(PutBlob{.batch = batch, .until = now + options_.fence_wait});
}

// A batch becomes due when it is ready, or when the batch in front of it is published. So nobody has to walk
// over all that wait, which are many while the store is away.
void Protocol::look_at(BatchKey batch) {
  const auto found = batches_.find(batch);
  if (found == batches_.end()) {
    return;
  }
  const BatchState& state = found->second;
  const bool is_empty = state.blob.empty();
  if (state.step != BatchStep::filling || !state.is_sealed || (!state.is_stored && !is_empty)) {
    return;
  }
  if (!is_empty && !state.put_early && (!exactly_once() || mutated(Mutant::publish_before_claim))) {
    to_put_.push_back(batch);
    return;
  }
  if (ledger_.is_next(batch) || !exactly_once() || mutated(Mutant::no_r1)) {
    due_.insert(batch);
  }
}

void Protocol::look_at_heads(const std::vector<SlotRange>& ranges) {
  for (const SlotRange& of : ranges) {
    if (const auto batch = ledger_.first_batch_of(of.slot)) {
      look_at(*batch);
    }
  }
}

// A batch without records has nothing to claim. It counts as published, and a finish moves its positions. In
// order, since it may have to be dropped with an earlier batch until that is published.
void Protocol::pass_empty_batches() {
  for (auto batch = due_.begin(); batch != due_.end();) {
    const BatchKey key = *batch;
    if (batches_.at(key).blob.empty()) {
      published(key);
      batch = due_.begin();  // others may have become due
    } else {
      ++batch;
    }
  }
}

// At least once: without claims a batch is published as soon as it is stored.
void Protocol::put_what_is_due() {
  for (const BatchKey batch : std::exchange(to_put_, {})) {
    const auto found = batches_.find(batch);
    // It was dropped, or looked at twice.
    if (found == batches_.end() || found->second.step != BatchStep::filling || found->second.put_early) {
      continue;
    }
    BatchState& state = found->second;
    if (exactly_once()) {
      state.put_early = true;
      state.is_stored = false;  // until it is published: see published()
    } else {
      state.step = BatchStep::claimed;
      ++claimed_count_;
    }
    push(PutBlob{.batch = batch});
  }
}

void Protocol::published(BatchKey batch) {
  const auto state = batches_.find(batch);
  if (state != batches_.end() && state->second.put_early && state->second.step == BatchStep::filling) {
    state->second.is_stored = true;  // now it may be claimed
    look_at(batch);
    return;
  }
  if (state != batches_.end()) {
    claimed_count_ -= state->second.step == BatchStep::claimed ? 1 : 0;
    batches_.erase(state);
  }
  due_.erase(batch);
  const std::vector<SlotRange> ranges = ledger_.ranges_of(batch);
  ledger_.published(batch);
  look_at_heads(ranges);
}

}  // namespace penstock::ledger
