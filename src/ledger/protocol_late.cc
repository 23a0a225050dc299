// The put of a claim that was accepted long ago (PROTOCOL.md, Publish 5).
//
// How it works
//
// A claim keeps the name of its blob for its writer only as long as its tombstone, or the claim itself, is
// there to tell. The worked case is a writer that is frozen:
//
//   1. The claim of X is accepted, and the machine is frozen before the blob is put.
//   2. A successor finds the claim. It closes X by a tombstone, reads the range again, and publishes it as Y.
//   3. A week later somebody tidies the lake, and deletes the empty file at X.
//   4. The writer wakes up and puts X. Its condition holds, as nothing is there. The range is in the lake
//      twice.
//
// So a put may begin only until fence_wait after its claim. Later the driver says put_is_late(). The entries
// are read again, those of all late batches in one request. If each is still the claim, nobody has asked
// about X, since whoever asks goes on to commit. Then a put may begin until fence_wait / 2 after the sending
// of that read, so that a writer that is frozen between the two reads again. If one is not, X is never put
// any more: AskBlob finds out whether an earlier try of ours has taken effect. While the entries cannot be
// read, the batch waits.
#include <numeric>
#include <utility>

#include "ledger/mutants.h"
#include "ledger/protocol.h"

namespace penstock::ledger {
void Protocol::put_is_late(BatchKey batch) {
  if (!exactly_once() || mutated(Mutant::late_put_without_reading)) {
    push(PutBlob{.batch = batch});
  } else if (claim_of(batch) != nullptr) {
    changed_ = true;
    late_.insert(batch);
  }
}

// Null: it is dropped, or it has no claim.
const std::vector<Protocol::ClaimedEntry>* Protocol::claim_of(BatchKey batch) const {
  if (const auto past = past_.find(batch); past != past_.end()) {
    return &past->second.claim;
  }
  const auto state = batches_.find(batch);
  return state != batches_.end() && state->second.step == BatchStep::claimed ? &state->second.claim : nullptr;
}

void Protocol::check_late_claims(MonoTime now) {
  if (late_.empty() || check_ask_) {
    return;
  }
  if (now < check_not_before_) {
    wake(check_not_before_);
    return;
  }
  std::vector<TopicPartition> partitions;
  checked_.clear();
  for (const BatchKey batch : late_) {
    const std::vector<ClaimedEntry>& claim = *claim_of(batch);
    checked_.emplace_back(batch, claim.size());
    for (const ClaimedEntry& claimed : claim) {
      partitions.push_back(claimed.id);
    }
  }
  check_ask_ = new_ask();
  check_asked_at_ = now;
  push(ReadEntries{.ask = *check_ask_, .partitions = std::move(partitions)});
}

void Protocol::claims_read(MonoTime now, const Result<std::vector<std::optional<GroupEntry>>>& entries) {
  check_ask_.reset();
  changed_ = true;
  const std::size_t rows =
      std::accumulate(checked_.begin(), checked_.end(), std::size_t{0},
                      [](std::size_t sum, const auto& checked) { return sum + checked.second; });
  if (!entries.ok() || entries->size() != rows) {  // Assign 1: an error says nothing of the entries
    check_not_before_ = now + back_off(options_.retry_min, options_.retry_max, ++check_failures_);
    return;
  }
  check_failures_ = 0;
  std::size_t row = 0;
  for (const auto& [batch, count] : std::exchange(checked_, {})) {
    const std::size_t first = std::exchange(row, row + count);
    if (late_.erase(batch) == 0) {  // it was dropped meanwhile
      continue;
    }
    const std::vector<ClaimedEntry>& claim = *claim_of(batch);
    bool stands = true;
    for (std::size_t i = 0; i < count; ++i) {
      const std::optional<GroupEntry>& entry = (*entries)[first + i];
      stands = stands && entry && entry->position == claim[i].entry.position &&
               entry->metadata == claim[i].entry.metadata;
    }
    if (stands) {
      push(PutBlob{.batch = batch, .until = check_asked_at_ + options_.fence_wait / 2});
    } else {
      push(AskBlob{batch});
    }
  }
}

}  // namespace penstock::ledger
