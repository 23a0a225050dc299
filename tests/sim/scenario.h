// What one seed decides before the first turn: the shape of the world, of its batches, and of its troubles.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "format/record_format.h"
#include "sim/broker.h"
#include "sim/faults.h"
#include "sim/landings.h"
#include "sim/sim_lake.h"
#include "sim/sim_random.h"

namespace penstock::sim {

struct TopicScenario {
  std::string name;
  std::int32_t partitions = 1;
  Duration max_age{};
  std::uint64_t max_bytes = 0;
  bool by_partition = false;
  format::RecordFormat format;
};

struct Scenario {
  Guarantee guarantee = Guarantee::at_least_once;
  std::vector<TopicScenario> topics;
  bool start_latest = false;

  // Records.
  std::int64_t records = 0;
  std::int64_t value_bytes_max = 0;
  double large_values = 0;
  double empty_values = 0;
  double holes = 0;
  double records_at_start = 0;  // share of them

  // Workers.
  std::uint32_t hosts = 1;
  std::size_t slab_bytes = 0;
  std::size_t slab_count = 0;
  std::uint64_t block_bytes = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t stage_bytes = 0;
  std::uint32_t connections = 1;
  Duration drain_timeout{};
  Duration fence_wait{};
  UncommittedBlocks uncommitted_blocks = UncommittedBlocks::do_not;

  // The group.
  GroupOptions group;
  bool static_members = false;
  Duration heartbeat{};

  // Troubles, until `faults_end`.
  Duration faults_end{};
  FaultRates rates;
  std::uint32_t crashes = 0;
  std::uint32_t power_failures = 0;
  std::uint32_t freezes = 0;
  std::uint32_t graceful_stops = 0;
  std::uint32_t store_outages = 0;
  std::uint32_t group_outages = 0;
};

Scenario make_scenario(Random random, Guarantee guarantee);

// Lines for a person.
std::string describe(const Scenario& scenario);

}  // namespace penstock::sim
