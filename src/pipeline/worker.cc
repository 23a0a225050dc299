// How it works
//
// A turn does all that can be done without waiting, and then waits in the loop:
//
//   driver ─► source ─► records ─► relieve ─► seal what is due ─► drain ─► driver ─► report ─► sleep
//
// The driver runs first for what came in during the last sleep, and again for what this turn sealed. The
// sleep has no length when more records can be taken. It lasts at most 50 ms when they wait for a slab, and
// else at most a second. Whatever happens on the loop ends it earlier.
//
// The worked case is a rebalance while a batch is open:
//
//   1. poll() of the source calls on_revoked(). It notes the deadline of the drain, and tells the driver.
//      From the next turn on no record is taken.
//   2. drain_if_asked() seals each open batch. It tries again in every turn, as sealing may need a slab that
//      is not free yet.
//   3. All is published and committed, or the deadline has passed. The protocol lets go, and on_released()
//      ends the epoch and lets the source give the partitions back. What is not settled is forgotten.
//
// A membership that is lost skips 2. stop() drains in the same way, and turn() returns false once all is
// settled. At the end marks the worker drains as well, says so by at_end(), and turns on until it is stopped.
// It reads on if a dropped batch takes it back below a mark, or a rebalance brings it a partition that is
// below its own. Meanwhile it reads the entries of the partitions that it does not own (group_end.h).
#include "pipeline/worker.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "obs/log.h"

namespace penstock::pipeline {
namespace {

using obs::Level;

// Records taken in one turn: enough to make the turn's fixed cost vanish, few enough to stay in the cache.
constexpr std::size_t k_records_per_turn = 1000;

// The longest sleep: librdkafka wants to be polled, and the boards are refreshed.
constexpr Duration k_turn_max = std::chrono::seconds(1);

// How often a busy worker asks whether the end marks are reached: that costs a look at every partition.
constexpr Duration k_between_end_checks = std::chrono::milliseconds(20);

// A topic that is refused may fill no more of the stage between two looks than the disk takes.
constexpr Duration k_between_looks_at_refused = std::chrono::milliseconds(100);

// So long a worker stands still for an id that is new to it. A registry nearby answers sooner, and the
// records are still there. A topic that is withheld is fetched anew, behind a Fetch that may be under way for
// as long as FetcherOptions::wait.
constexpr Duration k_schema_grace = std::chrono::milliseconds(50);

// With records waiting and no slab: whatever frees one normally wakes the loop earlier.
constexpr Duration k_starved_turn = std::chrono::milliseconds(50);

WorkerOptions with_recovery(WorkerOptions options) {
  options.stage.keep_recovered = options.protocol.guarantee == ledger::Guarantee::exactly_once;
  return options;
}

}  // namespace

Worker::Worker(WorkerOptions options, const Clock& clock, obs::WorkerMetrics& metrics)
    : options_(with_recovery(std::move(options))),
      clock_(clock),
      metrics_(metrics),
      protocol_(options_.protocol),
      report_(options_, protocol_, clock, metrics) {}

Worker::~Worker() = default;

void Worker::stop() {
  stop_.store(true, std::memory_order_release);
  const std::lock_guard lock(loop_mutex_);
  if (loop_to_wake_ != nullptr) {
    loop_to_wake_->wake();
  }
}

void Worker::leave_now() {
  leave_now_.store(true, std::memory_order_release);
  stop();
}

Result<void> Worker::run(const std::function<void()>& started) {
  if (Result<void> begun = begin(); !begun.ok()) {
    static_cast<void>(end());
    return begun;
  }
  started();
  while (turn()) {
  }
  return end();
}

Result<void> Worker::begin() {
  Result<void> built = build();
  return built.ok() ? start_source() : built;
}

Result<void> Worker::build() {
  auto built = WorkerParts::build(
      options_, protocol_, clock_, metrics_,
      {.claims = {.partition_stopped =
                      [this](PartitionSlot slot, const Error& error) {
                        rejected_.emplace(slot, error);
                        on_partition_failed(slot, error);
                      },
                  .partition_resumed = [this](PartitionSlot slot) { on_partition_resumed(slot); },
                  .released = [this] { on_released(); },
                  .failed = [this](const Error& error) { end_now(error); }},
       .record_refused = [this](const Error& error) { end_after_draining(error); }});
  if (!built.ok()) {
    return std::move(built).error();
  }
  parts_ = std::move(built).value();
  const std::lock_guard lock(loop_mutex_);
  loop_to_wake_ = parts_->loop.get();
  return {};
}

Result<void> Worker::start_source() {
  report_.tell_what_is_in_use(*parts_);
  parts_->hand_over_recovered(options_, metrics_);
  Result<void> started = parts_->source->start(source::SourceHandlers{
      .assigned = [this](std::span<const source::Assigned> partitions) { on_assigned(partitions); },
      .revoked = [this](source::RevokeReason reason) { on_revoked(reason); },
      .start_found = [this](PartitionSlot slot, Position start) { parts_->driver->start_found(slot, start); },
      .moved = [this](PartitionSlot slot, Position position,
                      const std::string& topic_id) { parts_->driver->moved(slot, position, topic_id); },
      .partition_waits = [this](PartitionSlot slot, const Error& error) { on_partition_waits(slot, error); },
      .partition_goes_on = [this](PartitionSlot slot) { report_.partition_goes_on(slot); },
      .partition_failed = [this](PartitionSlot slot,
                                 const Error& error) { on_partition_failed(slot, error); },
      .failed = [this](const Error& error) { on_source_error(error); }});
  if (started.ok()) {
    report_.set_not_ready("waiting for an assignment from the group");
  }
  return started;
}

Result<void> Worker::end() {
  if (parts_) {
    report();  // what others read stays as it was at the end
    end_epoch();
    parts_->driver->abandon_all();
    parts_->source->close();
  }
  tear_down();
  report_.set_not_ready("stopped");
  metrics_.heartbeat.end();
  if (failure_) {
    return *failure_;
  }
  return {};
}

// On the worker's thread, which owns the loop and whatever waits on it.
void Worker::tear_down() {
  {
    const std::lock_guard lock(loop_mutex_);
    loop_to_wake_ = nullptr;
  }
  parts_.reset();
}

// The turn

bool Worker::turn() {
  parts_->driver->run();
  const bool taking = protocol_.taking() && !stop_.load(std::memory_order_acquire) && !ending_;
  starved_ = false;
  parts_->source->poll();
  withhold_refused_topics();
  look_at_schemas();
  const bool more = taking && take_records();
  relieve_if_starved();
  tell_of_silence(taking);
  parts_->batcher->seal_due();
  drain_if_asked(more);
  parts_->driver->run();
  report_once_a_second();
  if (!drained_.load(std::memory_order_relaxed)) {
    sleep(more && taking && !starved_);
  }
  return !drained_.load(std::memory_order_relaxed) && !leave_now_.load(std::memory_order_acquire);
}

// From the front of what the source has, until there is no room, or no more, or enough for one turn. Returns
// whether more can be taken now, or once slabs are free.
bool Worker::take_records() {
  std::size_t count = 0;
  while (const source::RecordSpan* span = parts_->source->front()) {
    // Not in an epoch: a refused commit has ended it.
    if (count >= k_records_per_turn || !protocol_.in_epoch()) {
      return true;
    }
    const Batcher::Admission admission = parts_->batcher->admit(*span);
    if (admission == Batcher::Admission::backlog_full) {
      metrics_.backpressure_events.add();
      return false;  // what ends the wait is published, and wakes the loop
    }
    if (admission == Batcher::Admission::no_slab) {
      starved_ = true;
      return true;
    }
    const std::size_t offered = span->records.size();
    const std::size_t taken = parts_->batcher->take(*span);
    const bool waits = taken < offered && parts_->batcher->awaits_schema(span->slot, span->records[taken]);
    parts_->source->taken(taken);
    count += taken;
    if (waits) {
      ++count;
      look_at_schemas();
      if (schema_grace_until_) {
        return false;  // the answer wakes the loop
      }
    } else if (taken < offered) {
      starved_ = !parts_->batcher->backlog().full();
      return starved_;
    }
  }
  return false;
}

void Worker::relieve_if_starved() {
  if (const auto since = std::exchange(stage_full_since_, std::nullopt)) {
    metrics_.stage_full_ns.add(static_cast<std::uint64_t>((clock_.now() - *since).count()));
  }
  if (starved_) {
    metrics_.backpressure_events.add();
    const stage::Shortage shortage = parts_->chunks->shortage();
    if (shortage.kind != stage::Shortage::Kind::preparing) {  // else there is room in a moment
      parts_->batcher->relieve(parts_->driver->publishing_count() > 0, shortage.lasts());
    }
  }
}

// A partition that is not read, or not up to its end, is not silent.
void Worker::tell_of_silence(bool taking) {
  EmptyWindows& windows = *parts_->empty_windows;
  if (!taking || !protocol_.in_epoch() || !protocol_.taking()) {
    windows.forget();
    return;
  }
  if (windows.due()) {
    std::vector<PartitionSlot> read_up;
    parts_->source->partition_states(states_);
    for (const source::PartitionState& state : states_) {
      const bool is_read =
          !failed_.contains(state.slot) && !refused_.contains(assignment_[state.slot.value].id.topic);
      if (is_read && state.log_end.value >= 0 && state.position == state.log_end) {
        read_up.push_back(state.slot);
      }
    }
    windows.end_windows(read_up);
  }
  windows.put();
}

// What a revoke, a stop and the end marks ask for: everything sealed, published and committed.
void Worker::drain_if_asked(bool more) {
  const bool stopping = stop_.load(std::memory_order_acquire);
  const bool revoking = protocol_.in_epoch() && !protocol_.taking();
  ending_ = reached_end(more);
  if (revoking || stopping || ending_) {
    parts_->batcher->seal_all(revoking ? obs::SealReason::revoke : obs::SealReason::drain);
  }
  const bool settled = parts_->batcher->open_count() == 0 && parts_->driver->settled();
  const bool at_end = ending_ && settled;
  const bool is_news = at_end && !at_end_.load(std::memory_order_relaxed);
  if (is_news) {
    tell_group_end();
  }
  at_end_.store(at_end && failed_.empty(), std::memory_order_release);
  if (is_news && options_.look_again) {
    options_.look_again();
  }
  if (at_end && !failed_.empty()) {  // the others are at their ends, and these never will be
    end_after_draining(failed_.begin()->second);
  }
  if (stopping && settled) {
    if (!failure_ && !rejected_.empty()) {  // a claim of theirs may be left, for whoever comes next
      failure_ = rejected_.begin()->second;
    }
    drained_.store(true, std::memory_order_release);
  }
}

// Of the partitions of this epoch, but for those that have failed. While records are taken, none is.
bool Worker::reached_end(bool more) {
  if (!options_.exit_at_end || !protocol_.in_epoch() || (more && clock_.now() < next_end_check_)) {
    return false;
  }
  next_end_check_ = clock_.now() + k_between_end_checks;
  parts_->source->partition_states(states_);
  return std::all_of(states_.begin(), states_.end(), [this](const source::PartitionState& s) {
    return s.at_end_mark || failed_.contains(s.slot);
  });
}

// How far the own partitions are, for those who wait for all of the group.
void Worker::tell_group_end() {
  if (options_.group_end == nullptr || !protocol_.in_epoch()) {
    return;
  }
  for (std::uint32_t slot = 0; slot < assignment_.size(); ++slot) {
    options_.group_end->told(assignment_[slot].id, protocol_.committed(PartitionSlot{slot}));
  }
}

// Nothing of ours is left to do: what do the others?
void Worker::look_at_the_group() {
  if (options_.group_end == nullptr || !at_end_.load(std::memory_order_relaxed)) {
    return;
  }
  std::vector<TopicPartition> open = options_.group_end->to_read(clock_.now());
  if (open.empty()) {
    return;
  }
  parts_->source->read_entries(open, [group_end = options_.group_end, look_again = options_.look_again,
                                      open](const Result<std::vector<std::optional<GroupEntry>>>& read) {
    if (read.ok()) {
      group_end->read(open, *read);
      if (look_again) {
        look_again();
      }
    }
  });
}

void Worker::report_once_a_second() {
  if (clock_.now() >= next_report_) {
    report();
  }
}

void Worker::report() {
  next_report_ = clock_.now() + k_turn_max;
  metrics_.heartbeat.beat();
  parts_->chunks->retry_staging();
  tell_group_end();
  look_at_the_group();
  report_.refresh(*parts_, assignment_);
}

// A topic that is withheld stays so until one of its files is taken.
void Worker::withhold_refused_topics() {
  const bool any = parts_->uploader->any_refused();
  if ((!any && refused_.empty()) || clock_.now() < next_look_at_refused_) {
    return;
  }
  next_look_at_refused_ = clock_.now() + k_between_looks_at_refused;
  const std::map<std::string, Refusal> refused = parts_->uploader->refused_topics();
  const bool stage_half_full = parts_->stage->counters().live_bytes >= options_.stage.bytes_max / 2;
  const bool all_refused = std::all_of(assignment_.begin(), assignment_.end(), [&](const auto& partition) {
    return refused.contains(partition.id.topic);
  });
  std::set<std::string> withheld;
  for (const auto& [topic, refusal] : refused) {
    const bool is_new = !refused_.contains(topic);
    if (is_new && !is_to_be_withheld(refusal, clock_.now(), parts_->uploader->last_taken(),
                                     stage_half_full && !all_refused)) {
      continue;
    }
    if (is_new) {
      obs::log(Level::error,
               concat("topic ", topic,
                      " is not read until the store takes its files; others go on, nothing is lost: ",
                      refusal.error.message),
               {{"worker", options_.index}, {"topic", topic}, {"code", refusal.error.code}});
    }
    withheld.insert(topic);
  }
  for (const std::string& topic : refused_) {
    if (!withheld.contains(topic)) {
      obs::log(Level::info, concat("topic ", topic, " is read again"),
               {{"worker", options_.index}, {"topic", topic}});
    }
  }
  refused_ = std::move(withheld);
  withhold();
}

// Of a topic that waits nothing is offered, so that the others go on. It is read again from where it stands.
// Only for a moment it keeps its place, and while one is withheld no other does: so a registry that does not
// answer holds up the others once, and not for each topic.
void Worker::look_at_schemas() {
  if (!parts_->schemas) {
    return;
  }
  schema_grace_until_.reset();
  std::set<std::string> waiting;
  std::optional<MonoTime> since;
  for (const auto& [topic, wait] : parts_->schemas->waiting()) {
    waiting.insert(topic);
    since = std::min(since.value_or(wait.since), wait.since);
  }
  if (since && without_schema_.empty() && clock_.now() < *since + k_schema_grace) {
    schema_grace_until_ = *since + k_schema_grace;
    return;
  }
  if (waiting != without_schema_) {
    without_schema_ = std::move(waiting);
    withhold();
  }
}

void Worker::withhold() {
  std::set<std::string> withheld = refused_;
  withheld.insert(without_schema_.begin(), without_schema_.end());
  parts_->driver->withhold(withheld);
}

void Worker::sleep(bool more) {
  metrics_.loop_wakeups.add();
  if (starved_ && parts_->chunks->shortage().lasts()) {
    stage_full_since_ = clock_.now();
  }
  Duration longest = more ? Duration::zero() : starved_ ? k_starved_turn : k_turn_max;
  if (schema_grace_until_) {
    longest = std::clamp(*schema_grace_until_ - clock_.now(), Duration::zero(), longest);
  }
  parts_->loop->run_once(longest);
}

// Events of the source, and of the claims

void Worker::on_assigned(std::span<const source::Assigned> partitions) {
  CHECK(!protocol_.in_epoch());
  std::vector<const TopicPlan*> plans;
  std::map<std::string, Error> without_plan;
  std::set<PartitionSlot> left_out;
  for (std::uint32_t slot = 0; slot < partitions.size(); ++slot) {
    metrics_.topics.of(partitions[slot].id.topic);  // its line is there before anything has landed
    plans.push_back(plan_of(partitions[slot].id.topic, without_plan));
    if (without_plan.contains(partitions[slot].id.topic)) {
      left_out.insert(PartitionSlot{slot});
    }
  }
  assignment_.assign(partitions.begin(), partitions.end());
  parts_->driver->assigned(partitions, left_out);
  parts_->batcher->begin_epoch(partitions, plans);
  parts_->empty_windows->begin_epoch(plans);
  report_.forget_failed_partitions();
  metrics_.rebalances.add();
  metrics_.assigned_partitions.set(static_cast<std::int64_t>(partitions.size()));
  obs::log(Level::info, "partitions assigned",
           {{"worker", options_.index}, {"partitions", partitions.size()}});
  for (const PartitionSlot slot : left_out) {
    on_partition_failed(slot, without_plan.at(assignment_[slot.value].id.topic));
  }
  next_report_ = {};
}

void Worker::on_revoked(source::RevokeReason reason) {
  metrics_.memberships_lost.add(reason == source::RevokeReason::lost ? 1 : 0);
  obs::log(Level::info,
           reason == source::RevokeReason::lost ? "membership lost" : "partitions asked back: draining",
           {{"worker", options_.index}, {"partitions", assignment_.size()}});
  // Not in an epoch: a refused commit has ended it already.
  if (reason == source::RevokeReason::lost || !protocol_.in_epoch()) {
    parts_->driver->lost();
  } else {
    drain_deadline_ = clock_.now() + options_.drain_timeout;
    parts_->driver->revoked(*drain_deadline_);
  }
}

// The protocol has let the assignment go.
void Worker::on_released() {
  if (drain_deadline_ && clock_.now() >= *drain_deadline_) {
    obs::log(
        Level::warning,
        "the drain before a rebalance took too long; what was not published is read again by the next owner",
        {{"worker", options_.index}});
  }
  drain_deadline_.reset();
  end_epoch();
  parts_->source->release();
}

void Worker::on_partition_failed(PartitionSlot slot, const Error& error) {
  if (!protocol_.in_epoch()) {
    return;  // a refused commit has ended the epoch
  }
  const TopicPartition& id = assignment_[slot.value].id;
  if (const auto held_back = failed_gate_.pass(clock_.now())) {
    obs::log(Level::error, error.message,
             {{"worker", options_.index},
              {"topic", id.topic},
              {"partition", id.partition.value},
              {"code", error.code},
              {"held_back", *held_back}});
  }
  report_.partition_failed(slot, error);
  failed_.emplace(slot, error);
}

void Worker::on_partition_resumed(PartitionSlot slot) {
  report_.partition_resumed(slot);
  failed_.erase(slot);
  rejected_.erase(slot);
}

// By itself it goes on; a bounded run that waits too long is ended by its owner.
void Worker::on_partition_waits(PartitionSlot slot, const Error& error) {
  if (!protocol_.in_epoch()) {
    return;
  }
  const TopicPartition& id = assignment_[slot.value].id;
  if (const auto held_back = waits_gate_.pass(clock_.now())) {
    obs::log(Level::warning, concat("a partition waits, the others go on: ", error.message),
             {{"worker", options_.index},
              {"topic", id.topic},
              {"partition", id.partition.value},
              {"code", error.code},
              {"held_back", *held_back}});
  }
  report_.partition_waits(slot, error);
}

void Worker::on_source_error(const Error& error) {
  if (error.action != Action::fatal) {
    obs::log(Level::warning, error.message, {{"worker", options_.index}, {"code", error.code}});
    report_.source_failed(error);
    if (!protocol_.in_epoch()) {
      report_.set_not_ready(error.message);
    }
    return;
  }
  end_now(error);
}

// The end

void Worker::end_now(const Error& error) {
  failure_ = error;
  leave_now_.store(true, std::memory_order_release);
}

// A failure that leaves the rest sound: what was taken is published and committed before the end.
void Worker::end_after_draining(const Error& error) {
  if (!failure_) {
    failure_ = error;
    obs::log(Level::error, error.message, {{"worker", options_.index}, {"code", error.code}});
  }
  stop_.store(true, std::memory_order_release);
}

// What is not settled is forgotten: whoever has the partitions next reads it again.
void Worker::end_epoch() {
  parts_->empty_windows->end_epoch();
  for (const BatchPtr& batch : parts_->batcher->end_epoch()) {
    parts_->uploader->abandon(*batch);
  }
  assignment_.clear();
  failed_.clear();
  rejected_.clear();
  refused_.clear();
  without_schema_.clear();
  schema_grace_until_.reset();
  if (parts_->schemas) {
    parts_->schemas->forget_waits();
  }
  ending_ = false;
  metrics_.assigned_partitions.set(0);
  at_end_.store(false, std::memory_order_release);
}

// A topic without a plan is told by `failed`, and gets one by which nothing is ever written.
const TopicPlan* Worker::plan_of(const std::string& topic, std::map<std::string, Error>& failed) {
  std::unique_ptr<TopicPlan>& plan = plans_[topic];
  if (!plan || (plan->recipe_hash == 0 && !failed.contains(topic))) {
    Result<TopicPlan> made = options_.plan_for(topic);
    if (!made.ok()) {
      Error error = made.error();
      error.message = concat("topic ", topic, " is not read: ", error.message);
      failed.emplace(topic, std::move(error));
      plan = std::make_unique<TopicPlan>();
      plan->topic = topic;
      return plan.get();
    }
    plan = std::make_unique<TopicPlan>(std::move(made).value());
    plan->recipe_hash = recipe_hash_of(*plan, options_.group, options_.protocol.sink);
  }
  return plan.get();
}

}  // namespace penstock::pipeline
