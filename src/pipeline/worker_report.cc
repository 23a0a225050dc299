// How it works
//
// Others ask from their own threads, at any time. Counters are atomics. The board of partitions is made aside
// and exchanged as a whole. Readiness is a sentence behind a mutex, and the empty sentence means ready.
//
// The worked case is a store that refuses uploads while the stage fills up:
//
//   1. The uploader has a trouble. The next refresh() writes a line to the log. The gate lets another pass
//      only after 30 s. The sentence is "uploads fail: ...", and every refresh() makes it anew.
//   2. Chunks begin to wait for room on the stage. That has a gate of its own. The sentence gets a second
//      part: "uploads fail: ...; no room on the stage /var/lib/penstock".
//   3. A partition stops. Its message is a third part, and stays in the map until the next assignment.
//   4. The store is back and the chunks are written. Only the partition's message is left.
//
// Between assignments an empty sentence is not written: no trouble does not mean ready. What stands there was
// said by set_not_ready(), and is as a rule that an assignment is awaited.
#include "pipeline/worker_report.h"

#include <chrono>
#include <utility>

#include "base/concat.h"

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

void append_reason(std::string& reasons, std::string_view reason) {
  if (!reason.empty()) {
    reasons += concat(reasons.empty() ? "" : "; ", reason);
  }
}

}  // namespace

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
  tell_trouble(parts);
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
}

void WorkerReport::refresh_board(const WorkerParts& parts, std::span<const source::Assigned> assignment) {
  parts.source->partition_states(states_);
  rows_.clear();
  if (protocol_.in_epoch()) {
    for (const source::PartitionState& state : states_) {
      rows_.push_back(obs::PartitionRow{.id = assignment[state.slot.value].id,
                                        .position = state.position,
                                        .log_end = state.log_end,
                                        .committed = protocol_.committed(state.slot)});
    }
  }
  metrics_.partitions.exchange(rows_);
}

void WorkerReport::tell_trouble(const WorkerParts& parts) {
  std::string reasons = trouble_with_uploads(parts);
  append_reason(reasons, trouble_with_stage(parts));
  if (const auto& trouble = parts.names->trouble()) {
    append_reason(reasons, concat("what became of an earlier batch is not known yet: ", trouble->message));
  }
  for (const auto& [slot, message] : failed_partitions_) {
    append_reason(reasons, message);
  }
  if (reasons.empty() && !protocol_.in_epoch()) {
    return;  // keeps what the source said, or that an assignment is awaited
  }
  set_not_ready(std::move(reasons));
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

std::string WorkerReport::trouble_with_stage(const WorkerParts& parts) {
  if (parts.chunks->waiting_count() == 0) {
    return {};
  }
  const std::string& last = parts.chunks->last_stage_error();
  if (const auto held_back = stage_trouble_gate_.pass(clock_.now())) {
    obs::log(obs::Level::warning, "no room on the stage: records wait in Kafka until batches are published",
             {{"worker", options_.index},
              {"dir", options_.stage.dir},
              {"bytes_max", options_.stage.bytes_max},
              {"note", last.empty() ? std::string(parts.stage->note()) : last}});
  }
  return concat("no room on the stage ", options_.stage.dir);
}

}  // namespace penstock::pipeline
