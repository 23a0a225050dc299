// How partitions and staged batches find each other.
//
// A partition goes through three steps in an epoch: undecided until the protocol lets it start, waiting
// while a batch that begins at its position may still be used, done once it is fetched or taken back. A
// candidate is judged by the steps of all of its partitions:
//
//   ready      each of them waits exactly where the candidate begins
//   not yet    one of them is undecided, or waits at an earlier position
//   never      one of them is done, or is behind the beginning, or is not assigned
//
// For example, the stage holds X = {A 0-10, B 0-5} and Y = {A 10-20}. A starts at 0 and waits. B has not
// started: X is not yet ready, and Y waits for A to come to 10. B starts at 0: X is ready and adopted. A is
// at 10 and B at 5 now. Y is ready and adopted. No candidate begins at A 20 or at B 5, so both are fetched
// from there.
//
// Had B started at 3, X would be never: its records before 3 are not wanted, and a batch is used whole or
// not at all. X is given up. No candidate begins at A 0, so A is fetched from 0. With that Y is never, too.
//
// settle() repeats this until nothing changes. It ends, as each round adopts or gives up a candidate, or
// fetches a partition.
#include "pipeline/adoption.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/partition_range.h"
#include "ledger/claim_text.h"

namespace penstock::pipeline {
namespace {

// R7. Without an entry nothing says that the topic is still the one that was read.
bool entry_allows(const std::optional<GroupEntry>& entry) {
  return entry && ledger::holds_no_claim(entry->metadata);
}

}  // namespace

void Adoption::recovered(std::vector<RecoveredBatch> batches) {
  for (RecoveredBatch& batch : batches) {
    candidates_.push_back(Candidate{.batch = std::move(batch), .slots = {}});
  }
}

void Adoption::begin_epoch(std::span<const source::Assigned> partitions) {
  std::map<TopicPartition, PartitionSlot> slot_of;
  slots_.clear();
  for (const source::Assigned& partition : partitions) {
    slot_of.emplace(partition.id, PartitionSlot{static_cast<std::uint32_t>(slots_.size())});
    slots_.push_back(Slot{.id = partition.id, .entry = partition.entry, .begins = {}, .position = {}});
  }
  for (Candidate& candidate : candidates_) {
    candidate.slots.clear();
    for (const PartitionRange& range : candidate.batch.ranges) {
      const auto slot = slot_of.find({candidate.batch.topic, range.partition});
      if (slot == slot_of.end()) {
        candidate.slots.clear();  // never: see judge()
        break;
      }
      candidate.slots.push_back(slot->second);
    }
  }
  changed_ = true;
}

void Adoption::start(PartitionSlot slot, Position position) {
  if (slot.value >= slots_.size()) {  // of an epoch that has just ended
    calls_.fetch(slot, position);
    return;
  }
  Slot& state = slots_[slot.value];
  const bool is_first = state.step == Step::undecided;
  changed_ = changed_ || state.step != Step::done;
  state.begins = state.position = position;
  if (is_first && !candidates_.empty() && entry_allows(state.entry)) {
    state.step = Step::waiting;
  } else {
    fetch(slot);
  }
}

void Adoption::take_back(PartitionSlot slot) {
  if (slot.value < slots_.size()) {
    slots_[slot.value].step = Step::done;
    changed_ = true;
  }
}

void Adoption::end_epoch() {
  slots_.clear();
  changed_ = false;
}

bool Adoption::settle() {
  if (!std::exchange(changed_, false)) {
    return false;
  }
  bool adopted = false;
  do {
    while (adopt_what_is_ready()) {
      adopted = true;
    }
  } while (fetch_what_nothing_begins_at());

  const auto is_at = [this](Step step) {
    return std::any_of(slots_.begin(), slots_.end(), [step](const Slot& slot) { return slot.step == step; });
  };
  if (is_at(Step::undecided)) {
    return adopted;
  }
  // Batches that wait for each other, of two earlier processes that divided the same records differently.
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].step == Step::waiting) {
      fetch(PartitionSlot{slot});
    }
  }
  give_up_all();
  return adopted;
}

Adoption::Judgement Adoption::judge(const Candidate& candidate) const {
  Judgement judgement = candidate.slots.empty() ? Judgement::never : Judgement::ready;
  for (std::size_t i = 0; i < candidate.slots.size(); ++i) {
    const Slot& slot = slots_[candidate.slots[i].value];
    const Position first = candidate.batch.ranges[i].range.first;
    const bool is_behind = slot.step == Step::waiting && slot.position > first;
    const bool will_be_fetched =
        slot.step == Step::undecided && (!entry_allows(slot.entry) || slot.entry->position > first);
    if (slot.step == Step::done || is_behind || will_be_fetched) {
      return Judgement::never;
    }
    if (slot.step == Step::undecided || slot.position < first) {
      judgement = Judgement::not_yet;
    }
  }
  return judgement;
}

// In the order in which they began, so that one pass takes a chain.
bool Adoption::adopt_what_is_ready() {
  bool adopted = false;
  for (Candidate& candidate : candidates_) {
    const Judgement judgement = judge(candidate);
    if (judgement == Judgement::not_yet) {
      continue;
    }
    candidate.gone = true;
    if (judgement == Judgement::never || !calls_.adopt(candidate.batch, candidate.slots)) {
      calls_.give_up(candidate.batch);
      continue;
    }
    adopted = true;
    for (std::size_t i = 0; i < candidate.slots.size(); ++i) {
      slots_[candidate.slots[i].value].position = candidate.batch.ranges[i].range.next;
    }
  }
  std::erase_if(candidates_, [](const Candidate& candidate) { return candidate.gone; });
  return adopted;
}

// A partition moves on only by a batch that begins where it is: without one it is fetched.
bool Adoption::fetch_what_nothing_begins_at() {
  std::set<std::pair<PartitionSlot, Position>> beginnings;
  for (const Candidate& candidate : candidates_) {
    for (std::size_t i = 0; i < candidate.slots.size(); ++i) {
      beginnings.emplace(candidate.slots[i], candidate.batch.ranges[i].range.first);
    }
  }
  bool fetched = false;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].step == Step::waiting &&
        !beginnings.contains({PartitionSlot{slot}, slots_[slot].position})) {
      fetch(PartitionSlot{slot});
      fetched = true;
    }
  }
  return fetched;
}

void Adoption::fetch(PartitionSlot slot) {
  Slot& state = slots_[slot.value];
  state.step = Step::done;
  if (state.begins < state.position) {
    calls_.read_elsewhere(slot, state.begins);
  }
  calls_.fetch(slot, state.position);
}

void Adoption::give_up_all() {
  for (const Candidate& candidate : std::exchange(candidates_, {})) {
    calls_.give_up(candidate.batch);
  }
}

}  // namespace penstock::pipeline
