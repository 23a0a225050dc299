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
#include "pipeline/worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
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
      {.claims = {.partition_stopped = [this](PartitionSlot slot,
                                              const Error& error) { on_partition_failed(slot, error); },
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
  const bool more = taking && take_records();
  relieve_if_starved();
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
// whether more waits.
bool Worker::take_records() {
  std::size_t count = 0;
  while (const source::RecordSpan* span = parts_->source->front()) {
    // Not in an epoch: the records are of an assignment that was not taken up, see on_assigned().
    if (count >= k_records_per_turn || !protocol_.in_epoch()) {
      return true;
    }
    const std::size_t offered = span->records.size();
    const std::size_t taken = parts_->batcher->take(*span);
    parts_->source->taken(taken);
    count += taken;
    if (taken < offered) {
      starved_ = true;
      return true;
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
    parts_->batcher->relieve(parts_->driver->publishing_count() > 0, parts_->chunks->waiting_count() > 0);
  }
}

// What a revoke, a stop and the end marks ask for: everything sealed, published and committed.
void Worker::drain_if_asked(bool more) {
  const bool stopping = stop_.load(std::memory_order_acquire);
  const bool revoking = protocol_.in_epoch() && !protocol_.taking();
  ending_ = ending_ || reached_end(more);
  if (revoking || stopping || ending_) {
    parts_->batcher->seal_all(revoking ? obs::SealReason::revoke : obs::SealReason::drain);
  }
  const bool settled = parts_->batcher->open_count() == 0 && parts_->driver->settled();
  at_end_.store(ending_ && settled, std::memory_order_release);
  if (stopping && settled) {
    drained_.store(true, std::memory_order_release);
  }
}

bool Worker::reached_end(bool more) {
  if (!options_.exit_at_end || !protocol_.in_epoch() || (more && clock_.now() < next_end_check_)) {
    return false;
  }
  next_end_check_ = clock_.now() + k_between_end_checks;
  parts_->source->partition_states(states_);
  return std::all_of(states_.begin(), states_.end(),
                     [](const source::PartitionState& s) { return s.at_end_mark; });
}

void Worker::report_once_a_second() {
  if (clock_.now() >= next_report_) {
    report();
  }
}

void Worker::report() {
  next_report_ = clock_.now() + k_turn_max;
  parts_->chunks->retry_staging();
  report_.refresh(*parts_, assignment_);
}

void Worker::sleep(bool more) {
  metrics_.loop_wakeups.add();
  if (starved_ && parts_->chunks->waiting_count() > 0) {
    stage_full_since_ = clock_.now();
  }
  parts_->loop->run_once(more ? Duration::zero() : starved_ ? k_starved_turn : k_turn_max);
}

// Events of the source, and of the claims

void Worker::on_assigned(std::span<const source::Assigned> partitions) {
  CHECK(!protocol_.in_epoch());
  std::vector<const TopicPlan*> plans;
  for (const source::Assigned& assigned : partitions) {
    Result<const TopicPlan*> plan = plan_of(assigned.id.topic);
    if (!plan.ok()) {
      end_after_draining(plan.error());
      return;
    }
    plans.push_back(*plan);
  }
  assignment_.assign(partitions.begin(), partitions.end());
  parts_->driver->assigned(partitions);
  parts_->batcher->begin_epoch(partitions, plans);
  report_.forget_failed_partitions();
  metrics_.rebalances.add();
  metrics_.assigned_partitions.set(static_cast<std::int64_t>(partitions.size()));
  obs::log(Level::info, "partitions assigned",
           {{"worker", options_.index}, {"partitions", partitions.size()}});
  next_report_ = {};
}

void Worker::on_revoked(source::RevokeReason reason) {
  obs::log(Level::info,
           reason == source::RevokeReason::lost ? "membership lost" : "partitions asked back: draining",
           {{"worker", options_.index}, {"partitions", assignment_.size()}});
  // Not in an epoch: the assignment was not taken up (see on_assigned()), or a refused commit has ended it
  // already.
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
    return;  // of an assignment that was not taken up: see on_assigned()
  }
  const TopicPartition& id = assignment_[slot.value].id;
  obs::log(Level::error, error.message,
           {{"worker", options_.index},
            {"topic", id.topic},
            {"partition", id.partition.value},
            {"code", error.code}});
  report_.partition_failed(slot, error);
  if (options_.exit_at_end) {  // its end is never reached
    end_after_draining(error);
  }
}

void Worker::on_source_error(const Error& error) {
  if (error.action != Action::fatal) {
    obs::log(Level::warning, error.message, {{"worker", options_.index}, {"code", error.code}});
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
  for (const BatchPtr& batch : parts_->batcher->end_epoch()) {
    parts_->uploader->abandon(*batch);
  }
  assignment_.clear();
  ending_ = false;
  metrics_.assigned_partitions.set(0);
  at_end_.store(false, std::memory_order_release);
}

Result<const TopicPlan*> Worker::plan_of(const std::string& topic) {
  std::unique_ptr<TopicPlan>& plan = plans_[topic];
  if (!plan) {
    Result<TopicPlan> made = options_.plan_for(topic);
    if (!made.ok()) {
      return std::move(made).error();
    }
    plan = std::make_unique<TopicPlan>(std::move(made).value());
    plan->recipe_hash = recipe_hash_of(*plan, options_.group, options_.protocol.sink);
  }
  return plan.get();
}

}  // namespace penstock::pipeline
