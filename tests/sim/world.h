// One seed's world: runs it to its end and says what came of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/request_limit.h"
#include "sim/broker.h"
#include "sim/broker_front.h"
#include "sim/faults.h"
#include "sim/host.h"
#include "sim/landings.h"
#include "sim/mutants.h"
#include "sim/sabotage.h"
#include "sim/scenario.h"
#include "sim/sim_clock.h"
#include "sim/sim_cluster.h"
#include "sim/sim_lake.h"
#include "sim/sim_network.h"
#include "sim/surroundings.h"
#include "sim/topic_life.h"
#include "sim/verdict.h"

namespace penstock::sim {

struct WorldOptions {
  std::uint64_t seed = 0;
  Guarantee guarantee = Guarantee::exactly_once;
  Mutant mutant = Mutant::none;
  std::string recipe = {};  // of recipes.h
  Sabotage sabotage = Sabotage::none;
  bool verbose = false;
  std::string dir = {};  // for the stages of its hosts; gone when it ends
};

struct Outcome {
  std::optional<std::string> failure;
  std::uint64_t digest = 0;  // of everything that happened
  std::uint64_t blobs = 0;
  std::uint64_t records = 0;
  std::uint64_t tombstones = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t turns = 0;
};

class World {
 public:
  explicit World(const WorldOptions& options);
  ~World();

  // Troubles until they end, then until everything has landed and every worker has stopped.
  Outcome run();

 private:
  void plan_troubles();
  void trouble(void (World::*what)(Host&));
  void plan_outage(bool Faults::*which);
  void crash(Host& host);
  void power_failure(Host& host);
  void freeze(Host& host);
  void stop_gracefully(Host& host);
  void tidy_later(const std::string& name);
  void start_again_later(Host& host);
  void end_of_troubles();
  void judge_limits();
  void look_for_rest();
  bool all_committed();
  bool step();
  MonoTime any_time();

  WorldOptions options_;
  Random random_;
  Scenario scenario_;
  SimClock clock_;
  const MonoTime begin_ = clock_.now();
  Verdict verdict_;
  Agenda agenda_;
  Faults faults_;
  Cluster cluster_;
  Broker broker_;
  SimNetwork network_;
  Credentials credentials_;
  BrokerFront front_;
  SimLake lake_;
  Landings landings_;
  pipeline::RequestLimit request_limit_{{.workers = scenario_.hosts, .connections = scenario_.connections}};
  Surroundings surroundings_;
  TopicLife topics_;
  std::vector<std::unique_ptr<Host>> hosts_;
  bool at_rest_ = false;
  std::uint64_t turns_ = 0;
};

}  // namespace penstock::sim
