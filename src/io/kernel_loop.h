// The half of a loop that does not depend on how the kernel is asked: the order of one turn, timers, deferred
// tasks, the pool of operations and the table of watches, and the check that one thread owns it all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "io/loop.h"
#include "io/operation.h"
#include "io/timer_heap.h"
#include "io/watch_table.h"

namespace penstock::io {

// No device gains from a longer queue. A longer one that is asked for is cut.
inline constexpr std::uint32_t k_queue_entries_max = 4096;

// options.queue_entries within 1 and k_queue_entries_max.
std::uint32_t queue_entries(const LoopOptions& options);

class KernelLoop : public Loop {
 public:
  ~KernelLoop() override;

  void write_at(int fd, Bytes bytes, std::uint64_t offset, Completion done) final;
  void read_at(int fd, MutableBytes bytes, std::uint64_t offset, Completion done) final;
  void sync_data(int fd, Completion done) final;

  void connect(int fd, const SocketAddress& address, Completion done) final;
  void send(int fd, Bytes bytes, Completion done) final;
  void receive(int fd, MutableBytes bytes, Completion done) final;

  TimerId start_timer(Duration after, std::function<void()> due) final;
  void cancel_timer(TimerId timer) final;
  void defer(std::function<void()> task) final;

  // Deferred tasks first, so that what they ask for is submitted with the rest; then the turn; then timers.
  void run_once(Duration wait) final;

  const Grant& grant() const final { return grant_; }

 protected:
  // The calling thread is the owner.
  KernelLoop(const LoopOptions& options, const Clock& clock);

  // Takes over an operation that is filled in. Its answer goes to finish(), from within turn().
  virtual void start(Operation& operation) = 0;

  // Submits what was asked, sleeps for at most `sleep` until something is ready, and runs the callbacks of
  // all that is.
  virtual void turn(Duration sleep) = 0;

  // Runs the completion of an operation that has its result.
  void finish(Operation& operation);

  // The call comes from the thread that made this (CHECK).
  void check_owner() const;

  Grant grant_;
  OperationPool operations_;
  WatchTable watches_;

 private:
  Operation& filled(Operation::Kind kind, int fd, MutableBytes bytes, std::uint64_t offset, Completion done);
  void run_deferred();
  Duration sleep_at_most(Duration wait) const;

  const Clock& clock_;
  const std::thread::id owner_;
  TimerHeap timers_;
  std::vector<std::function<void()>> deferred_;
  // The tasks of this turn. A member for the sake of its capacity.
  std::vector<std::function<void()>> running_;
  bool in_turn_ = false;
};

}  // namespace penstock::io
