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
// A batch ages from its first record. With min_bytes = 16 MiB, max_age = 1 min and small_max_age = 10 min:
//   minute 1    it has 5 MiB, and is due as soon as it has 16
//   minute 3    it has 16 MiB, and is sealed at that turn; with less it would be at minute 10
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
                 obs::WorkerMetrics& metrics, const Options& options, Events events)
    : writer_(writer),
      ledger_(ledger),
      loop_(loop),
      clock_(clock),
      metrics_(metrics),
      backlog_(options.backlog_bytes_max),
      record_ages_(clock),
      incarnation_(options.incarnation),
      random_(options.random_seed),
      events_(std::move(events)) {}

Batcher::~Batcher() {
  end_epoch();
}

void Batcher::begin_epoch(std::span<const source::Assigned> partitions,
                          std::span<const TopicPlan* const> plans) {
  CHECK(open_.empty());
  CHECK(partitions.size() == plans.size());
  record_ages_.begin_epoch(partitions.size());
  groups_.clear();
  members_.clear();
  for (std::size_t slot = 0; slot < partitions.size(); ++slot) {
    const std::size_t group = group_for(plans[slot], partitions[slot].topic_id);
    ++groups_[group].partition_count;
    members_.push_back(Member{.group = group, .partition = partitions[slot].id.partition});
  }
}

// The group that the topic's next partition goes to.
std::size_t Batcher::group_for(const TopicPlan* plan, const std::string& topic_id) {
  for (std::size_t index = groups_.size(); index-- > 0 && !plan->by_partition;) {
    const Group& group = groups_[index];
    if (group.plan == plan && group.topic_id == topic_id &&
        group.partition_count < k_partitions_per_batch_max) {
      return index;
    }
  }
  groups_.push_back(Group{.plan = plan, .topic_id = topic_id, .quiet_since = clock_.now()});
  return groups_.size() - 1;
}

// What is open of it keeps the topic id that it has.
void Batcher::moved(PartitionSlot slot, const std::string& topic_id) {
  if (slot.value >= members_.size()) {  // of an assignment that was not taken up
    return;
  }
  Member& member = members_[slot.value];
  if (groups_[member.group].topic_id == topic_id) {
    return;
  }
  --groups_[member.group].partition_count;
  member.group = group_for(groups_[member.group].plan, topic_id);
  ++groups_[member.group].partition_count;
}

// The metadata of a blob have room for so many ranges (format::k_ranges_bytes_max). A partition that is read
// slower than its log is cut may be lost many times within one batch.
Batcher::Admission Batcher::admit(const source::RecordSpan& span) {
  if (backlog_.full()) {
    return Admission::backlog_full;
  }
  const Member& member = members_[span.slot.value];
  const Group& group = groups_[member.group];
  if (!group.open) {
    return Admission::yes;
  }
  const std::size_t of_share = member.share_of == group.open.get() ? 0U : (bare_from(span.slot) ? 2U : 1U);
  const std::size_t needed = (of_share + (span.lost ? 1U : 0U)) * format::range_bytes_max(member.partition);
  const bool fits = group.open->ranges.text_bytes_max + needed <= format::k_ranges_bytes_max;
  return fits || seal(member.group, obs::SealReason::size) ? Admission::yes : Admission::no_slab;
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
      if (!writer_.can_ever_take(*group.open, member.partition, record)) {
        report_refused(span.slot, group, member, record);
      }
      break;
    }
    if (taken.stop == Taken::Stop::no_schema) {
      writer_.ask_for_schemas(*group.plan, span.records.subspan(total.records));
      break;
    }
    if (taken.stop == Taken::Stop::batch_full || taken.stop == Taken::Stop::other_columns) {
      const bool is_full = taken.stop == Taken::Stop::batch_full;
      if (!seal(member.group, is_full ? obs::SealReason::size : obs::SealReason::columns) ||
          backlog_.full()) {
        break;
      }
    }
  }
  if (total.records == span.records.size()) {
    pass_over(member, span);
  }
  metrics_.records_received.add(total.records);
  metrics_.records_skipped.add(total.empty);
  metrics_.record_bytes.add(total.value_bytes);
  return total.records;
}

// To the open batch of the group, and tells the ledger.
Batcher::Taken Batcher::append(Member& member, PartitionSlot slot, std::span<const RecordView> records) {
  Group& group = groups_[member.group];
  if (writer_.awaits_schema(*group.plan, group.open.get(), records.front())) {
    return {.stop = Taken::Stop::no_schema};
  }
  Batch& batch = open_batch(group);
  Share& share = share_of(batch, member, slot);
  if (group.plan->name_clock == NameClock::record && batch.cut.skipped == 0 && !batch.makes_blob()) {
    batch.name = name_of(group, batch.id, time_of(records.front(), clock_.wall_now()));
    if (batch.quarantine.batch) {
      batch.quarantine.batch->name = format::quarantine_name(batch.name);
    }
  }
  const Taken taken = writer_.append(group.open, share, records);
  if (taken.records > 0) {
    record_ages_.read(slot, ledger::BatchKey{batch.id.counter}, records.front());
    ledger_.extend(ledger::BatchKey{batch.id.counter}, slot, share.range.next);
  } else if (share.range.first == share.range.next) {  // it was made for nothing
    batch.ranges.text_bytes_max -= text_bytes_max_of(share);
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
  BatchWriter::pass_over(batch, share_of(batch, member, span.slot), span.next);
  if (span.lost) {
    note_lost(batch, member.partition, {reached, span.next});
    metrics_.lost_positions.add(static_cast<std::uint64_t>(span.next.value - reached.value));
  }
  ledger_.extend(ledger::BatchKey{batch.id.counter}, span.slot, span.next);
}

// What follows without a record between is one.
void Batcher::note_lost(Batch& batch, Partition partition, Range range) {
  for (PartitionRange& known : batch.ranges.lost) {
    if (known.partition == partition && known.range.next == range.first) {
      known.range.next = range.next;
      return;
    }
  }
  batch.ranges.lost.push_back({partition, range});
  batch.ranges.text_bytes_max += format::range_bytes_max(partition);
}

BatchPtr Batcher::make_batch(const Group& group) {
  const BatchId id{.incarnation = incarnation_, .counter = next_counter_++};
  auto batch = std::make_shared<Batch>();
  batch->id = id;
  batch->plan = group.plan;
  batch->name = name_of(group, id, clock_.wall_now());
  batch->attempt = random_hex();
  batch->topic_id = group.topic_id;
  // Nobody can write the rest of a file with an end once its encoder is gone.
  batch->recipe_hash =
      group.plan->format.has_end() ? 0 : with_topic_id(group.plan->recipe_hash, group.topic_id);
  return batch;
}

std::string Batcher::name_of(const Group& group, const BatchId& id, WallTime time) const {
  const std::size_t index = static_cast<std::size_t>(&group - groups_.data());
  std::optional<Partition> partition;
  if (group.plan->path.uses_partition()) {  // then the group is of one partition
    for (const Member& member : members_) {
      if (member.group == index) {
        partition = member.partition;
      }
    }
  }
  return group.plan->path.expand(group.plan->topic, partition, time, id,
                                 format::file_extension(group.plan->format));
}

// A batch of its own for the store, as far as its bytes go. It takes nothing until a record comes.
BatchPtr Batcher::make_quarantine(const Batch& batch) {
  auto beside = std::make_shared<Batch>();
  beside->id = {.incarnation = incarnation_, .counter = next_counter_++};
  beside->plan = batch.plan->quarantine.get();
  beside->name = format::quarantine_name(batch.name);
  beside->attempt = random_hex();
  beside->beside = batch.id;
  beside->of = batch.attempt;
  return beside;
}

BatchPtr Batcher::begin_recovered(std::span<const PartitionSlot> slots) {
  for (const PartitionSlot slot : slots) {
    const std::size_t index = members_[slot.value].group;
    if (groups_[index].open && !seal(index, obs::SealReason::drain)) {
      return nullptr;
    }
  }
  const BatchPtr batch = make_batch(group_of(slots.front()));
  for (const PartitionSlot slot : slots) {
    Group& group = groups_[members_[slot.value].group];
    group.sealed_last = ledger::BatchKey{batch->id.counter};
    group.quiet_since = clock_.now();
  }
  batch->place = backlog_.take(k_sealed_batch_bytes + slots.size() * k_sealed_share_bytes);
  return batch;
}

std::optional<MonoTime> Batcher::quiet_since(PartitionSlot slot) const {
  const Group& group = group_of(slot);
  return group.open ? std::nullopt : std::optional(group.quiet_since);
}

std::string Batcher::name_of_empty_file(PartitionSlot slot) {
  return name_of(group_of(slot), {.incarnation = incarnation_, .counter = next_counter_++},
                 clock_.wall_now());
}

std::uint64_t Batcher::recipe_hash_of(PartitionSlot slot) const {
  return with_topic_id(group_of(slot).plan->recipe_hash, group_of(slot).topic_id);
}

Batch& Batcher::open_batch(Group& group) {
  if (group.open) {
    return *group.open;
  }
  const std::size_t index = static_cast<std::size_t>(&group - groups_.data());
  group.open = make_batch(group);
  if (group.plan->rules.any()) {
    group.open->quarantine.batch = make_quarantine(*group.open);
  }
  group.opened = clock_.now();
  open_[index] = Due::no;
  begin_age(index);
  metrics_.open_batches.set(static_cast<std::int64_t>(open_.size()));
  return *group.open;
}

// With min_bytes there are two ages. Behind the first one a batch is due as soon as it is large.
void Batcher::begin_age(std::size_t index) {
  const TopicPlan& plan = *groups_[index].plan;
  const bool is_young = open_.at(index) == Due::no;
  const bool may_wait = is_young && plan.min_bytes > 0 && plan.small_max_age > plan.max_age;
  const MonoTime until = groups_[index].opened + (is_young ? plan.max_age : plan.small_max_age);
  const Duration left = std::max<Duration>(until - clock_.now(), Duration::zero());
  groups_[index].age_timer = loop_.start_timer(left, [this, index, may_wait] {
    groups_[index].age_timer = io::TimerId::none;
    open_.at(index) = may_wait ? Due::when_large : Due::yes;
    if (may_wait) {
      begin_age(index);
    }
    seal_due();
  });
}

bool Batcher::is_due(std::size_t index, Due due) const {
  const Group& group = groups_[index];
  return due == Due::yes ||
         (due == Due::when_large && group.open->cut.stored_estimate() >= group.plan->min_bytes);
}

std::optional<Position> Batcher::bare_from(PartitionSlot slot) const {
  const std::optional<ledger::Bare> bare = ledger_.bare_received(slot);
  return bare && bare->from < ledger_.received(slot) ? std::optional(bare->from) : std::nullopt;
}

Share& Batcher::share_of(Batch& batch, Member& member, PartitionSlot slot) {
  if (member.share_of != &batch) {
    const Position first = ledger_.received(slot);
    batch.ranges.shares.push_back(
        Share{.partition = member.partition, .range = {first, first}, .chunked = first});
    batch.ranges.shares.back().bare_from = bare_from(slot);
    batch.ranges.text_bytes_max += text_bytes_max_of(batch.ranges.shares.back());
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
  group.sealed_last = ledger::BatchKey{batch->id.counter};
  group.quiet_since = clock_.now();
  batch->place = backlog_.take(backlog_bytes(*batch));
  metrics_.batches_sealed[reason].add();
  metrics_.open_batches.set(static_cast<std::int64_t>(open_.size()));
  events_.sealed(batch);
  return true;
}

// By age alone a batch would be sealed for nothing while the one before it waits: it cannot be published
// before. A batch without rows is no file, and always waits. Others grow instead once many wait.
bool Batcher::waits(const Group& group) const {
  return group.sealed_last && ledger_.contains(*group.sealed_last) &&
         (!group.open->makes_blob() || backlog_.half_full());
}

std::uint64_t Batcher::backlog_bytes(const Batch& batch) const {
  const Batch* const beside = batch.quarantine.batch.get();
  return k_sealed_batch_bytes + batch.ranges.shares.size() * k_sealed_share_bytes +
         writer_.short_chunks(batch) * k_short_chunk_bytes + (beside != nullptr ? backlog_bytes(*beside) : 0);
}

void Batcher::seal_due() {
  for (auto open = open_.begin(); open != open_.end();) {
    const auto next = std::next(open);
    if (is_due(open->first, open->second) && !waits(groups_[open->first]) &&
        !seal(open->first, obs::SealReason::age)) {
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
    const BatchPtr& open = groups_[index].open;
    for (const BatchPtr& batch : {open, open->quarantine.batch}) {
      if (batch && batch->cut.held_slabs() > 0 &&
          (!fullest || batch->cut.held_bytes() > fullest->cut.held_bytes())) {
        fullest = batch;
      }
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
    group.quiet_since = clock_.now();
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
