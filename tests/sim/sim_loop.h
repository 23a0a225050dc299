// The Loop seam in virtual time: run_once never sleeps, it runs what is due and says when it wants to run
// next.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "io/loop.h"
#include "io/timer_heap.h"
#include "sim/faults.h"
#include "sim/process.h"
#include "sim/sabotage.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_network.h"
#include "sim/sim_random.h"

namespace penstock::sim {

class SimLoop final : public io::Loop {
 public:
  // All but `process` outlive it.
  SimLoop(const SimClock& clock, SimDisk& disk, SimNetwork& network, const Faults& faults, ProcessPtr process,
          Sabotage sabotage, Random random);
  ~SimLoop() override;

  // The process dies now: what it was writing is torn, nothing of it is heard any more.
  void kill();

  // Read errors that were injected: after one a worker may end itself.
  std::uint64_t read_errors() const { return read_errors_; }

  void register_memory(MutableBytes region) override;
  void write_at(int fd, Bytes bytes, std::uint64_t offset, io::Completion done) override;
  void read_at(int fd, MutableBytes bytes, std::uint64_t offset, io::Completion done) override;
  void sync_data(int fd, io::Completion done) override;

  // Sockets. A descriptor is only the name of a link of the simulated network: the kernel never connects it.
  void connect(int fd, const io::SocketAddress& address, io::Completion done) override;
  void send(int fd, Bytes bytes, io::Completion done) override;
  void receive(int fd, MutableBytes bytes, io::Completion done) override;
  void cancel(int fd) override;

  // Not of this world: nothing in it is waited for by readiness.
  void watch(int fd, io::Interest interest, std::function<void(io::Interest)> ready) override;
  void unwatch(int fd) override;

  io::TimerId start_timer(Duration after, std::function<void()> due) override;
  void cancel_timer(io::TimerId timer) override;
  void defer(std::function<void()> task) override;
  void wake() override;
  void run_once(Duration wait) override;
  const io::Grant& grant() const override { return grant_; }

 private:
  struct FileWrite {
    int fd;
    Bytes bytes;
    std::uint64_t offset;
  };

  Duration disk_delay();
  bool run_mail();

  const SimClock& clock_;
  SimDisk& disk_;
  SimNetwork& network_;
  const Faults& faults_;
  ProcessPtr process_;
  Sabotage sabotage_;
  Random random_;
  io::Grant grant_{.backend = io::Backend::simulated,
                   .flags = {},
                   .registered_bytes = 0,
                   .memlock_bytes = 0,
                   .reason = {}};
  io::TimerHeap timers_;
  std::vector<std::function<void()>> deferred_;
  std::map<int, LinkPtr> links_;  // by their descriptors
  std::map<std::uint64_t, FileWrite> writing_;
  std::uint64_t last_write_ = 0;
  std::uint64_t read_errors_ = 0;
};

}  // namespace penstock::sim
