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

std::optional<CommitSlot::Resolved> CommitSlot::answered(MonoTime now, Ask ask, CommitOutcome outcome) {
  if (!on_the_wire_ || ask != ask_) {
    return std::nullopt;
  }
  on_the_wire_ = false;
  if (!current_) {
    return std::nullopt;  // it was given up
  }
  Current& current = *current_;
  switch (outcome) {
    case CommitOutcome::done:
      if (current.kind == CommitKind::claim && now - current.first_sent > options_.fence_wait / 2) {
        current.in_doubt = true;  // Claim: "later counts as unknown"
        return resolve(Outcome::late, now);
      }
      return resolve(Outcome::done, now);
    case CommitOutcome::refused:
      return resolve(Outcome::refused, now);
    case CommitOutcome::not_done:
      // The same commit, sent again. If no copy is in doubt, none was made, and this one will be the first.
      current.counting = current.in_doubt;
      break;
    case CommitOutcome::unknown:
      current.in_doubt = true;  // R8: only the same commit is repeated
      if (mutated(Mutant::no_r8) ||
          (mutated(Mutant::r8_for_claims_only) && current.kind != CommitKind::claim)) {
        current.in_doubt = false;
        return resolve(current.kind == CommitKind::claim ? Outcome::refused : Outcome::done, now);
      }
      break;
  }
  current.copy_at = now + back_off(options_.retry_min, options_.retry_max, current.copies);
  return std::nullopt;
}

// The answer's time stands for the last copy's sending: it cannot be earlier.
CommitSlot::Resolved CommitSlot::resolve(Outcome outcome, MonoTime now) {
  Current current = *std::exchange(current_, std::nullopt);
  const bool wait = current.in_doubt && !mutated(Mutant::r8_without_its_wait);
  return Resolved{.outcome = outcome,
                  .kind = current.kind,
                  .epoch = current.epoch,
                  .items = std::move(current.items),
                  .batch = current.batch,
                  .quiet_until = wait ? std::optional(now + options_.fence_wait) : std::nullopt};
}

void CommitSlot::forget_batch() {
  if (current_) {
    current_->batch.reset();
  }
}

}  // namespace penstock::ledger
