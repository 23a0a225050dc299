// How a commit gets its outcome
//
// An answer has an outcome for each item of the copy (base/commit_outcome.h), and the worst decides.
// `unknown` means that the copy may still be applied, and puts it in doubt. `not_done` means that the broker
// did not look. Both lead to the same commit again, for all of its items. Every other answer ends the commit.
// Those who made it look at the items for themselves.
//
// A copy in doubt is the reason for R8:
//
//   1. A worker claims blob X for [1000, 1500). The first copy gets no answer, and lies somewhere in the
//      network.
//   2. The second copy is accepted, and X is published. The worker claims blob Y for [1500, 1800).
//   3. The first copy arrives now. Its stamp is still good, so it replaces the claim of Y by that of X.
//   4. The worker publishes Y and dies. Its successor finds X published and starts at 1500. It writes the
//      range of Y a second time.
//
// So resolve() adds a time to the outcome of a commit with a copy in doubt, and the partitions make no other
// commit before. By then the first copy has been applied, or it never will be.
//
// A claim is believed only if it is accepted within fence_wait / 2 (PROTOCOL.md, Publish 4). A successor
// reads the entry fence_wait after its assignment, and has to see every claim that its writer believes in. A
// claim that is accepted later is `late`, and counts as in doubt. Its writer drops the batch and never puts
// the blob. To repeat the claim would not help, as a repeat makes it no younger.
#include "ledger/commit_slot.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "ledger/mutants.h"

namespace penstock::ledger {

Duration back_off(Duration retry_min, Duration retry_max, std::uint32_t failures) {
  Duration delay = retry_min;
  for (std::uint32_t i = 1; i < failures && delay < retry_max; ++i) {
    delay *= 2;
  }
  return std::min(delay, retry_max);
}

std::optional<BatchKey> CommitSlot::claiming() const {
  return current_ ? current_->batch : std::nullopt;
}

std::optional<CommitKind> CommitSlot::kind() const {
  return current_ ? std::optional(current_->kind) : std::nullopt;
}

void CommitSlot::make(MonoTime now, CommitKind kind, std::uint64_t epoch, std::vector<CommitItem> items,
                      std::optional<BatchKey> batch) {
  CHECK(!busy());
  current_ = Current{.kind = kind, .epoch = epoch, .items = std::move(items), .batch = batch, .copy_at = now};
}

std::optional<MonoTime> CommitSlot::copy_due() const {
  return current_ && !on_the_wire_ ? std::optional(current_->copy_at) : std::nullopt;
}

Commit CommitSlot::copy(MonoTime now, Ask ask) {
  CHECK(current_.has_value());
  if (!std::exchange(current_->counting, true)) {
    current_->first_sent = now;
  }
  ++current_->copies;
  ask_ = ask;
  on_the_wire_ = true;
  return Commit{.ask = ask, .kind = current_->kind, .epoch = current_->epoch, .items = current_->items};
}

std::optional<CommitSlot::Resolved> CommitSlot::answered(MonoTime now, Ask ask, CommitReply reply) {
  if (!on_the_wire_ || ask != ask_) {
    return std::nullopt;
  }
  on_the_wire_ = false;
  if (!current_) {  // it was given up
    return std::nullopt;
  }
  Current& current = *current_;
  CHECK(reply.items.size() == current.items.size());
  switch (reply.worst()) {
    case CommitOutcome::done:
      if (current.kind == CommitKind::claim && now - current.first_sent > options_.fence_wait / 2) {
        current.in_doubt = true;  // an acceptance this late is as good as none
        return resolve(Outcome::late, std::move(reply), now);
      }
      return resolve(Outcome::done, std::move(reply), now);
    case CommitOutcome::refused:
    case CommitOutcome::rejected:
      return resolve(Outcome::refused, std::move(reply), now);
    case CommitOutcome::not_done:
      // If no copy is in doubt, no copy was ever applied. Then the age of a claim counts from the next one.
      current.counting = current.in_doubt;
      break;
    case CommitOutcome::unknown:
      current.in_doubt = true;
      if (mutated(Mutant::no_r8) ||
          (mutated(Mutant::r8_for_claims_only) && current.kind != CommitKind::claim)) {
        current.in_doubt = false;
        const bool is_claim = current.kind == CommitKind::claim;
        CommitReply taken =
            CommitReply::alike(current.items.size(), is_claim ? CommitOutcome::refused : CommitOutcome::done);
        return resolve(is_claim ? Outcome::refused : Outcome::done, std::move(taken), now);
      }
      break;
  }
  current.copy_at = now + back_off(options_.retry_min, options_.retry_max, current.copies);
  return std::nullopt;
}

// R8 counts from the sending of the last copy. The time of the answer stands for it, as it cannot be earlier.
CommitSlot::Resolved CommitSlot::resolve(Outcome outcome, CommitReply reply, MonoTime now) {
  Current current = *std::exchange(current_, std::nullopt);
  const bool wait = current.in_doubt && !mutated(Mutant::r8_without_its_wait);
  return Resolved{.outcome = outcome,
                  .kind = current.kind,
                  .epoch = current.epoch,
                  .items = std::move(current.items),
                  .reply = std::move(reply),
                  .batch = current.batch,
                  .quiet_until = wait ? std::optional(now + options_.fence_wait) : std::nullopt};
}

void CommitSlot::forget_batch() {
  if (current_) {
    current_->batch.reset();
  }
}

}  // namespace penstock::ledger
