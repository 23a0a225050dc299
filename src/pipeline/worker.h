// A worker: one thread, one loop, one source, its own slabs, stage and connections. Joins them, and decides
// nothing else but when to drain and when to end.
//
//   source ─► Batcher ─► BatchWriter ─► ChunkStore (slabs, stage) ─► Uploader ─► Delivery (claim, publish, finish)
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "io/loop.h"
#include "lake/blob_store.h"
#include "ledger/protocol.h"
#include "mem/slab_pool.h"
#include "obs/log.h"
#include "obs/worker_metrics.h"
#include "pipeline/batcher.h"
#include "pipeline/claimed_names.h"
#include "pipeline/delivery.h"
#include "pipeline/uploader.h"
#include "source/source.h"
#include "stage/stage.h"

namespace penstock::pipeline {

struct WorkerOptions {
  std::uint32_t index = 0;
  std::string group;
  std::size_t slab_count = 0;
  std::size_t slab_bytes = 0;
  std::uint64_t block_bytes = 0;
  std::uint32_t connections = 4;
  stage::Options stage;
  io::LoopOptions loop;  // unless make_loop is given
  RetryOptions retry;
  Duration drain_timeout = std::chrono::seconds(20);  // for a revoke; a stop waits as long as it takes
  bool exit_at_end = false;
  ledger::ProtocolOptions protocol;
  bool pins_start = false;  // source.start: latest, or a time

  // How batches of a topic are made. Asked once a topic; an Error ends the worker.
  std::function<Result<TopicPlan>(const std::string& topic)> plan_for;
  // Both are made on the worker's thread, on its loop.
  std::function<Result<std::unique_ptr<source::Source>>(io::Loop&)> make_source;
  std::function<Result<std::unique_ptr<lake::BlobStore>>(io::Loop&)> make_store;
  std::function<Result<std::unique_ptr<io::Loop>>()> make_loop;  // empty: as `loop` says
  std::function<std::uint64_t()> random;  // seeds and the incarnation: from the system, or the simulator's
};

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

  // From any thread: everything up to the end marks is published and committed (exit_at_end).
  bool at_end() const { return at_end_.load(std::memory_order_acquire); }
  bool drained() const { return drained_.load(std::memory_order_acquire); }

  // From any thread: empty when the worker takes and ships records; otherwise what is in the way.
  std::string not_ready() const;

 private:
  Result<void> build();
  Result<void> join();
  void take_recovered();
  void tear_down();
  void step();
  bool take_records();
  void wait(bool more);
  void tick();

  // Source events.
  void on_assigned(std::span<const source::Assigned> partitions);
  void on_revoked(source::RevokeReason reason);
  void on_partition_failed(PartitionSlot slot, const Error& error);
  void on_failed(const Error& error);

  void on_released();
  void on_fatal(const Error& error);
  void drain_if_asked(bool more);
  void end_epoch();
  bool reached_end(bool more);
  void fail(const Error& error);
  void warn_of_trouble();
  void refresh_board();
  void set_not_ready(std::string reason);
  Result<const TopicPlan*> plan_of(const std::string& topic);

  WorkerOptions options_;
  const Clock& clock_;
  obs::WorkerMetrics& metrics_;

  // Built and torn down on the worker's thread.
  std::unique_ptr<io::Loop> loop_;
  std::mutex loop_mutex_;  // stop() may come before, or after, there is a loop to wake
  std::unique_ptr<mem::SlabPool> pool_;
  std::unique_ptr<stage::Stage> stage_;
  std::unique_ptr<lake::BlobStore> store_;
  std::unique_ptr<ChunkStore> chunks_;
  std::unique_ptr<Uploader> uploader_;
  std::unique_ptr<BatchWriter> writer_;
  ledger::Protocol protocol_;
  std::unique_ptr<Batcher> batcher_;
  std::unique_ptr<source::Source> source_;
  std::unique_ptr<ClaimedNames> names_;
  std::unique_ptr<Delivery> delivery_;

  std::map<std::string, std::unique_ptr<TopicPlan>> plans_;  // kept: batches point to them
  std::vector<source::Assigned> assignment_;
  std::optional<MonoTime> drain_deadline_;  // of a revoke
  bool starved_ = false;                    // the last records offered found no slab
  std::optional<MonoTime> stage_full_since_;
  bool ending_ = false;  // exit_at_end: every partition of this epoch has reached its end mark
  MonoTime next_end_check_{};
  MonoTime next_tick_{};
  std::optional<Error> failure_;
  std::map<std::uint32_t, std::string> failed_partitions_;  // by slot
  std::vector<source::PartitionState> states_;
  std::vector<obs::PartitionRow> rows_;
  obs::LogGate upload_trouble_gate_{std::chrono::seconds(30)};
  obs::LogGate stage_trouble_gate_{std::chrono::seconds(30)};

  std::atomic<bool> stop_{false};
  std::atomic<bool> leave_now_{false};
  std::atomic<bool> at_end_{false};
  std::atomic<bool> drained_{false};
  mutable std::mutex not_ready_mutex_;
  std::string not_ready_ = "starting";
};

}  // namespace penstock::pipeline
