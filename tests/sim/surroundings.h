// What the parts of a world share. All of it outlives them.
#pragma once

#include <algorithm>
#include <string>

#include "pipeline/request_limit.h"
#include "sim/broker.h"
#include "sim/broker_front.h"
#include "sim/credentials.h"
#include "sim/faults.h"
#include "sim/landings.h"
#include "sim/sabotage.h"
#include "sim/scenario.h"
#include "sim/sim_clock.h"
#include "sim/sim_cluster.h"
#include "sim/sim_lake.h"
#include "sim/sim_network.h"
#include "sim/verdict.h"

namespace penstock::sim {

struct Surroundings {
  const Scenario& scenario;
  SimClock& clock;
  Agenda& agenda;
  Faults& faults;
  Cluster& cluster;
  Broker& broker;
  Credentials& credentials;
  BrokerFront& front;
  SimNetwork& network;
  SimLake& lake;
  Landings& landings;
  pipeline::RequestLimit& request_limit;
  Verdict& verdict;
  Sabotage sabotage;
  std::string group;

  // Not all of the partition has to land: it is gone, its commits are refused for good, or a worker has said
  // that it cannot go on.
  bool excused(const TopicPartition& id) const {
    return !cluster.logs.at(id).exists || cluster.topics.at(id.topic).committing != wire::ErrorCode::none ||
           landings.excused(id);
  }
  bool any_excused() const {
    return std::ranges::any_of(cluster.logs, [this](const auto& each) { return excused(each.first); });
  }
};

}  // namespace penstock::sim
