// A machine with one worker on it: starts it, takes its turns, freezes and kills it. The directory outlives
// the worker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "obs/worker_metrics.h"
#include "pipeline/worker.h"
#include "sim/broker.h"
#include "sim/mutants.h"
#include "sim/sabotage.h"
#include "sim/scenario.h"
#include "sim/sim_disk.h"
#include "sim/sim_lake.h"
#include "sim/sim_loop.h"
#include "sim/verdict.h"

namespace penstock::sim {

// What hosts share. All of it outlives them.
struct Surroundings {
  const Scenario& scenario;
  SimClock& clock;
  Agenda& agenda;
  Faults& faults;
  Broker& broker;
  SimLake& lake;
  Verdict& verdict;
  Mutant mutant;
  Sabotage sabotage;
  std::string group;
};

class Host {
 public:
  Host(const Surroundings& world, std::uint32_t index, std::string dir, Random random);
  ~Host();

  void start();
  bool running() const { return worker_ != nullptr; }

  // When the worker wants its next turn; none: there is none, or it is frozen for longer than anyone waits.
  std::optional<MonoTime> next_turn() const;
  void turn();

  // SIGKILL; with `power` the machine goes down with it.
  enum class Power : std::uint8_t { stays, fails };
  void kill(Power power);
  void freeze_until(MonoTime thaw) { frozen_until_ = std::max(frozen_until_, thaw); }
  void thaw() { frozen_until_ = {}; }
  void stop();  // SIGTERM
  bool stopping() const { return stopping_; }

  std::string not_ready() const { return worker_ ? worker_->not_ready() : "down"; }

 private:
  pipeline::WorkerOptions options();
  Result<pipeline::TopicPlan> plan_for(const std::string& topic) const;
  void ended();
  void expect_bounds();

  const Surroundings& world_;
  std::uint32_t index_;
  std::string dir_;
  Random random_;
  SimDisk disk_;
  std::uint32_t lives_ = 0;
  std::unique_ptr<obs::WorkerMetrics> metrics_;
  ProcessPtr process_;
  SimLoop* loop_ = nullptr;  // the worker's
  std::unique_ptr<pipeline::Worker> worker_;
  MonoTime frozen_until_{};
  bool stopping_ = false;
};

}  // namespace penstock::sim
