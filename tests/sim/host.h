// A machine with one worker on it: starts it, takes its turns, freezes and kills it. The directory outlives
// the worker.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "obs/worker_metrics.h"
#include "pipeline/group_end.h"
#include "pipeline/worker.h"
#include "sim/sim_disk.h"
#include "sim/sim_loop.h"
#include "sim/sim_member.h"
#include "sim/surroundings.h"
#include "sim/watched_source.h"

namespace penstock::sim {

class Host {
 public:
  // What a worker says of a partition.
  struct Told {
    std::function<void(const TopicPartition&, const Error&)> stopped;  // it cannot go on
    std::function<void(const TopicPartition&)> doubted;                // it may have been made anew
  };

  Host(const Surroundings& world, std::uint32_t index, std::string dir, Told told, Random random);
  ~Host();

  void start();
  bool running() const { return worker_ != nullptr; }
  // It ran to the ends of the logs, and has ended.
  bool done() const { return worker_ == nullptr && at_end_; }

  // When the worker wants its next turn; none: there is none, or it is frozen for longer than anyone waits.
  std::optional<MonoTime> next_turn() const;
  void turn();

  // SIGKILL; with `power` the machine goes down with it.
  enum class Power : std::uint8_t { stays, fails };
  void kill(Power power);
  void freeze_until(MonoTime thaw) { frozen_until_ = std::max(frozen_until_, thaw); }
  void thaw() { frozen_until_ = {}; }
  void stop();   // SIGTERM
  void leave();  // another, if it is stopping
  bool stopping() const { return stopping_; }

  std::string not_ready() const { return worker_ ? worker_->not_ready() : "down"; }

 private:
  pipeline::WorkerOptions options();
  Result<std::unique_ptr<source::Source>> make_source(io::Loop& loop);
  Result<pipeline::TopicPlan> plan_for(const std::string& topic) const;
  void ended();
  bool is_closed_by_another(const std::string& claim) const;
  std::string unfinished_claim() const;
  void expect_bounds();

  const Surroundings& world_;
  std::uint32_t index_;
  std::string dir_;
  const Told told_;
  Random random_;
  SimDisk disk_;
  std::uint32_t lives_ = 0;
  std::uint64_t turns_ = 0;
  std::unique_ptr<obs::WorkerMetrics> metrics_;
  ProcessPtr process_;
  SimLoop* loop_ = nullptr;  // the worker's, as those behind it
  WatchedSource* source_ = nullptr;
  SimMember* member_ = nullptr;
  std::unique_ptr<pipeline::Worker> worker_;
  MonoTime frozen_until_{};
  bool stopping_ = false;
  bool left_ = false;
  bool at_end_ = false;
  std::unique_ptr<pipeline::GroupEnd> group_end_;  // with exit_at_end
};

}  // namespace penstock::sim
