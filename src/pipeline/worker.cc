#include "pipeline/worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "base/concat.h"

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

obs::IoBackend backend_of(const io::Grant& grant) {
  switch (grant.backend) {
    case io::Backend::io_uring:
      return obs::IoBackend::io_uring;
    case io::Backend::portable:
      return obs::IoBackend::portable;
    case io::Backend::simulated:
      return obs::IoBackend::simulated;
  }
  return obs::IoBackend::unknown;
}

}  // namespace

Worker::Worker(WorkerOptions options, const Clock& clock, obs::WorkerMetrics& metrics)
    : options_(std::move(options)), clock_(clock), metrics_(metrics), protocol_(options_.protocol) {}

Worker::~Worker() = default;

void Worker::stop() {
  stop_.store(true, std::memory_order_release);
  const std::lock_guard lock(loop_mutex_);
  if (loop_) {
    loop_->wake();
  }
}

void Worker::leave_now() {
  leave_now_.store(true, std::memory_order_release);
  stop();
}

std::string Worker::not_ready() const {
  const std::lock_guard lock(not_ready_mutex_);
  return not_ready_;
}

void Worker::set_not_ready(std::string reason) {
  const std::lock_guard lock(not_ready_mutex_);
  not_ready_ = std::move(reason);
}

Result<void> Worker::build() {
  auto loop = options_.make_loop ? options_.make_loop() : io::make_loop(options_.loop, clock_);
  if (!loop.ok()) {
    return std::move(loop).error();
  }
  {
    const std::lock_guard lock(loop_mutex_);
    loop_ = std::move(loop).value();
  }
  auto pool = mem::SlabPool::create(options_.slab_count, options_.slab_bytes);
  if (!pool.ok()) {
    return std::move(pool).error();
  }
  pool_ = std::move(pool).value();
  loop_->register_memory(pool_->region());

  options_.stage.keep_recovered = options_.protocol.guarantee == ledger::Guarantee::exactly_once;
  auto stage = stage::Stage::open(options_.stage, *loop_, clock_);
  if (!stage.ok()) {
    return std::move(stage).error();
  }
  stage_ = std::move(stage).value();
  auto store = options_.make_store(*loop_);
  if (!store.ok()) {
    return std::move(store).error();
  }
  store_ = std::move(store).value();

  const BatchWriter::Options cuts{.slab_bytes = options_.slab_bytes, .block_bytes = options_.block_bytes};
  chunks_ = std::make_unique<ChunkStore>(*pool_, *stage_, BatchWriter::reserve_for(cuts));
  uploader_ = std::make_unique<Uploader>(
      Uploader::Options{.connections = options_.connections,
                        .retry = options_.retry,
                        .group = options_.group,
                        .random_seed = options_.random()},
      *store_, *chunks_, *loop_, clock_, metrics_,
      Uploader::Events{.stored = [this](const BatchPtr& batch) { delivery_->stored(batch); },
                       .ticket =
                           [this](const BatchPtr& batch, const Result<Uploader::Publication>& result) {
                             delivery_->ticket(batch, result);
                           }});
  writer_ = std::make_unique<BatchWriter>(
      cuts, *chunks_, metrics_,
      [this](const BatchPtr& batch, std::uint32_t block) { uploader_->upload(batch, block); });
  batcher_ = std::make_unique<Batcher>(
      *writer_, protocol_.ledger(), *loop_, clock_, metrics_, options_.random(), options_.random(),
      Batcher::Events{.sealed = [this](const BatchPtr& batch) { delivery_->sealed(batch); },
                      .refused = [this](PartitionSlot, const Error& error) { fail(error); }});
  auto source = options_.make_source(*loop_);
  if (!source.ok()) {
    return std::move(source).error();
  }
  source_ = std::move(source).value();
  names_ = std::make_unique<ClaimedNames>(
      ClaimedNames::Options{.retry = options_.retry, .group = options_.group, .random = options_.random},
      *store_, *loop_, metrics_);
  delivery_ = std::make_unique<Delivery>(
      Delivery::Options{.worker = options_.index, .pins_start = options_.pins_start}, protocol_,
      Delivery::Parts{.source = *source_,
                      .uploader = *uploader_,
                      .chunks = *chunks_,
                      .batcher = *batcher_,
                      .writer = *writer_,
                      .names = *names_},
      *loop_, clock_, metrics_,
      Delivery::Events{.partition_stopped = [this](PartitionSlot slot,
                                                   const Error& error) { on_partition_failed(slot, error); },
                       .released = [this] { on_released(); },
                       .failed = [this](const Error& error) { on_fatal(error); }});

  metrics_.io_backend.store(backend_of(loop_->grant()), std::memory_order_relaxed);
  metrics_.direct_io.set(stage_->direct() ? 1 : 0);
  metrics_.registered_bytes.set(static_cast<std::int64_t>(loop_->grant().registered_bytes));
  metrics_.slabs_total.set(static_cast<std::int64_t>(pool_->slab_count()));
  return {};
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
  return built.ok() ? join() : built;
}

bool Worker::turn() {
  step();
  return !drained_.load(std::memory_order_relaxed) && !leave_now_.load(std::memory_order_acquire);
}

Result<void> Worker::end() {
  if (delivery_) {
    tick();  // what others read stays as it was at the end
    end_epoch();
    delivery_->abandon_all();
    source_->close();
  }
  tear_down();
  set_not_ready("stopped");
  if (failure_) {
    return *failure_;
  }
  return {};
}

Result<void> Worker::join() {
  const io::Grant& grant = loop_->grant();
  obs::log(
      Level::info,
      grant.backend == io::Backend::io_uring ? "io_uring is in use" : "the portable I/O fallback is in use",
      {{"worker", options_.index},
       {"flags", grant.flags},
       {"registered_bytes", grant.registered_bytes},
       {"memlock_bytes", grant.memlock_bytes},
       {"note", grant.reason}});
  if (!stage_->direct()) {
    obs::log(Level::warning, "the stage is written through the page cache",
             {{"worker", options_.index}, {"note", stage_->note()}});
  }
  take_recovered();
  Result<void> joined = source_->start(source::SourceHandlers{
      .assigned = [this](std::span<const source::Assigned> partitions) { on_assigned(partitions); },
      .revoked = [this](source::RevokeReason reason) { on_revoked(reason); },
      .partition_failed = [this](PartitionSlot slot,
                                 const Error& error) { on_partition_failed(slot, error); },
      .failed = [this](const Error& error) { on_failed(error); }});
  if (!joined.ok()) {
    return joined;
  }
  set_not_ready("waiting for an assignment from the group");
  return {};
}

// What an earlier process left on the stage may be used again where it is exactly what would be read next: see Adoption.
// Without claims all of it is read again, and its place on the stage is free.
void Worker::take_recovered() {
  for (const std::string& message : stage_->recovered().messages) {
    obs::log(Level::warning, message, {{"worker", options_.index}});
  }
  if (!stage_->recovered().chunks.empty()) {
    obs::log(Level::info,
             options_.stage.keep_recovered
                 ? "the stage holds chunks of an earlier run; where reading goes on they spare fetching"
                 : "the stage holds chunks of an earlier run; what of them was not published is read from "
                   "Kafka again",
             {{"worker", options_.index},
              {"chunks", stage_->recovered().chunks.size()},
              {"bytes", stage_->recovered().bytes}});
  }
  if (options_.stage.keep_recovered) {
    SortedOut sorted = sort_out(stage_->recovered().chunks);
    for (const stage::RecoveredChunk& chunk : sorted.unusable) {
      metrics_.recovered_released_bytes.add(chunk.extent.payload_bytes);
    }
    chunks_->release(sorted.unusable);
    delivery_->recovered(std::move(sorted.batches));
  }
  stage_->forget_recovered();
}

// On the worker's thread, which owns the loop and whatever waits on it.
void Worker::tear_down() {
  delivery_.reset();
  names_.reset();
  source_.reset();
  batcher_.reset();
  writer_.reset();
  uploader_.reset();
  store_.reset();
  chunks_.reset();
  stage_.reset();
  const std::lock_guard lock(loop_mutex_);
  loop_.reset();
  pool_.reset();
}

void Worker::step() {
  delivery_->run();
  const bool taking = protocol_.taking() && !stop_.load(std::memory_order_acquire) && !ending_;
  starved_ = false;
  source_->poll();
  const bool more = taking && take_records();
  if (const auto since = std::exchange(stage_full_since_, std::nullopt)) {
    metrics_.stage_full_ns.add(static_cast<std::uint64_t>((clock_.now() - *since).count()));
  }
  if (starved_) {
    metrics_.backpressure_events.add();
    batcher_->relieve(delivery_->publishing_count() > 0, chunks_->waiting_count() > 0);
  }
  batcher_->seal_due();
  drain_if_asked(more);
  delivery_->run();
  if (clock_.now() >= next_tick_) {
    tick();
  }
  if (!drained_.load(std::memory_order_relaxed)) {
    wait(more && taking && !starved_);
  }
}

// Returns whether more waits.
bool Worker::take_records() {
  std::size_t count = 0;
  while (const source::RecordSpan* span = source_->front()) {
    // Not in an epoch: of an assignment that was not taken up, see on_assigned().
    if (count >= k_records_per_turn || !protocol_.in_epoch()) {
      return true;
    }
    const std::size_t offered = span->records.size();
    const std::size_t taken = batcher_->take(*span);
    source_->taken(taken);
    count += taken;
    if (taken < offered) {
      starved_ = true;
      return true;
    }
  }
  return false;
}

void Worker::wait(bool more) {
  metrics_.loop_wakeups.add();
  if (starved_ && chunks_->waiting_count() > 0) {
    stage_full_since_ = clock_.now();
  }
  loop_->run_once(more ? Duration::zero() : starved_ ? k_starved_turn : k_turn_max);
}

// What a revoke, a stop and the end marks ask for: everything sealed, published and committed.
void Worker::drain_if_asked(bool more) {
  const bool stopping = stop_.load(std::memory_order_acquire);
  const bool revoking = protocol_.in_epoch() && !protocol_.taking();
  ending_ = ending_ || reached_end(more);
  if (revoking || stopping || ending_) {
    batcher_->seal_all(revoking ? obs::SealReason::revoke : obs::SealReason::drain);
  }
  const bool settled = batcher_->open_count() == 0 && delivery_->settled();
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
  source_->partition_states(states_);
  return std::all_of(states_.begin(), states_.end(),
                     [](const source::PartitionState& s) { return s.at_end_mark; });
}

void Worker::on_assigned(std::span<const source::Assigned> partitions) {
  CHECK(!protocol_.in_epoch());
  std::vector<const TopicPlan*> plans;
  for (const source::Assigned& assigned : partitions) {
    Result<const TopicPlan*> plan = plan_of(assigned.id.topic);
    if (!plan.ok()) {
      fail(plan.error());
      return;
    }
    plans.push_back(*plan);
  }
  assignment_.assign(partitions.begin(), partitions.end());
  delivery_->assigned(partitions);
  batcher_->begin_epoch(partitions, plans);
  failed_partitions_.clear();
  metrics_.rebalances.add();
  metrics_.assigned_partitions.set(static_cast<std::int64_t>(partitions.size()));
  obs::log(Level::info, "partitions assigned",
           {{"worker", options_.index}, {"partitions", partitions.size()}});
  next_tick_ = {};
}

void Worker::on_revoked(source::RevokeReason reason) {
  obs::log(Level::info,
           reason == source::RevokeReason::lost ? "membership lost" : "partitions asked back: draining",
           {{"worker", options_.index}, {"partitions", assignment_.size()}});
  // Not in an epoch: the assignment was not taken up (see on_assigned()), or a refused commit has ended it already.
  if (reason == source::RevokeReason::lost || !protocol_.in_epoch()) {
    delivery_->lost();
  } else {
    drain_deadline_ = clock_.now() + options_.drain_timeout;
    delivery_->revoked(*drain_deadline_);
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
  source_->release();
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
  failed_partitions_[slot.value] = error.message;
  if (options_.exit_at_end) {  // its end is never reached
    fail(error);
  }
}

void Worker::on_failed(const Error& error) {
  if (error.action != Action::fatal) {
    obs::log(Level::warning, error.message, {{"worker", options_.index}, {"code", error.code}});
    if (!protocol_.in_epoch()) {
      set_not_ready(error.message);
    }
    return;
  }
  on_fatal(error);
}

void Worker::on_fatal(const Error& error) {
  failure_ = error;
  leave_now_.store(true, std::memory_order_release);
}

// A failure that leaves the rest sound: what was taken is published and committed before the end.
void Worker::fail(const Error& error) {
  if (!failure_) {
    failure_ = error;
    obs::log(Level::error, error.message, {{"worker", options_.index}, {"code", error.code}});
  }
  stop_.store(true, std::memory_order_release);
}

// What is not settled is forgotten: whoever has the partitions next reads it again.
void Worker::end_epoch() {
  for (const BatchPtr& batch : batcher_->end_epoch()) {
    uploader_->abandon(*batch);
    chunks_->forget(*batch);
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
    plan->made_as = made_as(*plan, options_.group, options_.protocol.sink);
  }
  return plan.get();
}

// Once a second: what others read, and what is worth a word.
void Worker::tick() {
  next_tick_ = clock_.now() + k_turn_max;
  chunks_->retry_staging();
  const stage::Counters& stage = stage_->counters();
  metrics_.stage_written_bytes.set_total(stage.written_bytes);
  metrics_.stage_read_bytes.set_total(stage.read_bytes);
  metrics_.stage_live_bytes.set(static_cast<std::int64_t>(stage.live_bytes));
  metrics_.stage_segment_files.set(static_cast<std::int64_t>(stage.segment_files));
  metrics_.stage_write_errors.set_total(stage.write_errors);
  metrics_.slabs_free.set(static_cast<std::int64_t>(pool_->free_count()));
  const source::SourceCounters source = source_->counters();
  metrics_.stale_records.set_total(source.stale_records);
  metrics_.throttled_ms.set_total(source.throttled_ms);
  refresh_board();
  warn_of_trouble();
}

void Worker::refresh_board() {
  source_->partition_states(states_);
  rows_.clear();
  if (protocol_.in_epoch()) {
    for (const source::PartitionState& state : states_) {
      rows_.push_back(obs::PartitionRow{.id = assignment_[state.slot.value].id,
                                        .position = state.position,
                                        .log_end = state.log_end,
                                        .committed = protocol_.committed(state.slot)});
    }
  }
  metrics_.partitions.exchange(rows_);
}

void Worker::warn_of_trouble() {
  std::string reason;
  if (const auto& trouble = uploader_->trouble()) {
    reason = concat("uploads fail: ", trouble->error.message);
    if (const auto held_back = upload_trouble_gate_.pass(clock_.now())) {
      const auto seconds =
          std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - trouble->since).count();
      obs::log(trouble->error.action == Action::retry ? Level::warning : Level::error,
               concat("uploads fail and are tried again, nothing is lost: ", trouble->error.message),
               {{"worker", options_.index},
                {"code", trouble->error.code},
                {"blob", trouble->blob},
                {"seconds", seconds},
                {"staged_bytes", stage_->counters().live_bytes}});
    }
  }
  if (chunks_->waiting_count() > 0) {
    const std::string why =
        chunks_->last_stage_error().empty() ? stage_->note() : chunks_->last_stage_error();
    if (const auto held_back = stage_trouble_gate_.pass(clock_.now())) {
      obs::log(Level::warning, "no room on the stage: records wait in Kafka until batches are published",
               {{"worker", options_.index},
                {"dir", options_.stage.dir},
                {"bytes_max", options_.stage.bytes_max},
                {"note", why}});
    }
    reason += concat(reason.empty() ? "" : "; ", "no room on the stage ", options_.stage.dir);
  }
  if (const auto& trouble = names_->trouble()) {
    reason += concat(reason.empty() ? "" : "; ",
                     "what became of an earlier batch is not known yet: ", trouble->message);
  }
  for (const auto& [slot, message] : failed_partitions_) {
    reason += concat(reason.empty() ? "" : "; ", message);
  }
  if (!protocol_.in_epoch()) {
    if (reason.empty()) {
      return;  // keeps what on_failed said, or that an assignment is awaited
    }
  }
  set_not_ready(std::move(reason));
}

}  // namespace penstock::pipeline
