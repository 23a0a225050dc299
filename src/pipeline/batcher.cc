// How records find their batch.
//
// At the start of an epoch every partition gets a place for as long as it lasts: its topic's plan, and the
// group with which it shares a batch. A topic of 400 partitions and one batch has groups of 150, 150 and
// 100; with by_partition it has 400 groups. A group has at most one open batch, which is made when its first
// record comes.
//
// take() goes through a span of records of one partition. For example, 200 records come and the batch has
// room for 120. BatchWriter takes 120 and says batch_full. The batch is sealed, a new one is opened, and the
// other 80 go there. A batch that is full is sealed and does not wait for its age.
//
// The ledger is told as soon as records are taken: "batch 7 reaches up to here in this partition". What the
// source passed over without records (control records, compacted holes, positions that were lost) is told in
// the same way once the span is used up. So the ranges of the batches of a partition always follow each
// other without gaps.
//
// Sealing an encoded batch may take slabs. Where there are none, the batch stays open and marked as due, and
// seal_due() tries again at every turn. relieve() is the way out when records wait and no slab is free.
#include "pipeline/batcher.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "base/concat.h"

namespace penstock::pipeline {

Batcher::Batcher(BatchWriter& writer, ledger::Ledger& ledger, io::Loop& loop, const Clock& clock,
                 obs::WorkerMetrics& metrics, std::uint64_t incarnation, std::uint64_t random_seed,
                 Events events)
    : writer_(writer),
      ledger_(ledger),
      loop_(loop),
      clock_(clock),
      metrics_(metrics),
      incarnation_(incarnation),
      random_(random_seed),
      events_(std::move(events)) {}

Batcher::~Batcher() {
  end_epoch();
}

void Batcher::begin_epoch(std::span<const source::Assigned> partitions,
                          std::span<const TopicPlan* const> plans) {
  CHECK(open_.empty());
  CHECK(partitions.size() == plans.size());
  groups_.clear();
  members_.clear();
  std::map<const TopicPlan*, std::size_t> filling;  // the group that the topic's next partition goes to
  for (std::size_t slot = 0; slot < partitions.size(); ++slot) {
    const TopicPlan* plan = plans[slot];
    auto group = filling.find(plan);
    if (group == filling.end() || plan->by_partition ||
        groups_[group->second].partition_count == k_partitions_per_batch_max) {
      groups_.push_back(Group{.plan = plan, .partition_count = 0, .open = nullptr});
      group = filling.insert_or_assign(plan, groups_.size() - 1).first;
    }
    ++groups_[group->second].partition_count;
    members_.push_back(Member{.group = group->second,
                              .partition = partitions[slot].id.partition,
                              .topic = &metrics_.topics.of(partitions[slot].id.topic)});
  }
}

std::size_t Batcher::take(const source::RecordSpan& span) {
  Member& member = members_[span.slot.value];
  Group& group = groups_[member.group];
  Taken total;
  while (total.records < span.records.size()) {
    const Taken taken = append(member, span.slot, span.records.subspan(total.records));
    total.records += taken.records;
    total.empty += taken.empty;
    total.value_bytes += taken.value_bytes;
    if (taken.stop == Taken::Stop::no_room) {
      const RecordView& record = span.records[total.records];
      if (!writer_.can_ever_take(*group.open, record.value.size())) {
        report_refused(span.slot, group, member, record);
      }
      break;
    }
    if (taken.stop == Taken::Stop::batch_full && !seal(member.group, obs::SealReason::size)) {
      break;
    }
  }
  if (total.records == span.records.size()) {
    pass_over(member, span);
  }
  metrics_.records_received.add(total.records);
  metrics_.records_skipped.add(total.empty);
  metrics_.record_bytes.add(total.value_bytes);
  member.topic->records.add(total.records - total.empty);
  member.topic->bytes.add(total.value_bytes);
  return total.records;
}

// To the open batch of the group, and tells the ledger.
Batcher::Taken Batcher::append(Member& member, PartitionSlot slot, std::span<const RecordView> records) {
  Group& group = groups_[member.group];
  Batch& batch = open_batch(group);
  Share& share = share_of(batch, member, slot);
  const Taken taken = writer_.append(group.open, share, records);
  if (taken.records > 0) {
    ledger_.extend(ledger::BatchKey{batch.id.counter}, slot, share.range.next);
  } else if (share.range.first == share.range.next) {  // it was made for nothing
    batch.ranges.shares.pop_back();
    member.share_of = nullptr;
  }
  return taken;
}

// The position lies behind control records, a compacted hole, or what was lost.
void Batcher::pass_over(Member& member, const source::RecordSpan& span) {
  const Position reached = ledger_.received(span.slot);
  if (span.next <= reached) {
    return;
  }
  Batch& batch = open_batch(groups_[member.group]);
  share_of(batch, member, span.slot).range.next = span.next;
  if (span.lost) {
    batch.ranges.lost.push_back({member.partition, {reached, span.next}});
    metrics_.lost_positions.add(static_cast<std::uint64_t>(span.next.value - reached.value));
  }
  ledger_.extend(ledger::BatchKey{batch.id.counter}, span.slot, span.next);
}

BatchPtr Batcher::make_batch(const Group& group) {
  const std::size_t index = static_cast<std::size_t>(&group - groups_.data());
  const BatchId id{.incarnation = incarnation_, .counter = next_counter_++};
  std::optional<Partition> partition;
  if (group.plan->path.uses_partition()) {  // then the group is of one partition
    for (const Member& member : members_) {
      if (member.group == index) {
        partition = member.partition;
      }
    }
  }
  auto batch = std::make_shared<Batch>();
  batch->id = id;
  batch->plan = group.plan;
  batch->name = group.plan->path.expand(group.plan->topic, partition, clock_.wall_now(), id,
                                        format::file_extension(group.plan->format));
  batch->attempt = random_hex();
  return batch;
}

BatchPtr Batcher::begin_recovered(std::span<const PartitionSlot> slots) {
  for (const PartitionSlot slot : slots) {
    const std::size_t index = members_[slot.value].group;
    if (groups_[index].open && !seal(index, obs::SealReason::drain)) {
      return nullptr;
    }
  }
  return make_batch(groups_[members_[slots.front().value].group]);
}

Batch& Batcher::open_batch(Group& group) {
  if (group.open) {
    return *group.open;
  }
  const std::size_t index = static_cast<std::size_t>(&group - groups_.data());
  BatchPtr batch = make_batch(group);
  group.age_timer = loop_.start_timer(group.plan->max_age, [this, index] {
    const auto open = open_.find(index);
    CHECK(open != open_.end());
    groups_[index].age_timer = io::TimerId::none;
    open->second = true;
    seal_due();
  });
  group.open = std::move(batch);
  open_[index] = false;
  metrics_.open_batches.set(static_cast<std::int64_t>(open_.size()));
  return *group.open;
}

Share& Batcher::share_of(Batch& batch, Member& member, PartitionSlot slot) {
  if (member.share_of != &batch) {
    const Position first = ledger_.received(slot);
    batch.ranges.shares.push_back(
        Share{.partition = member.partition, .range = {first, first}, .chunked = first});
    member.share_of = &batch;
    member.share = batch.ranges.shares.size() - 1;
  }
  return batch.ranges.shares[member.share];
}

bool Batcher::seal(std::size_t index, obs::SealReason reason) {
  Group& group = groups_[index];
  if (!writer_.can_end(*group.open)) {
    return false;
  }
  const BatchPtr batch = std::exchange(group.open, nullptr);
  open_.erase(index);
  loop_.cancel_timer(std::exchange(group.age_timer, io::TimerId::none));
  for (Member& member : members_) {
    if (member.share_of == batch.get()) {
      member.share_of = nullptr;
    }
  }
  writer_.seal(batch);
  metrics_.batches_sealed[reason].add();
  metrics_.open_batches.set(static_cast<std::int64_t>(open_.size()));
  events_.sealed(batch);
  return true;
}

void Batcher::seal_due() {
  for (auto open = open_.begin(); open != open_.end();) {
    const auto next = std::next(open);
    if (open->second && !seal(open->first, obs::SealReason::age)) {
      return;
    }
    open = next;
  }
}

bool Batcher::seal_all(obs::SealReason reason) {
  for (auto open = open_.begin(); open != open_.end();) {
    const auto next = std::next(open);
    if (!seal(open->first, reason)) {
      return false;
    }
    open = next;
  }
  return true;
}

// First short chunks: they cost some room on the stage and no file. When the stage is full, or spilling frees
// nothing, only publishing frees anything, and an open batch is not published before it is sealed.
void Batcher::relieve(bool publishing, bool stage_full) {
  BatchPtr fullest;
  for (const auto& [index, due] : open_) {
    const BatchPtr& batch = groups_[index].open;
    if (batch->cut.held_slabs() > 0 && (!fullest || batch->cut.held_bytes() > fullest->cut.held_bytes())) {
      fullest = batch;
    }
  }
  if (fullest && !stage_full && writer_.can_end(*fullest)) {
    writer_.spill(fullest);
    return;
  }
  if (!publishing) {
    seal_all(obs::SealReason::memory);
  }
}

std::vector<BatchPtr> Batcher::drop(std::span<const ledger::BatchKey> keys) {
  std::vector<BatchPtr> dropped;
  for (auto open = open_.begin(); open != open_.end();) {
    Group& group = groups_[open->first];
    BatchPtr& batch = group.open;
    if (std::find(keys.begin(), keys.end(), ledger::BatchKey{batch->id.counter}) == keys.end()) {
      ++open;
      continue;
    }
    for (Member& member : members_) {
      if (member.share_of == batch.get()) {
        member.share_of = nullptr;
      }
    }
    loop_.cancel_timer(std::exchange(group.age_timer, io::TimerId::none));
    writer_.abandon(*batch);
    dropped.push_back(std::move(batch));
    open = open_.erase(open);
  }
  metrics_.open_batches.set(static_cast<std::int64_t>(open_.size()));
  return dropped;
}

std::vector<BatchPtr> Batcher::end_epoch() {
  std::vector<BatchPtr> dropped;
  for (const auto& [index, due] : open_) {
    BatchPtr& batch = groups_[index].open;
    loop_.cancel_timer(groups_[index].age_timer);
    writer_.abandon(*batch);
    dropped.push_back(std::move(batch));
  }
  open_.clear();
  groups_.clear();
  members_.clear();
  metrics_.open_batches.set(0);
  return dropped;
}

void Batcher::report_refused(PartitionSlot slot, const Group& group, const Member& member,
                             const RecordView& record) {
  events_.refused(
      slot,
      make_error(ErrorKind::unsupported, Action::fatal,
                 concat("topic ", group.plan->topic, ", partition ", member.partition.value, ", offset ",
                        record.offset.value, ": the record's value of ", record.value.size(),
                        " bytes does not fit into this worker's memory; raise runtime.memory "
                        "or lower runtime.workers. Nothing was skipped")));
}

std::string Batcher::random_hex() {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(random_()),
                static_cast<unsigned long long>(random_()));
  return text;
}

}  // namespace penstock::pipeline
