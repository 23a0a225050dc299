// What one seed decides before the first turn: the shape of the world, of its batches, and of its troubles.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "format/record_format.h"
#include "sim/broker.h"
#include "sim/credentials.h"
#include "sim/faults.h"
#include "sim/kafka_message.h"
#include "sim/landings.h"
#include "sim/sim_lake.h"
#include "sim/sim_random.h"
#include "sim/troubles.h"
#include "source/consumer_options.h"
#include "wire/error_code.h"

namespace penstock::sim {

struct TopicScenario {
  std::string name;
  std::int32_t partitions = 1;
  Duration max_age{};
  std::uint64_t max_bytes = 0;
  bool by_partition = false;
  format::RecordFormat format;
  format::RecordRules rules;
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

  // The brokers.
  std::int32_t brokers = 1;
  std::vector<std::string> bootstrap;  // those that the configuration names
  OfferedVersions offered;
  bool closes_on_unknown_versions = false;
  bool holds_second_commits = false;  // as Event Hubs does
  LoginScenario login;
  std::size_t response_bytes_max = 0;
  std::chrono::milliseconds fetch_wait{};

  Position first_offset{0};  // of every log
  source::OnDataLoss on_data_loss = source::OnDataLoss::stop;
  Troubles troubles;
  wire::ErrorCode refusal = wire::ErrorCode::topic_authorization_failed;  // of commits_refused
  bool refused_from_start = false;

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
  std::uint32_t store_credential_ends = 0;
  bool outage_from_start = false;  // of the store, until the troubles end
  double store_per_second = 0;  // requests that it takes until then, of the hosts as workers of one process
  bool refuses_last_topic = false;  // until then the store takes no file of the last topic
  std::uint32_t group_outages = 0;
};

// `recipe`: the name of a world of recipes.h; empty: whatever chance brings.
Scenario make_scenario(Random random, Guarantee guarantee, std::string_view recipe);

// What a broker of Kafka 3.9 offers; of it what BrokerFront can serve.
OfferedVersions newest_versions();

// Workers end by themselves at the ends of the logs. Everything is there when they start: what comes later is
// not theirs.
void make_bounded(Scenario& scenario);

// Lines for a person.
std::string describe(const Scenario& scenario);

}  // namespace penstock::sim
