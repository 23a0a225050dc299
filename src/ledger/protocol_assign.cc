// Where a partition starts (PROTOCOL.md, Assign 1 to Assign 6), and whether it may be claimed: the fence
// (Publish 3).
//
// How it works
//
// assign() judges what was read of the partition's entry. Most entries say at once where the partition
// starts. A claim asks a question first:
//
//   reading ─► assign() ─┬─ no claim ───────────────────────────────────────────────► started
//      ▲                 └─► putting_tombstone ─┬─ created ────────────────────────► started at `first`
//      │                                        └─► reading_blob ─┬─ tombstone ────► started at `first`
//      │                                                          ├─ this range ───► started at `next`
//      │                                                          └─ other ────────► stopped
//      └── the fence, fence_wait later, finds another entry ◄── started
//
// Why there is a fence
//
//   1. Worker A sends the claim of X for [1000, 1500). The coordinator accepts it, but it takes a moment
//      until reads see it. A believes in it.
//   2. The partition moves to B. B reads the entry and finds (1000, ""). It starts to read at 1000.
//   3. The claim becomes visible. A publishes X.
//   4. B claims a blob Y for [1000, 1500), which overwrites the claim of X, and publishes Y. The range is in
//      the lake twice.
//
// So B reads the entry once more before its first claim, fence_wait after its assignment. It finds the claim
// of X there, drops what it has read, runs Assign again and starts at 1500. One further read is enough. A
// claim of A that is not visible by then was accepted too late for A to believe in it (Publish 4).
//
// Reading and uploading go on while the fence is ahead. Only the first claim waits.
#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "ledger/mutants.h"
#include "ledger/protocol.h"

namespace penstock::ledger {

// Assign 1 was the read. What it found decides Assign 2 to Assign 5. Assign 6 is decided by the source, which
// alone knows the log.
void Protocol::assign(PartitionSlot slot, const std::optional<GroupEntry>& entry) {
  PartitionState& partition = at(slot);
  partition.read = entry;
  if (!exactly_once()) {
    partition.fenced = true;
    const MetadataText text = parse_metadata(entry ? entry->metadata : std::string());
    const NoClaim* no_claim = std::get_if<NoClaim>(&text);
    if (!entry) {
      start_new(slot);
    } else {
      begin_at(slot, {.position = entry->position,
                      .topic_id = no_claim != nullptr ? no_claim->topic_id : std::string(),
                      .bare = no_claim != nullptr ? no_claim->bare : std::nullopt});
    }
    return;
  }
  AssignAnswer answer = assign_by_entry(entry, options_.sink);
  if (std::holds_alternative<StartAtSource>(answer)) {
    if (partition.assigned.entry || partition.has_written) {  // this is Assign again, and there was an entry
      stop(slot,
           "lost its committed offset while it was assigned: somebody deleted the group's offsets; start "
           "again");
      return;
    }
    if (partition.assigned.start_known) {
      start_new(slot);
    } else {
      partition.step = Step::waiting_for_start;
    }
  } else if (const auto* found = std::get_if<StartAt>(&answer)) {
    if (found->foreign) {
      push(Notice{
          concat("topic ", partition.assigned.id.topic, ", partition ", partition.assigned.id.partition.value,
                 " has committed offset metadata of another product; its offset is taken, and the metadata "
                 "replaced with the first commit")});
    }
    begin_at(slot, *found);
  } else if (auto* question = std::get_if<AskAbout>(&answer)) {
    ask(slot, std::move(*question));
  } else {
    stop(slot, std::get<StopBecause>(answer).why);
  }
}

// Assign 4. Looking first would not do: a name that is free now may be taken a moment later.
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
    // The blob can never be published.
    begin_at(slot,
             {.position = question.first, .topic_id = question.claim.topic_id, .bare = question.claim.bare});
  } else if (mutated(Mutant::assuming_data)) {
    start(slot, question.claim.next, std::nullopt);
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
    start(slot, partition->question.first, std::nullopt);
    return;
  }
  const auto answer = assign_by_blob(found, partition->question);
  if (const auto* at = std::get_if<StartAt>(&answer)) {
    begin_at(slot, *at);
  } else {
    stop(slot, std::get<StopBecause>(answer).why);
  }
}

void Protocol::start_found(PartitionSlot slot, Position position) {
  if (!in_epoch()) {
    return;
  }
  PartitionState& partition = at(slot);
  partition.assigned.start = position;
  partition.assigned.start_known = true;
  if (partition.step == Step::waiting_for_start) {
    changed_ = true;
    start_new(slot);
  }
}

// What was read of the partition so far is of the log as it was. It is published where it is, and is not
// finished: the entry that follows is the one of the new place. While Assign runs, nothing was read.
void Protocol::moved(PartitionSlot slot, Position position, std::string topic_id) {
  if (!taking() || at(slot).step == Step::stopped) {
    return;
  }
  changed_ = true;
  PartitionState& partition = at(slot);
  partition.move = Move{.to = position, .topic_id = std::move(topic_id)};
  if (partition.step == Step::waiting_for_start || partition.step == Step::waiting_for_move) {
    start(slot, position, Bare{.from = position, .is_start = true});
  } else if (partition.step == Step::started) {
    partition.step = Step::moving;
  }
}

void Protocol::move_what_is_due() {
  for (std::uint32_t slot = 0; slot < partitions_.size(); ++slot) {
    const PartitionSlot of{slot};
    if (partitions_[slot].step == Step::moving && !drain_deadline_ && !ledger_.first_batch_of(of)) {
      start(of, partitions_[slot].move->to, std::nullopt);
    }
  }
}

// Assign 7. An offset of a topic that was deleted says nothing about the topic that has its name now.
void Protocol::begin_at(PartitionSlot slot, const StartAt& where) {
  PartitionState& partition = at(slot);
  const std::string& topic_id = partition.assigned.topic_id;
  if (!partition.move && !where.topic_id.empty() && !topic_id.empty() && where.topic_id != topic_id) {
    partition.step = Step::waiting_for_move;
    push(Distrust{.slot = slot, .position = where.position});
    return;
  }
  start(slot, where.position, where.bare);
}

void Protocol::start_new(PartitionSlot slot) {
  const Position position = at(slot).assigned.start;
  start(slot, position, Bare{.from = position, .is_start = true});
}

// Nothing is committed yet (Assign 2, Assign 4). A commit could overwrite a claim that is accepted and not
// visible, and the fence would find no trace of it. What is to be committed of the start waits in must_pin or
// entry_behind.
void Protocol::start(PartitionSlot slot, Position position, std::optional<Bare> bare) {
  PartitionState& partition = at(slot);
  const bool is_first = partition.step == Step::waiting_for_start || partition.step == Step::waiting_for_move;
  partition.step = Step::started;
  partition.must_pin = !partition.read && partition.assigned.pin_start;
  partition.entry_behind = exactly_once() && partition.read && partition.read->position != position;
  if (const auto move = std::exchange(partition.move, std::nullopt)) {
    position = move->to;
    const bool is_cut = move->topic_id == partition.assigned.topic_id && !is_first;  // a log of ours
    bare = is_cut ? std::nullopt : std::optional(Bare{.from = position, .is_start = true});
    partition.assigned.topic_id = move->topic_id;
    partition.entry_behind = true;
  }
  ledger_.restart(slot, position, bare);
  if (mutated(Mutant::no_fence)) {
    partition.fenced = true;
  }
  if (!partition.fenced &&
      (mutated(Mutant::assign_commits_at_once) || mutated(Mutant::fence_accepts_what_assign_wrote))) {
    partition.must_pin = true;
    partition.wrote = GroupEntry{.position = position, .metadata = no_claim(slot)};
  }
  begin_reading(slot);
}

// A partition that was stopped for want of a right is read when a commit of it has succeeded. Else its next
// claim would be rejected too, and would take later batches of other partitions along (PROTOCOL.md, Drop).
void Protocol::begin_reading(PartitionSlot slot) {
  PartitionState& partition = at(slot);
  if (partition.resumes) {
    partition.step = Step::pinning;
    partition.must_pin = true;
    return;
  }
  if (!drain_deadline_) {
    push(Start{.slot = slot, .position = ledger_.received(slot)});
  }
}

void Protocol::stop(PartitionSlot slot, const std::string& why) {
  PartitionState& partition = at(slot);
  partition.step = Step::stopped;
  partition.must_pin = false;
  partition.entry_behind = false;  // by the Assign before: whoever comes next finds the entry as it is
  push(StopPartition{.slot = slot,
                     .error = make_error(ErrorKind::invalid_input, penstock::Action::give_up,
                                         concat("topic ", partition.assigned.id.topic, ", partition ",
                                                partition.assigned.id.partition.value, " ", why))});
}

// The reads of Assign again and of the fences that are due, all in one request. The fences of an epoch are
// due at the same time, so an assignment costs one further read.
void Protocol::read_what_is_due(MonoTime now) {
  if (read_ask_) {
    return;
  }
  std::vector<PartitionSlot> due;
  for (std::uint32_t slot = 0; slot < partitions_.size(); ++slot) {
    PartitionState& partition = partitions_[slot];
    if (partition.retry_at && !drain_deadline_ && !ledger_.first_batch_of(PartitionSlot{slot})) {
      const MonoTime at = std::max(*partition.retry_at, partition.quiet_until);
      if (now < at) {
        wake(at);
      } else {
        partition.retry_at.reset();
        partition.step = Step::reading;
      }
    }
    const bool fence_ahead = is_read(PartitionSlot{slot}) && !partition.fenced;
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
  std::vector<TopicPartition> ids;
  for (const PartitionSlot slot : due) {
    ids.push_back(at(slot).assigned.id);
  }
  read_slots_ = std::move(due);
  push(ReadEntries{.ask = *read_ask_, .partitions = std::move(ids)});
}

void Protocol::entries_read(MonoTime now, Ask ask,
                            const Result<std::vector<std::optional<GroupEntry>>>& entries) {
  if (check_ask_ == ask) {
    claims_read(now, entries);
    return;
  }
  if (read_ask_ != ask) {
    return;
  }
  read_ask_.reset();
  changed_ = true;
  if (!entries.ok() || entries->size() != read_slots_.size()) {  // Assign 1: an error is never "no entry"
    read_not_before_ = now + back_off(options_.retry_min, options_.retry_max, ++read_failures_);
    return;
  }
  read_failures_ = 0;
  // First all that is read for Assign again, then the fences: a fence that fails may ask for another read.
  std::vector<std::size_t> fences;
  for (std::size_t i = 0; i < read_slots_.size(); ++i) {
    if (at(read_slots_[i]).step == Step::reading) {
      assign(read_slots_[i], (*entries)[i]);
    } else if (is_read(read_slots_[i])) {
      fences.push_back(i);
    }
  }
  for (const std::size_t i : fences) {
    fence(read_slots_[i], (*entries)[i]);
  }
}

// Publish 3: only if the entry is exactly what Assign read may the partition be claimed. Either way it counts
// as fenced: what Assign reads from now on, no former owner changes any more with a commit that it believes
// in.
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

// After a changed fence, for this partition only. Those that shared its batches go on where the dropped
// ranges began. An unfenced partition is in no claim, so the first batch that has it is unclaimed.
void Protocol::assign_again(PartitionSlot slot) {
  at(slot).step = Step::reading;
  push(Hold{slot});
  if (const auto batch = ledger_.first_batch_of(slot)) {
    drop_from(*batch);
  }
}

}  // namespace penstock::ledger
