// How a batch becomes a blob. Protocol decides and this file does. run() takes the actions that are due, each
// is performed by the part that can, and the part's answer goes back to Protocol. Actions come as a list and
// are performed when Protocol has returned, so no answer reaches it while it decides.
//
// One batch, with claims:
//
//   1. Batcher seals batch 7. sealed() tells Protocol its name, and Uploader to send what blocks are left.
//   2. stored(): its blocks are there, and no blob is. Protocol asks for a Commit that carries the claim.
//   3. The source answers "done". Protocol asks for PutBlob, and publish() makes the blob.
//   4. ticket(): published. The batch's slabs and its room on the stage are free.
//   5. Protocol asks for a Commit of the positions behind the batch, without the claim.
//
// `batches_` holds a batch from 1 to 4. In between it may be dropped, for example when the assignment is
// lost. Then Uploader abandons it, and whatever is still on its way for it only cleans up.
//
// A partition whose entry carries a claim starts later: Protocol first asks what became of the claimed name,
// with PutTombstone and ReadBlob. A Start goes to Adoption and not to the source, because staged records may
// come first.
#include "pipeline/claim_driver.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/concat.h"
#include "base/partition_range.h"

namespace penstock::pipeline {
namespace {

using obs::Level;

constexpr Duration k_between_words_on_quarantine = std::chrono::minutes(5);  // of one topic

ledger::BatchKey key_of(const Batch& batch) {
  return ledger::BatchKey{batch.id.counter};
}

obs::CommitPurpose purpose_of(ledger::CommitKind kind) {
  switch (kind) {
    case ledger::CommitKind::claim:
      return obs::CommitPurpose::claim;
    case ledger::CommitKind::finish:
      return obs::CommitPurpose::finish;
    case ledger::CommitKind::start_position:
      return obs::CommitPurpose::start_position;
  }
  return obs::CommitPurpose::finish;
}

void take_over(Batch& batch, const RecoveredBatch& recovered) {
  batch.recovered_as = recovered.id;
  batch.cut.records = recovered.records;
  batch.cut.skipped = recovered.skipped;
  batch.cut.holes = recovered.holes;
  batch.cut.checksum = recovered.checksum();
  batch.cut.raw_bytes = recovered.raw_bytes;
  for (const PartitionRange& range : recovered.ranges) {
    batch.ranges.shares.push_back(
        Share{.partition = range.partition, .range = range.range, .chunked = range.range.next});
  }
  for (const auto& [chunk, extent] : recovered.chunks) {
    Chunk& taken = batch.cut.chunks.emplace_back();
    taken.batch_counter = batch.id.counter;
    taken.index = chunk.index;
    taken.payload_bytes = extent.payload_bytes;
    taken.place.extent = extent;
    taken.place.staging = Chunk::Staging::staged;
    taken.ranges = chunk.ranges;
  }
  batch.cut.chunks.back().payload_bytes = recovered.last_chunk_bytes;
}

}  // namespace

ClaimDriver::ClaimDriver(const Options& options, ledger::Protocol& protocol, const Parts& parts,
                         io::Loop& loop, const Clock& clock, obs::WorkerMetrics& metrics, Events events)
    : options_(options),
      protocol_(protocol),
      parts_(parts),
      loop_(loop),
      clock_(clock),
      metrics_(metrics),
      events_(std::move(events)),
      adoption_({.adopt = [this](const RecoveredBatch& batch,
                                 std::span<const PartitionSlot> slots) { return adopt(batch, slots); },
                 .give_up = [this](const RecoveredBatch& batch) { give_up(batch); },
                 .fetch =
                     [this](PartitionSlot slot, Position position) {
                       if (left_out_.contains(slot)) {
                         return;
                       }
                       fetched_.insert(slot);
                       if (!withheld_.contains(slot)) {
                         parts_.source.fetch_from(slot, position);
                       }
                     },
                 .read_elsewhere = [this](PartitionSlot slot,
                                          Position from) { parts_.source.read_elsewhere(slot, from); }}) {}

ClaimDriver::~ClaimDriver() {
  loop_.cancel_timer(wake_timer_);
}

void ClaimDriver::assigned(std::span<const source::Assigned> partitions, std::set<PartitionSlot> left_out) {
  left_out_ = std::move(left_out);
  fetched_.clear();
  withheld_.clear();
  std::vector<ledger::AssignedPartition> begun;
  partitions_.clear();
  for (const source::Assigned& partition : partitions) {
    partitions_.push_back(partition.id);
    begun.push_back({.id = partition.id,
                     .entry = partition.entry,
                     .start = partition.start,
                     .start_known = partition.start_known,
                     .pin_start = options_.pins_start && !partition.entry,
                     .topic_id = partition.topic_id});
  }
  protocol_.begin_epoch(clock_.now(), begun);
  adoption_.begin_epoch(partitions);
}

void ClaimDriver::start_found(PartitionSlot slot, Position start) {
  protocol_.start_found(slot, start);
}

void ClaimDriver::moved(PartitionSlot slot, Position position, const std::string& topic_id) {
  fetched_.erase(slot);  // the source hands over nothing of it now
  protocol_.moved(slot, position, topic_id);
  parts_.batcher.moved(slot, topic_id);
}

void ClaimDriver::revoked(MonoTime drain_deadline) {
  adoption_.end_epoch();
  protocol_.revoke(drain_deadline);
}

void ClaimDriver::lost() {
  adoption_.end_epoch();
  protocol_.lost();
}

void ClaimDriver::sealed(const BatchPtr& batch) {
  if (!batch->makes_blob()) {  // only skipped records and holes: nothing to store
    protocol_.sealed(key_of(*batch), {},
                     batch->ranges.lost.empty() ? ledger::Rowless::bare : ledger::Rowless::lost);
    return;
  }
  batches_.emplace(key_of(*batch), batch);
  count_publishing();
  protocol_.sealed(key_of(*batch), batch->name);
  if (batch->quarantine.batch) {
    parts_.uploader.seal(batch->quarantine.batch);
  }
  parts_.uploader.seal(batch);
}

// The name of a quarantine file is in no claim, and counts only if the file beside it is published. So it may
// be put at any time.
void ClaimDriver::stored(const BatchPtr& batch) {
  if (batch->beside) {
    parts_.uploader.publish(batch, MonoTime::max());
    return;
  }
  batch->upload.stored = true;
  stored_if_whole(*batch);
}

void ClaimDriver::stored_if_whole(const Batch& batch) {
  const BatchPtr& beside = batch.quarantine.batch;
  if (batch.upload.stored && (!beside || beside->upload.published)) {
    protocol_.stored(key_of(batch));
  }
}

// A quarantine is late only if its blocks are gone: they are put again.
void ClaimDriver::late(const BatchPtr& batch) {
  if (batch->beside) {
    parts_.uploader.publish(batch, MonoTime::max());
    return;
  }
  protocol_.put_is_late(key_of(*batch));
}

void ClaimDriver::quarantine_ticket(const BatchPtr& batch, const Result<Uploader::Publication>& result) {
  if (!result.ok() || *result != Uploader::Publication::published) {
    events_.failed(result.ok()
                       ? make_error(ErrorKind::already_exists, Action::fatal,
                                    concat("a tombstone is at the name of the quarantine file ", batch->name,
                                           ", and nobody of penstock puts one there: look at its "
                                           "metadata, then start again; nothing was committed"))
                       : result.error());
    return;
  }
  batch->upload.published = true;
  parts_.chunks.forget(*batch);
  const auto whole = batches_.find(ledger::BatchKey{batch->beside->counter});
  CHECK((whole != batches_.end()));  // else it was abandoned with it
  stored_if_whole(*whole->second);
}

void ClaimDriver::ticket(const BatchPtr& batch, const Result<Uploader::Publication>& result) {
  if (batch->beside) {
    quarantine_ticket(batch, result);
    return;
  }
  if (!result.ok()) {
    if (!batch->recovered_as || !protocol_.give_up(key_of(*batch))) {
      events_.failed(result.error());
      return;
    }
    if (const auto held_back = unusable_gate_.pass(clock_.now())) {
      obs::log(
          Level::warning,
          concat("what an earlier run left on the stage cannot be used, nothing is lost: its records are "
                 "fetched again: ",
                 result.error().message),
          {{"worker", options_.worker},
           {"blob", batch->name},
           {"records", batch->cut.records},
           {"held_back", *held_back}});
    }
    return;
  }
  if (*result == Uploader::Publication::dead) {
    metrics_.dead_batches.add();
    if (const auto held_back = dead_gate_.pass(clock_.now())) {
      obs::log(Level::warning,
               "a successor has closed the name of a batch before it was published; its records are read "
               "again by whoever owns them",
               {{"worker", options_.worker},
                {"blob", batch->name},
                {"records", batch->cut.records},
                {"held_back", *held_back}});
    }
    protocol_.blob_committed(key_of(*batch), ledger::BlobOutcome::dead);
  } else {
    published(batch);
    protocol_.blob_committed(key_of(*batch), ledger::BlobOutcome::published);
  }
  parts_.chunks.forget(*batch);
  batches_.erase(key_of(*batch));
  count_publishing();
}

void ClaimDriver::published(const BatchPtr& batch) {
  metrics_.blobs_published.add();
  metrics_.blob_bytes.add(batch->cut.payload_bytes);
  const std::uint64_t value_bytes =
      batch->cut.raw_bytes - batch->cut.records;  // without the ends of the lines
  metrics_.records_landed.add(batch->cut.records);
  metrics_.landed_bytes.add(value_bytes);
  obs::TopicMetrics& topic = metrics_.topics.of(batch->plan->topic);
  topic.blobs.add();
  topic.records.add(batch->cut.records);
  topic.bytes.add(value_bytes);
  observe_age(*batch);
  tell_quarantine(*batch);
  if (obs::would_log(Level::debug)) {
    obs::log(Level::debug, "published",
             {{"worker", options_.worker},
              {"topic", batch->plan->topic},
              {"blob", batch->name},
              {"records", batch->cut.records},
              {"bytes", batch->cut.payload_bytes},
              {"blocks", batch->cut.blocks.size()}});
  }
}

// Counted when it is sure: what is dropped is read and judged again.
void ClaimDriver::tell_quarantine(const Batch& batch) {
  const BatchQuarantine& quarantine = batch.quarantine;
  if (!quarantine.first) {
    return;
  }
  obs::TopicMetrics& topic = metrics_.topics.of(batch.plan->topic);
  for (std::size_t reason = 0; reason < k_quarantine_reasons; ++reason) {
    topic.quarantined[static_cast<QuarantineReason>(reason)].add(quarantine.records[reason]);
  }
  obs::LogGate& gate =
      quarantine_gates_.try_emplace(batch.plan->topic, k_between_words_on_quarantine).first->second;
  if (const auto held_back = gate.pass(clock_.now())) {
    obs::log(
        Level::warning,
        "records are not what batch.validate and batch.max_record_bytes want: they are in the quarantine, "
        "and not in the topic's file",
        {{"worker", options_.worker},
         {"topic", batch.plan->topic},
         {"partition", quarantine.first->partition.value},
         {"offset", quarantine.first->offset.value},
         {"reason", to_string(quarantine.first->reason)},
         {"records", quarantine.record_count()},
         {"blob", quarantine.batch->name},
         {"held_back", *held_back}});
  }
}

// What an earlier process staged has no times any more.
void ClaimDriver::observe_age(const Batch& batch) {
  const std::int64_t oldest_ms = batch.cut.oldest_timestamp_ms;
  const auto now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall_now().time_since_epoch()).count();
  if (oldest_ms < 0) {
    metrics_.without_age[batch.recovered_as ? obs::NoAge::recovered : obs::NoAge::undated].add();
  } else if (oldest_ms > now_ms) {
    metrics_.without_age[obs::NoAge::future].add();
  } else {
    metrics_.produced_to_durable.observe(static_cast<double>(now_ms - oldest_ms) / 1e3);
  }
}

void ClaimDriver::count_publishing() {
  metrics_.publishing_batches.set(static_cast<std::int64_t>(batches_.size()));
}

// What was read stays, and reading goes on behind it.
void ClaimDriver::withhold(const std::set<std::string>& topics) {
  if (!protocol_.taking()) {
    return;
  }
  std::set<PartitionSlot> withheld;
  for (std::uint32_t index = 0; index < partitions_.size() && !topics.empty(); ++index) {
    if (topics.contains(partitions_[index].topic)) {
      withheld.insert(PartitionSlot{index});
    }
  }
  const std::set<PartitionSlot> before = std::exchange(withheld_, std::move(withheld));
  for (const PartitionSlot slot : fetched_) {
    if (withheld_.contains(slot) && !before.contains(slot)) {
      parts_.source.hold(slot);
    } else if (before.contains(slot) && !withheld_.contains(slot)) {
      parts_.source.fetch_from(slot, protocol_.received(slot));
    }
  }
}

void ClaimDriver::run() {
  for (;;) {
    std::vector<ledger::Action> actions = protocol_.next(clock_.now());
    if (actions.empty() && !settle_adoption()) {
      break;
    }
    for (ledger::Action& action : actions) {
      std::visit([this](auto& each) { perform(each); }, action);
    }
  }
  set_wake_up();
}

void ClaimDriver::set_wake_up() {
  const std::optional<MonoTime> at = protocol_.wake_at();
  if (at == wake_at_ && (!at || wake_timer_ != io::TimerId::none)) {
    return;
  }
  loop_.cancel_timer(std::exchange(wake_timer_, io::TimerId::none));
  wake_at_ = at;
  if (at) {
    wake_timer_ = loop_.start_timer(std::max(*at - clock_.now(), Duration::zero()),
                                    [this] { wake_timer_ = io::TimerId::none; });
  }
}

// Recovered batches: each of their chunks goes to a batch of this process, or back to the stage.

bool ClaimDriver::settle_adoption() {
  const std::uint64_t used = metrics_.recovered_used_bytes.value();
  const std::uint64_t released = metrics_.recovered_released_bytes.value();
  const bool adopted = adoption_.settle();
  const std::uint64_t used_now = metrics_.recovered_used_bytes.value() - used;
  const std::uint64_t released_now = metrics_.recovered_released_bytes.value() - released;
  if (used_now + released_now > 0) {
    obs::log(Level::info, "the stage holds bytes of an earlier run: used again, or not needed any more",
             {{"worker", options_.worker}, {"used_bytes", used_now}, {"released_bytes", released_now}});
  }
  return adopted;
}

// As if its records had just been read: nothing of the earlier batch is left but its bytes.
bool ClaimDriver::adopt(const RecoveredBatch& recovered, std::span<const PartitionSlot> slots) {
  const TopicPlan& plan = parts_.batcher.plan_of(slots.front());
  const bool is_plain = !plan.format.is_encoded();
  const std::uint64_t recipe_hash = parts_.batcher.recipe_hash_of(slots.front());
  // The stage does not tell the time of a batch's first record, and this blob's name would have it.
  if (plan.name_clock == NameClock::record || !protocol_.taking() || recipe_hash == 0 ||
      recovered.recipe_hash != recipe_hash ||
      slots.size() > (plan.by_partition ? 1 : k_partitions_per_batch_max) ||
      (is_plain && recovered.payload_bytes() != recovered.raw_bytes)) {
    return false;
  }
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (protocol_.received(slots[i]) != recovered.ranges[i].range.first) {
      return false;
    }
  }
  const BatchPtr batch = parts_.batcher.begin_recovered(slots);
  if (!batch) {
    return false;
  }
  take_over(*batch, recovered);
  std::size_t text_bytes_max = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    batch->ranges.shares[i].bare_from = parts_.batcher.bare_from(slots[i]);
    text_bytes_max += text_bytes_max_of(batch->ranges.shares[i]);
  }
  if (text_bytes_max > format::k_ranges_bytes_max || !parts_.writer.restore_blocks(*batch)) {
    return false;
  }
  for (std::size_t i = 0; i < slots.size(); ++i) {
    protocol_.extend(key_of(*batch), slots[i], recovered.ranges[i].range.next);
  }
  metrics_.recovered_used_bytes.add(recovered.payload_bytes());
  for (std::uint32_t block = 0; block < batch->cut.blocks.size(); ++block) {
    parts_.uploader.upload(batch, block);
  }
  sealed(batch);
  return true;
}

void ClaimDriver::give_up(const RecoveredBatch& recovered) {
  metrics_.recovered_released_bytes.add(recovered.payload_bytes());
  parts_.chunks.release(recovered.chunks);
}

// Actions

void ClaimDriver::perform(ledger::ReadEntries& action) {
  parts_.source.read_entries(
      std::move(action.partitions),
      [this, ask = action.ask](const Result<std::vector<std::optional<GroupEntry>>>& read) {
        protocol_.entries_read(clock_.now(), ask, read);
      });
}

void ClaimDriver::perform(ledger::PutTombstone& action) {
  if (const auto held_back = tombstone_gate_.pass(clock_.now())) {
    obs::log(Level::info,
             "a batch was claimed and not finished; its name is closed, or it is found published",
             {{"worker", options_.worker},
              {"topic", partitions_.at(action.slot.value).topic},
              {"partition", partitions_.at(action.slot.value).partition.value},
              {"blob", action.blob},
              {"held_back", *held_back}});
  }
  const TopicPlan& plan = parts_.batcher.plan_of(action.slot);
  parts_.names.put_tombstone(
      action.blob, tombstone_file_of(plan, action.blob), [this, ask = action.ask](bool created) {
        protocol_.tombstone_put(ask, created ? ledger::TombstonePut::created : ledger::TombstonePut::exists);
      });
}

void ClaimDriver::perform(ledger::ReadBlob& action) {
  parts_.names.read(action.blob, [this, ask = action.ask, range = action.range,
                                  id = partitions_.at(action.slot.value)](const NamedBlob& found) {
    ledger::FoundBlob what = ledger::FoundBlob::other;
    if (found.kind == NamedBlob::Kind::absent) {
      what = ledger::FoundBlob::absent;
    } else if (found.kind == NamedBlob::Kind::tombstone) {
      what = ledger::FoundBlob::tombstone;
    } else if (found.kind == NamedBlob::Kind::data && found.metadata.topic == id.topic &&
               found.metadata.range_of(id.partition) == range) {
      what = ledger::FoundBlob::claimed_range;
    }
    protocol_.blob_read(ask, what);
  });
}

void ClaimDriver::perform(ledger::Start& action) {
  adoption_.start(action.slot, action.position);
}

void ClaimDriver::perform(ledger::Distrust& action) {
  fetched_.erase(action.slot);
  parts_.source.distrust(action.slot, action.position);
}

void ClaimDriver::perform(ledger::Resume& action) {
  events_.partition_resumed(action.slot);
}

void ClaimDriver::perform(ledger::Hold& action) {
  fetched_.erase(action.slot);
  adoption_.take_back(action.slot);
  parts_.source.hold(action.slot);
}

void ClaimDriver::perform(ledger::StopPartition& action) {
  fetched_.erase(action.slot);
  adoption_.take_back(action.slot);
  parts_.source.hold(action.slot);
  events_.partition_stopped(action.slot, action.error);
}

void ClaimDriver::perform(ledger::Notice& action) {
  obs::log(Level::info, action.message, {{"worker", options_.worker}});
}

void ClaimDriver::perform(ledger::Commit& action) {
  obs::Histogram& latency = metrics_.commit_latency[purpose_of(action.kind)];
  parts_.source.commit(action.items, [this, ask = action.ask, partitions = action.items.size(), &latency,
                                      sent = clock_.now()](const CommitReply& answer) {
    latency.observe(std::chrono::duration<double>(clock_.now() - sent).count());
    on_commit_answer(ask, partitions, answer);
  });
}

void ClaimDriver::on_commit_answer(ledger::Ask ask, std::size_t partitions, const CommitReply& answer) {
  const CommitOutcome worst = answer.worst();
  if (worst == CommitOutcome::done) {
    metrics_.commits.add();
  } else {
    metrics_.commit_failures.add();
    if (const auto held_back = commit_trouble_gate_.pass(clock_.now())) {
      obs::log(
          Level::warning,
          concat(worst == CommitOutcome::refused || worst == CommitOutcome::rejected
                     ? "a commit of offsets was refused: "
                     : "offsets were not committed and will be sent again: ",
                 answer.error() != nullptr ? answer.error()->message : std::string("no reason was given")),
          {{"worker", options_.worker}, {"partitions", partitions}, {"held_back", *held_back}});
    }
  }
  protocol_.commit_answered(clock_.now(), ask, answer);
}

void ClaimDriver::perform(ledger::PutBlob& action) {
  const auto batch = batches_.find(action.batch);
  CHECK(batch != batches_.end());
  parts_.uploader.publish(batch->second, action.until);
}

void ClaimDriver::perform(ledger::AskBlob& action) {
  const auto batch = batches_.find(action.batch);
  CHECK(batch != batches_.end());
  if (const auto held_back = late_claim_gate_.pass(clock_.now())) {
    obs::log(Level::warning,
             "a batch was claimed long ago, and its claim is not there any more; it is not put, unless an "
             "earlier try of it has succeeded",
             {{"worker", options_.worker}, {"blob", batch->second->name}, {"held_back", *held_back}});
  }
  parts_.uploader.ask(batch->second);
}

void ClaimDriver::perform(ledger::Drop& action) {
  metrics_.dropped_batches.add(action.batches.size());
  if (const auto held_back = action.batches.empty() ? std::nullopt : drop_gate_.pass(clock_.now())) {
    obs::log(Level::warning,
             "batches are dropped before they were published; whoever owns their partitions reads again from "
             "the committed positions",
             {{"worker", options_.worker}, {"batches", action.batches.size()}, {"held_back", *held_back}});
  }
  for (const BatchPtr& open : parts_.batcher.drop(action.batches)) {
    parts_.uploader.abandon(*open);
  }
  for (const ledger::BatchKey key : action.batches) {
    if (const auto found = batches_.find(key); found != batches_.end()) {
      const BatchPtr batch = found->second;
      batches_.erase(found);
      parts_.uploader.abandon(*batch);
    }
  }
  count_publishing();
}

void ClaimDriver::perform(ledger::Released& /*action*/) {
  events_.released();
}

void ClaimDriver::abandon_all() {
  parts_.names.forget();
  for (const auto& [key, batch] : std::exchange(batches_, {})) {
    parts_.uploader.abandon(*batch);
  }
  count_publishing();
}

}  // namespace penstock::pipeline
