// A worker: one thread, one loop, one source, its own slabs, stage and connections. It turns, and decides
// nothing but when to drain and when to end. Its parts are in worker_parts.h, what it tells others in
// worker_report.h.
//
//   source ─► Batcher ─► BatchWriter ─► ChunkStore ─► Uploader ─► ClaimDriver
//                                       slabs, stage              claim, publish, finish
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "ledger/protocol.h"
#include "obs/log.h"
#include "obs/worker_metrics.h"
#include "pipeline/worker_options.h"
#include "pipeline/worker_parts.h"
#include "pipeline/worker_report.h"
#include "source/source.h"

namespace penstock::pipeline {

class Worker {
 public:
  // `metrics` outlives the worker.
  Worker(WorkerOptions options, const Clock& clock, obs::WorkerMetrics& metrics);
  ~Worker();

  // Runs on the calling thread until stopped, at the end, or failed. Ok: everything that was read is
  // published and committed (after stop()), or left where it was (after leave_now()). `started` runs once,
  // when every part is there.
  Result<void> run(const std::function<void()>& started);

  // The same in pieces, for a caller that runs several workers on one thread (the simulator): begin(), then
  // turn() until it returns false, then end(), also when begin() failed.
  Result<void> begin();
  bool turn();
  Result<void> end();

  // From any thread. stop(): take no more, publish and commit what was taken, end. leave_now(): end without
  // that.
  void stop();
  void leave_now();

  // From any thread: everything of this worker's partitions up to the end marks is published and committed
  // (exit_at_end). False again when it has got others, or is back below a mark.
  bool at_end() const { return at_end_.load(std::memory_order_acquire); }
  bool drained() const { return drained_.load(std::memory_order_acquire); }

  // From any thread: empty when the worker takes and ships records; otherwise what is in the way.
  std::string not_ready() const { return report_.not_ready(); }

 private:
  Result<void> build();
  Result<void> start_source();
  void tear_down();

  // Of a turn.
  bool take_records();
  void relieve_if_starved();
  void tell_of_silence(bool taking);
  void drain_if_asked(bool more);
  bool reached_end(bool more);
  void tell_group_end();
  void look_at_the_group();
  void report_once_a_second();
  void report();
  void withhold_refused_topics();
  void look_at_schemas();
  void withhold();
  void sleep(bool more);

  // Source events.
  void on_assigned(std::span<const source::Assigned> partitions);
  void on_revoked(source::RevokeReason reason);
  void on_partition_waits(PartitionSlot slot, const Error& error);
  void on_partition_resumed(PartitionSlot slot);
  void on_partition_failed(PartitionSlot slot, const Error& error);
  void on_source_error(const Error& error);

  void on_released();
  void end_epoch();
  void end_now(const Error& error);
  void end_after_draining(const Error& error);
  const TopicPlan* plan_of(const std::string& topic, std::map<std::string, Error>& failed);

  WorkerOptions options_;
  const Clock& clock_;
  obs::WorkerMetrics& metrics_;
  ledger::Protocol protocol_;
  WorkerReport report_;
  std::map<std::string, std::unique_ptr<TopicPlan>> plans_;  // kept: batches point to them
  std::unique_ptr<WorkerParts> parts_;  // on the worker's thread, between begin() and end()

  std::mutex loop_mutex_;
  io::Loop* loop_to_wake_ =
      nullptr;  // that of the parts, once they are there: stop() may come before or after

  std::vector<source::Assigned> assignment_;
  std::optional<MonoTime> drain_deadline_;  // of a revoke
  bool starved_ = false;                    // the last records offered found no slab
  std::optional<MonoTime> stage_full_since_;
  std::map<PartitionSlot, Error> rejected_;  // of them, those that the claims have stopped
  std::map<PartitionSlot, Error> failed_;    // of this epoch: what of them is left is not ours to settle
  bool ending_ = false;            // exit_at_end: every partition of this epoch has reached its end mark
  std::set<std::string> refused_;  // topics whose files the store refuses
  std::set<std::string> without_schema_;        // topics that wait for the schema of a record
  std::optional<MonoTime> schema_grace_until_;  // until then a topic that waits is not withheld
  MonoTime next_look_at_refused_{};
  MonoTime next_end_check_{};
  MonoTime next_report_{};
  std::vector<source::PartitionState> states_;
  std::optional<Error> failure_;
  // One cause may stop each of some thousand partitions. What a source repeats comes every 30 s.
  obs::LogGate failed_gate_{std::chrono::seconds(20), 10};
  obs::LogGate waits_gate_{std::chrono::seconds(20), 10};

  std::atomic<bool> stop_{false};
  std::atomic<bool> leave_now_{false};
  std::atomic<bool> at_end_{false};
  std::atomic<bool> drained_{false};
};

}  // namespace penstock::pipeline
