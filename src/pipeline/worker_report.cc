// How it works
//
// Others ask from their own threads, at any time. Counters are atomics. The board of partitions is made aside
// and exchanged as a whole. Readiness is a sentence behind a mutex, and the empty sentence means ready.
//
// The worked case is a store that refuses uploads while the stage fills up:
//
//   1. The uploader has a trouble. The next refresh() writes a line to the log. The gate lets another pass
//      only after 30 s. The sentence is "uploads fail: ...", and every refresh() makes it anew.
//   2. The stage is full and chunks wait. That has a gate of its own. The sentence gets a second part:
//      "uploads fail: ...; the stage /var/lib/penstock/x/worker-0 is full (10730000000 of 10737418240
//      bytes)".
//   3. A partition stops. Its message is a third part, and stays in the map until the next assignment.
//   4. The store is back and the chunks are written. Only the partition's message is left.
//
// Between assignments an empty sentence is not written: no trouble does not mean ready. What stands there was
// said by set_not_ready(), and is as a rule that an assignment is awaited.
#include "pipeline/worker_report.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "base/concat.h"
#include "base/schema_outcome.h"

namespace penstock::pipeline {
namespace {

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

constexpr Duration k_silence_is_trouble = std::chrono::seconds(10);

// A schema that is new is asked for once, and is there within it.
constexpr Duration k_schema_wait_is_trouble = std::chrono::seconds(5);

// A source repeats an error every 30 s while it lasts.
constexpr Duration k_source_error_lasts = std::chrono::seconds(45);

// What is the matter with a stage that takes no chunk; empty where it will in a moment.
std::string sentence_of(const stage::Shortage& shortage, const stage::Stage& stage,
                        const stage::Options& options) {
  if (!shortage.lasts()) {
    return {};
  }
  if (shortage.kind == stage::Shortage::Kind::failed) {
    return concat("the stage ", options.dir, " cannot be written: ", shortage.error->message);
  }
  if (shortage.error) {
    return concat("the disk of the stage ", options.dir, " is full: ", shortage.error->message);
  }
  return concat("the stage ", options.dir, " is full (", stage.counters().live_bytes, " of ",
                options.bytes_max, " bytes)");
}

}  // namespace

void append_reason(std::string& reasons, std::string_view reason) {
  if (!reason.empty()) {
    reasons += concat(reasons.empty() ? "" : "; ", reason);
  }
}

WorkerReport::WorkerReport(const WorkerOptions& options, const ledger::Protocol& protocol, const Clock& clock,
                           obs::WorkerMetrics& metrics)
    : options_(options), protocol_(protocol), clock_(clock), metrics_(metrics) {}

std::string WorkerReport::not_ready() const {
  const std::lock_guard lock(not_ready_mutex_);
  return not_ready_;
}

void WorkerReport::set_not_ready(std::string reason) {
  const std::lock_guard lock(not_ready_mutex_);
  not_ready_ = std::move(reason);
}

void WorkerReport::partition_failed(PartitionSlot slot, const Error& error) {
  failed_partitions_[slot.value] = error.message;
}

void WorkerReport::partition_waits(PartitionSlot slot, const Error& error) {
  waiting_partitions_[slot.value] = error.message;
}

void WorkerReport::source_failed(const Error& error) {
  source_trouble_ = SourceTrouble{.message = error.message, .told_at = clock_.now()};
}

void WorkerReport::tell_what_is_in_use(const WorkerParts& parts) {
  const io::Grant& grant = parts.loop->grant();
  metrics_.io_backend.store(backend_of(grant), std::memory_order_relaxed);
  metrics_.direct_io.set(parts.stage->direct() ? 1 : 0);
  metrics_.registered_bytes.set(static_cast<std::int64_t>(grant.registered_bytes));
  metrics_.slabs_total.set(static_cast<std::int64_t>(parts.pool->slab_count()));
  obs::log(
      obs::Level::info,
      grant.backend == io::Backend::io_uring ? "io_uring is in use" : "the portable I/O fallback is in use",
      {{"worker", options_.index},
       {"flags", grant.flags},
       {"registered_bytes", grant.registered_bytes},
       {"memlock_bytes", grant.memlock_bytes},
       {"note", grant.reason}});
  if (!parts.stage->direct()) {
    obs::log(obs::Level::warning, "the stage is written through the page cache",
             {{"worker", options_.index}, {"note", parts.stage->note()}});
  }
}

void WorkerReport::refresh(const WorkerParts& parts, std::span<const source::Assigned> assignment) {
  copy_counters(parts);
  refresh_board(parts, assignment);
  tell_landed();
  tell_values(obs::Level::warning, "values could not be decoded, and land as they came with the reason",
              metrics_.undecoded_values, parts.writer->last_undecoded(), told_undecoded_);
  tell_values(obs::Level::warning,
              "fields do not fit their columns since a schema changed, and are in _rescued",
              metrics_.schema_conflicts, parts.writer->last_in_conflict(), told_conflicts_);
  if (metrics_.schemas_evicted.value() > 0 && !std::exchange(told_evicted_, true)) {
    obs::log(
        obs::Level::warning,
        "runtime.memory has no room to keep all schemas of the registry, which is asked again and again; "
        "raise it, or lower runtime.workers",
        {{"worker", options_.index}});
  }
  tell_trouble(parts);
}

// One line a minute at most, however many files: silence then means that nothing has landed.
void WorkerReport::tell_landed() {
  const std::uint64_t files = metrics_.blobs_published.value();
  if (files == told_files_ || !landed_gate_.pass(clock_.now())) {
    return;
  }
  const std::uint64_t records = metrics_.records_landed.value();
  const std::uint64_t bytes = metrics_.landed_bytes.value();
  obs::log(obs::Level::info, "files landed",
           {{"worker", options_.index},
            {"files", files - std::exchange(told_files_, files)},
            {"records", records - std::exchange(told_records_, records)},
            {"bytes", bytes - std::exchange(told_bytes_, bytes)}});
}

// One line a minute at most, which names the last of them.
void WorkerReport::tell_values(obs::Level level, std::string_view message, const obs::Counter& counted,
                               const BatchWriter::Origin& last, ToldValues& told) {
  const std::uint64_t values = counted.value();
  if (values == told.count || !told.gate.pass(clock_.now())) {
    return;
  }
  obs::log(level, message,
           {{"worker", options_.index},
            {"values", values - std::exchange(told.count, values)},
            {"topic", last.topic},
            {"partition", last.partition.value}});
}

// What other modules count themselves.
void WorkerReport::copy_counters(const WorkerParts& parts) {
  const stage::Counters& stage = parts.stage->counters();
  metrics_.stage_written_bytes.set_total(stage.written_bytes);
  metrics_.stage_read_bytes.set_total(stage.read_bytes);
  metrics_.stage_live_bytes.set(static_cast<std::int64_t>(stage.live_bytes));
  metrics_.stage_segment_files.set(static_cast<std::int64_t>(stage.segment_files));
  metrics_.stage_write_errors.set_total(stage.write_errors);
  metrics_.slabs_free.set(static_cast<std::int64_t>(parts.pool->free_count()));
  const source::SourceCounters source = parts.source->counters();
  metrics_.stale_records.set_total(source.stale_records);
  metrics_.throttled_ms.set_total(source.throttled_ms);
  metrics_.source_errors.set_total(source.errors);
  metrics_.stopped_partitions.set(static_cast<std::int64_t>(failed_partitions_.size()));
  metrics_.waiting_partitions.set(static_cast<std::int64_t>(waiting_partitions_.size()));
  metrics_.uploads_fail.set(parts.uploader->trouble() || parts.uploader->any_refused() ? 1 : 0);
  metrics_.request_places.set(parts.uploader->places());
  metrics_.requests_under_way.set(parts.uploader->under_way());
  if (parts.schemas) {
    const auto requests = parts.schemas->requests();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      metrics_.registry_requests[static_cast<SchemaOutcome>(i)].set_total(requests[i]);
    }
    metrics_.schema_waits.set_total(parts.schemas->waits());
    metrics_.schemas_evicted.set_total(parts.schemas->evicted());
    metrics_.topics_without_schema.set(static_cast<std::int64_t>(parts.schemas->waiting().size()));
  }
}

void WorkerReport::refresh_board(const WorkerParts& parts, std::span<const source::Assigned> assignment) {
  parts.source->partition_states(states_);
  rows_.clear();
  if (protocol_.in_epoch()) {
    for (const source::PartitionState& state : states_) {
      rows_.push_back(obs::PartitionRow{.id = assignment[state.slot.value].id,
                                        .position = state.position,
                                        .log_end = state.log_end,
                                        .committed = protocol_.committed(state.slot),
                                        .lag_ms = lag_ms(parts, state),
                                        .landed_until_ms = landed_until_ms(parts, state)});
    }
  }
  metrics_.partitions.exchange(rows_);
}

std::int64_t WorkerReport::lag_ms(const WorkerParts& parts, const source::PartitionState& state) const {
  const std::optional<Duration> lag =
      parts.batcher->record_ages().lag(state.slot, protocol_.committable(state.slot), state.log_end);
  return lag ? std::chrono::duration_cast<std::chrono::milliseconds>(*lag).count() : -1;
}

std::int64_t WorkerReport::landed_until_ms(const WorkerParts& parts,
                                           const source::PartitionState& state) const {
  const std::optional<WallTime> until = parts.batcher->record_ages().landed_until(
      state.slot, protocol_.committable(state.slot), state.log_end, state.log_end_at);
  return until ? std::chrono::duration_cast<std::chrono::milliseconds>(until->time_since_epoch()).count()
               : -1;
}

void WorkerReport::tell_trouble(const WorkerParts& parts) {
  std::string reasons = trouble_with_brokers(parts.source->counters());
  append_reason(reasons, trouble_with_uploads(parts));
  append_reason(reasons, trouble_with_topics(parts));
  append_reason(reasons, trouble_with_schemas(parts));
  append_reason(reasons,
                trouble_with_silence("the store", parts.uploader->silent_since(), store_silence_gate_));
  append_reason(reasons, trouble_with_stage(parts));
  if (const auto trouble = parts.names->trouble()) {
    append_reason(reasons, concat("what became of an earlier batch is not known yet: ", trouble->message));
  }
  std::set<std::string_view> said;  // what is wrong with a topic is wrong with each of its partitions
  for (const auto& [slot, message] : failed_partitions_) {
    if (said.insert(message).second) {
      append_reason(reasons, message);
    }
  }
  for (const auto& [slot, message] : waiting_partitions_) {
    append_reason(reasons, message);
  }
  if (reasons.empty() && !protocol_.in_epoch()) {
    return;  // keeps what the source said, or that an assignment is awaited
  }
  set_not_ready(std::move(reasons));
}

std::string WorkerReport::trouble_with_brokers(const source::SourceCounters& source) {
  const bool answered =
      source_trouble_ && source.last_answer && *source.last_answer > source_trouble_->told_at;
  if (answered || (source_trouble_ && clock_.now() - source_trouble_->told_at > k_source_error_lasts)) {
    source_trouble_.reset();
  }
  std::string reasons = source_trouble_ ? source_trouble_->message : "";
  append_reason(reasons, trouble_with_silence("a broker", source.overdue_since, broker_silence_gate_));
  return reasons;
}

// `who` has been asked, and says neither yes nor no.
std::string WorkerReport::trouble_with_silence(const char* who, std::optional<MonoTime> since,
                                               obs::LogGate& gate) {
  const MonoTime now = clock_.now();
  if (!since || now - *since < k_silence_is_trouble) {
    return {};
  }
  std::string sentence = concat(who, " has not answered for ",
                                std::chrono::duration_cast<std::chrono::seconds>(now - *since).count(), " s");
  if (gate.pass(now)) {
    obs::log(obs::Level::warning, concat(sentence, "; what is asked of it is tried again, nothing is lost"),
             {{"worker", options_.index}});
  }
  return sentence;
}

std::string WorkerReport::trouble_with_uploads(const WorkerParts& parts) {
  const std::optional<UploadTrouble>& trouble = parts.uploader->trouble();
  if (!trouble) {
    return {};
  }
  if (const auto held_back = upload_trouble_gate_.pass(clock_.now())) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - trouble->since).count();
    obs::log(trouble->error.action == Action::retry ? obs::Level::warning : obs::Level::error,
             concat("uploads fail and are tried again, nothing is lost: ", trouble->error.message),
             {{"worker", options_.index},
              {"code", trouble->error.code},
              {"blob", trouble->blob},
              {"seconds", seconds},
              {"staged_bytes", parts.stage->counters().live_bytes}});
  }
  return concat("uploads fail: ", trouble->error.message);
}

// A store that refuses everything refuses each topic: some of them say it for all.
std::string WorkerReport::trouble_with_topics(const WorkerParts& parts) {
  constexpr std::size_t k_said_max = 3;
  const std::map<std::string, Refusal> refused = parts.uploader->refused_topics();
  std::erase_if(refused_topics_, [&](const std::string& topic) {
    if (refused.contains(topic)) {
      return false;
    }
    metrics_.topics.of(topic).refused.set(0);
    obs::log(obs::Level::info, concat("the store takes the files of topic ", topic, " again"),
             {{"worker", options_.index}, {"topic", topic}});
    return true;
  });
  std::string sentences;
  std::size_t said = 0;
  for (const auto& [topic, refusal] : refused) {
    const bool is_new = refused_topics_.insert(topic).second;
    metrics_.topics.of(topic).refused.set(1);
    if (++said > k_said_max) {
      continue;
    }
    const bool is_due = said == 1 && refused_topics_gate_.pass(clock_.now());  // also of one that is new
    if (is_new || is_due) {
      log_refusal(topic, refusal, refused.size());
    }
    append_reason(sentences, concat("uploads fail for topic ", topic, ": ", refusal.error.message));
  }
  if (said > k_said_max) {
    append_reason(sentences, concat("and for ", said - k_said_max, " more topics"));
  }
  return sentences;
}

// Of each topic that waits for long, once in the log.
std::string WorkerReport::trouble_with_schemas(const WorkerParts& parts) {
  constexpr std::size_t k_said_max = 3;
  if (!parts.schemas) {
    return {};
  }
  const auto& waiting = parts.schemas->waiting();
  std::erase_if(without_schema_, [&](const std::string& topic) {
    if (waiting.contains(topic)) {
      return false;
    }
    obs::log(obs::Level::info, concat("topic ", topic, " does not wait for a schema any more"),
             {{"worker", options_.index}, {"topic", topic}});
    return true;
  });
  std::string sentences;
  std::size_t said = 0;
  for (const auto& [topic, wait] : waiting) {
    if (clock_.now() - wait.since < k_schema_wait_is_trouble) {
      continue;
    }
    if (without_schema_.insert(topic).second) {
      obs::log(obs::Level::warning,
               concat("topic ", topic, " waits for a schema, the others go on: ", wait.reason),
               {{"worker", options_.index}, {"topic", topic}});
    }
    if (++said <= k_said_max) {
      append_reason(sentences, concat("topic ", topic, " waits for a schema: ", wait.reason));
    }
  }
  if (said > k_said_max) {
    append_reason(sentences, concat("and ", said - k_said_max, " more topics"));
  }
  return sentences;
}

void WorkerReport::log_refusal(const std::string& topic, const Refusal& refusal, std::size_t topics) const {
  const MonoTime now = clock_.now();
  const auto in_seconds = [](Duration time) {
    return std::chrono::duration_cast<std::chrono::seconds>(std::max(time, Duration::zero())).count();
  };
  obs::log(
      obs::Level::error,
      concat("uploads fail and are tried again, nothing is lost: topic ", topic, ": ", refusal.error.message),
      {{"worker", options_.index},
       {"topic", topic},
       {"refused_topics", topics},
       {"code", refusal.error.code},
       {"blob", refusal.blob},
       {"seconds", in_seconds(now - refusal.since)},
       {"next_try_seconds", in_seconds(refusal.next_try - now)}});
}

std::string WorkerReport::trouble_with_stage(const WorkerParts& parts) {
  const stage::Shortage shortage = parts.chunks->shortage();
  std::string sentence = sentence_of(shortage, *parts.stage, options_.stage);
  if (sentence.empty()) {
    return {};
  }
  if (const auto held_back = stage_trouble_gate_.pass(clock_.now())) {
    const std::string_view advice =
        shortage.error ? "" : "; to ride out more, raise stage.max_bytes where the disk has room";
    obs::log(obs::Level::warning,
             concat("records wait in Kafka until batches are published: ", sentence, advice),
             {{"worker", options_.index}, {"waiting_chunks", parts.chunks->waiting_count()}});
  }
  return sentence;
}

}  // namespace penstock::pipeline
