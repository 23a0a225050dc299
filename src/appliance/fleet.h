// The workers of a process: their threads, what becomes of them, and what they tell together.
//
// Who may look at what: `mutex_` guards what the workers' threads tell. The set of workers is complete when
// start() has been called, and does not change afterwards. Until then everything here finds no worker, from
// any thread. What is read of a worker after that may be read from any thread without a lock.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <penstock/penstock.h>

#include "appliance/liveness.h"
#include "appliance/run_limits.h"
#include "base/clock.h"
#include "obs/worker_metrics.h"
#include "pipeline/worker.h"

namespace penstock::appliance {

class Fleet {
 public:
  Fleet() = default;

  // join() first, if it was started.
  ~Fleet() = default;
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Before start(). The workers' numbers are dense from 0.
  void add(pipeline::WorkerOptions options);

  // Each worker gets a thread.
  void start();
  void join();

  // To every worker.
  void stop();
  void leave_now();

  struct View {
    bool all_started = true;
    bool all_ended = true;
    bool all_at_end = true;          // with exit_at_end, of the own partitions
    std::optional<Error> failure{};  // of the first worker in the list that failed
    std::uint64_t progress = 0;      // grows when something gets to the store or to the group
    std::uint64_t changes = 0;       // for wait()
  };
  View look() const;

  // Until a worker has started, come to its end marks or ended since the view was taken, wake() is called,
  // or the time is over.
  void wait(const View& since, Duration longest);

  // From any thread.
  void wake() { changed_.notify_all(); }
  bool started() const { return complete_.load(std::memory_order_acquire); }
  Counters counters() const;
  Unpublished unpublished() const;
  std::vector<const obs::WorkerMetrics*> metrics() const;

  // Of every worker.
  std::vector<Pulse> pulses() const;

  // Empty: every worker takes records and ships them.
  std::string not_ready() const;

 private:
  struct Running {
    std::unique_ptr<obs::WorkerMetrics> metrics;
    std::unique_ptr<pipeline::Worker> worker;
    std::thread thread;
    bool started = false;
    std::optional<Result<void>> outcome;
  };

  void run(Running& running);
  void tell_change();

  std::atomic<bool> complete_{false};
  mutable std::mutex mutex_;  // of `started` and `outcome` of the workers, and of changes_
  std::condition_variable changed_;
  std::uint64_t changes_ = 0;
  std::deque<Running> workers_;
};

}  // namespace penstock::appliance
