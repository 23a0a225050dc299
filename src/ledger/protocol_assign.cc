// Assign: where a partition starts; and Fence: whether it may be claimed.
#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "ledger/mutants.h"
#include "ledger/protocol.h"

namespace penstock::ledger {

// Assign 1 was the read. 2 to 5 are decided by what it found; 6 by the source.
void Protocol::assign(PartitionSlot slot, const std::optional<GroupEntry>& entry) {
  PartitionState& partition = at(slot);
  partition.read = entry;
  if (!exactly_once()) {
    partition.fenced = true;
    start(slot, entry ? entry->position : partition.assigned.start);
    return;
  }
  AssignAnswer answer = assign_by_entry(entry, options_.sink);
  if (std::holds_alternative<StartAtSource>(answer)) {
    if (partition.assigned.entry) {
      stop(slot,
           "lost its committed offset while it was assigned: somebody deleted the group's offsets; start "
           "again");
      return;
    }
    start(slot, partition.assigned.start);
  } else if (const auto* found = std::get_if<StartAt>(&answer)) {
    if (found->foreign) {
      push(Notice{
          concat("topic ", partition.assigned.id.topic, ", partition ", partition.assigned.id.partition.value,
                 " has committed offset metadata of another product; its offset is taken, and the metadata "
                 "replaced with the first commit")});
    }
    start(slot, found->position);
  } else if (auto* question = std::get_if<AskAbout>(&answer)) {
    ask(slot, std::move(*question));
  } else {
    stop(slot, std::get<StopBecause>(answer).why);
  }
}

// Assign 4.
void Protocol::ask(PartitionSlot slot, AskAbout question) {
  PartitionState& partition = at(slot);
  partition.question = std::move(question);
  partition.ask = new_ask();
  const std::string& blob = partition.question.claim.blob;
  if (mutated(Mutant::looking_without_a_tombstone)) {
    partition.step = Step::reading_blob;
    push(ReadBlob{.ask = partition.ask,
                  .slot = slot,
                  .blob = blob,
                  .range = {partition.question.first, partition.question.claim.next}});
    return;
  }
  partition.step = Step::putting_tombstone;
  push(PutTombstone{.ask = partition.ask, .slot = slot, .blob = blob});
}

void Protocol::tombstone_put(Ask ask, TombstonePut outcome) {
  const auto partition = std::find_if(partitions_.begin(), partitions_.end(), [ask](const PartitionState& p) {
    return p.step == Step::putting_tombstone && p.ask == ask;
  });
  if (partition == partitions_.end()) {
    return;
  }
  changed_ = true;
  const PartitionSlot slot{static_cast<std::uint32_t>(partition - partitions_.begin())};
  const AskAbout& question = partition->question;
  if (outcome == TombstonePut::created || mutated(Mutant::assuming_tombstone)) {
    start(slot, question.first);  // the blob can never be published
  } else if (mutated(Mutant::assuming_data)) {
    start(slot, question.claim.next);
  } else {
    partition->step = Step::reading_blob;
    partition->ask = new_ask();
    push(ReadBlob{.ask = partition->ask,
                  .slot = slot,
                  .blob = question.claim.blob,
                  .range = {question.first, question.claim.next}});
  }
}

void Protocol::blob_read(Ask ask, FoundBlob found) {
  const auto partition = std::find_if(partitions_.begin(), partitions_.end(), [ask](const PartitionState& p) {
    return p.step == Step::reading_blob && p.ask == ask;
  });
  if (partition == partitions_.end()) {
    return;
  }
  changed_ = true;
  const PartitionSlot slot{static_cast<std::uint32_t>(partition - partitions_.begin())};
  if (found == FoundBlob::absent && mutated(Mutant::looking_without_a_tombstone)) {
    start(slot, partition->question.first);
    return;
  }
  const auto answer = assign_by_blob(found, partition->question);
  if (const auto* at = std::get_if<StartAt>(&answer)) {
    start(slot, at->position);
  } else {
    stop(slot, std::get<StopBecause>(answer).why);
  }
}

// "Commit nothing yet": what is to be committed of it waits for the fence.
void Protocol::start(PartitionSlot slot, Position position) {
  PartitionState& partition = at(slot);
  partition.step = Step::started;
  partition.must_pin = !partition.read && partition.assigned.pin_start;
  partition.entry_behind = exactly_once() && partition.read && partition.read->position != position;
  ledger_.restart(slot, position);
  if (mutated(Mutant::no_fence)) {
    partition.fenced = true;
  }
  if (!partition.fenced &&
      (mutated(Mutant::assign_commits_at_once) || mutated(Mutant::fence_accepts_what_assign_wrote))) {
    partition.must_pin = true;
    partition.wrote = GroupEntry{.position = position, .metadata = {}};
  }
  if (!drain_deadline_) {
    push(Start{.slot = slot, .position = position});
  }
}

void Protocol::stop(PartitionSlot slot, const std::string& why) {
  PartitionState& partition = at(slot);
  partition.step = Step::stopped;
  push(StopPartition{.slot = slot,
                     .error = Error{.kind = ErrorKind::invalid_input,
                                    .action = penstock::Action::give_up,
                                    .message = concat("topic ", partition.assigned.id.topic, ", partition ",
                                                      partition.assigned.id.partition.value, " ", why),
                                    .code = {},
                                    .retry_after = {}}});
}

// The reads of Assign again, and of the fences that are due: all in one request.
void Protocol::read_what_is_due(MonoTime now) {
  if (read_ask_) {
    return;
  }
  std::vector<PartitionSlot> due;
  for (std::uint32_t slot = 0; slot < partitions_.size(); ++slot) {
    const PartitionState& partition = partitions_[slot];
    const bool fence_ahead = partition.step == Step::started && !partition.fenced;
    if (fence_ahead && now < fence_at_) {
      wake(fence_at_);
    } else if (fence_ahead || (partition.step == Step::reading && !drain_deadline_)) {
      due.push_back(PartitionSlot{slot});
    }
  }
  if (due.empty()) {
    return;
  }
  if (now < read_not_before_) {
    wake(read_not_before_);
    return;
  }
  read_ask_ = new_ask();
  read_slots_ = due;
  push(ReadEntries{.ask = *read_ask_, .slots = std::move(due)});
}

void Protocol::entries_read(MonoTime now, Ask ask,
                            const Result<std::vector<std::optional<GroupEntry>>>& entries) {
  if (read_ask_ != ask) {
    return;
  }
  read_ask_.reset();
  changed_ = true;
  if (!entries.ok() || entries->size() != read_slots_.size()) {  // an error is never "no entry"
    read_not_before_ = now + back_off(options_.retry_min, options_.retry_max, ++read_failures_);
    return;
  }
  read_failures_ = 0;
  // First all that is read for Assign again, then the fences: a fence that fails may ask for another read.
  std::vector<std::size_t> fences;
  for (std::size_t i = 0; i < read_slots_.size(); ++i) {
    if (at(read_slots_[i]).step == Step::reading) {
      assign(read_slots_[i], (*entries)[i]);
    } else if (at(read_slots_[i]).step == Step::started) {
      fences.push_back(i);
    }
  }
  for (const std::size_t i : fences) {
    fence(read_slots_[i], (*entries)[i]);
  }
}

// Only if the entry is unchanged from what Assign read may the partition be claimed. Either way it counts as fenced:
// what Assign reads now, no former owner can change any more.
void Protocol::fence(PartitionSlot slot, const std::optional<GroupEntry>& entry) {
  PartitionState& partition = at(slot);
  if (partition.fenced) {
    return;
  }
  partition.fenced = true;
  const bool as_written =
      mutated(Mutant::fence_accepts_what_assign_wrote) && partition.wrote && entry == partition.wrote;
  if (entry != partition.read && !as_written && !mutated(Mutant::no_assign_after_changed_fence)) {
    assign_again(slot);
  }
}

// After a changed fence, for this partition only; those that shared its batches resume where the dropped ranges began.
void Protocol::assign_again(PartitionSlot slot) {
  at(slot).step = Step::reading;
  push(Hold{slot});
  if (const auto batch = ledger_.first_batch_of(slot)) {
    drop_from(*batch);
  }
}

}  // namespace penstock::ledger
