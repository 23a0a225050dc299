// How it works
//
// Everything is drawn from one generator, in the order of the functions. A draw that is added or moved gives
// every seed another scenario. The rest of the world draws from generators of its own.
//
// A kind of trouble is drawn in two steps: whether the world has it, and how much. Most worlds have some
// kinds only. Batches are far smaller than in service, so a few hundred records make many files.
//
// Three worlds in ten are hasty, because independent draws rarely meet in the case that the fence of the
// protocol is there for. Such a world has at least two hosts and three freezes, and sessions of 1.5 to 4 s.
// At least one commit in five becomes visible up to 8 s late:
//
//   1. A worker commits a claim, and its host is frozen before the claim is visible.
//   2. Its session ends, and its partitions go to another worker, which reads the entries too early.
//   3. Then the claim becomes visible. The second read, after fence_wait, has to find it.
#include "sim/scenario.h"

#include <array>
#include <chrono>

#include "base/concat.h"
#include "pipeline/batch_writer.h"
#include "sim/recipes.h"
#include "sim/sim_cluster.h"

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int16_t k_metadata_of_kafka_1 = 5;

// A world has some kinds of trouble and not others: together they would hide each other.
double rate(Random& random, double highest) {
  const bool has = random.chance(0.4);
  const double share = static_cast<double>(random.between(1, 100)) / 100;
  return has ? share * highest : 0;
}

std::uint32_t some(Random& random, std::int64_t most) {
  const bool has = random.chance(0.5);
  const auto count = static_cast<std::uint32_t>(random.between(1, most));
  return has ? count : 0;
}

void choose_topics(Scenario& scenario, Random& random) {
  const std::int64_t topics = random.between(1, 2);
  for (std::int64_t i = 0; i < topics; ++i) {
    TopicScenario topic;
    topic.name = i == 0 ? "api" : "web";
    topic.partitions = static_cast<std::int32_t>(random.between(1, 4));
    topic.max_age = random.between(milliseconds(500), random.chance(0.5) ? seconds(3) : seconds(20));
    topic.max_bytes = random.chance(0.5) ? random.between(500, 5'000) : random.between(5'000, 200'000);
    topic.by_partition = random.chance(0.25);
    const std::uint64_t kind = random.below(10);
    topic.format.compression = kind == 0   ? codec::Compression::gzip
                               : kind == 1 ? codec::Compression::zstd
                                           : codec::Compression::none;
    scenario.topics.push_back(topic);
  }
}

void choose_records(Scenario& scenario, Random& random) {
  scenario.records = random.between(1, random.chance(0.7) ? 150 : 800);
  scenario.value_bytes_max = random.chance(0.8) ? random.between(40, 300) : random.between(300, 4'000);
  scenario.large_values = random.chance(0.2) ? 0.01 : 0;  // larger than a slab
  scenario.empty_values = random.chance(0.3) ? 0.2 : 0;
  scenario.holes = random.chance(0.3) ? 0.1 : 0;
  scenario.records_at_start = random.chance(0.3) ? 1 : static_cast<double>(random.between(0, 50)) / 100;
}

void choose_workers(Scenario& scenario, Random& random) {
  scenario.hosts = static_cast<std::uint32_t>(random.between(1, 3));
  scenario.slab_bytes = 32 << 10;
  const std::uint64_t chunk_bytes = scenario.slab_bytes - stage::k_chunk_header_bytes;
  scenario.block_bytes = random.chance(0.5) ? chunk_bytes : random.between(5'000, 3 * chunk_bytes);
  const auto reserve = pipeline::BatchWriter::reserve_for(
      {.slab_bytes = scenario.slab_bytes, .block_bytes = scenario.block_bytes});
  // A value of two slabs in an envelope's base64 takes four, and 16 to go through an encoder.
  const std::uint64_t for_records = std::max<std::uint64_t>(random.between(15, 24), 16);
  scenario.slab_count = reserve.to_load + reserve.to_end + for_records;
  scenario.segment_bytes = 4096 + scenario.slab_bytes * random.between(2, 5);
  scenario.stage_bytes = scenario.segment_bytes * random.between(2, 8);
  scenario.connections = static_cast<std::uint32_t>(random.between(1, 4));
  scenario.drain_timeout = random.between(seconds(3), seconds(20));
  scenario.fence_wait = random.between(seconds(2), seconds(10));
}

// Sessions and tokens are short, so that a world has many of them.
void choose_login(Scenario& scenario, Random& random) {
  LoginScenario& login = scenario.login;
  login.kind = random.chance(0.5) ? LoginKind::plain : LoginKind::bearer;
  const bool has_end = scenario.troubles[Trouble::kept_sessions] || random.chance(0.7);
  // Where a Fetch, or the wait after a commit whose answer was lost, may outlast a session, each takes a
  // login of its own: all lands in the end, but too slowly to be judged.
  const Duration session =
      std::max<Duration>(random.between(milliseconds(2500), seconds(30)),
                         2 * std::max<Duration>(scenario.fetch_wait, scenario.fence_wait));
  login.session_max = has_end ? session : Duration::zero();
  login.tells_session = scenario.troubles[Trouble::kept_sessions] || random.chance(0.8);
  login.token_life = random.chance(0.3) ? std::chrono::hours(24) : random.between(seconds(6), seconds(60));
  login.changes = some(random, 3);
  login.office_outages = some(random, 2);
  scenario.offered[Api::sasl_handshake] = {0, 1};
  // Kafka 1.0 tells no end of a session, and has none.
  const bool has_sessions = scenario.offered[Api::metadata].highest > k_metadata_of_kafka_1;
  scenario.offered[Api::sasl_authenticate] = {0, static_cast<std::int16_t>(has_sessions ? 1 : 0)};
}

// Envelopes name their records themselves, and have a row for one without a value.
void choose_rows(Scenario& scenario, Random& random) {
  for (TopicScenario& topic : scenario.topics) {
    topic.format.rows = random.chance(0.3) ? format::RowFormat::envelope : format::RowFormat::lines;
  }
}

// What does not meet them is in the quarantine: few values are JSON, and about half are larger than half of
// the usual size.
void choose_rules(Scenario& scenario, Random& random) {
  const bool any = random.chance(0.3);
  for (TopicScenario& topic : scenario.topics) {
    const bool of_topic = random.chance(0.7);
    const bool json = random.chance(0.3);
    const auto bytes_max =
        static_cast<std::uint64_t>(random.between(std::int64_t{1}, scenario.value_bytes_max));
    if (any && of_topic) {
      topic.rules = {.json = json, .value_bytes_max = json ? 0 : bytes_max};
    }
  }
}

// What a broker of Kafka 1.0 offers, one of 2.3, Event Hubs in 2026, and Kafka 3.9.
constexpr std::uint64_t k_event_hubs = 2;
OfferedVersions versions_of(std::uint64_t kind) {
  switch (kind) {
    case 0:
      return {{Api::fetch, {4, 6}},
              {Api::list_offsets, {0, 2}},
              {Api::metadata, {0, k_metadata_of_kafka_1}},
              {Api::offset_commit, {2, 3}},
              {Api::offset_fetch, {1, 3}},
              {Api::find_coordinator, {0, 1}},
              {Api::api_versions, {0, 1}}};
    case 1:
      return {{Api::fetch, {4, 11}},        {Api::list_offsets, {0, 5}}, {Api::metadata, {0, 9}},
              {Api::offset_commit, {2, 7}}, {Api::offset_fetch, {1, 5}}, {Api::find_coordinator, {0, 2}},
              {Api::api_versions, {0, 3}}};
    case k_event_hubs:
      return {{Api::fetch, {4, 6}},         {Api::list_offsets, {0, 8}}, {Api::metadata, {0, 9}},
              {Api::offset_commit, {0, 8}}, {Api::offset_fetch, {0, 8}}, {Api::find_coordinator, {0, 4}},
              {Api::api_versions, {0, 3}}};
    default:
      return newest_versions();
  }
}

void choose_brokers(Scenario& scenario, Random& random) {
  scenario.brokers = static_cast<std::int32_t>(random.between(1, 3));
  for (std::int32_t broker = 1; broker <= scenario.brokers; ++broker) {
    if (broker == 1 || random.chance(0.5)) {
      scenario.bootstrap.push_back(concat("127.0.0.1:", Cluster::port_of(broker)));
    }
  }
  const std::uint64_t kind = random.below(6);
  scenario.offered = versions_of(kind);
  scenario.holds_second_commits = kind == k_event_hubs;
  scenario.closes_on_unknown_versions = random.chance(0.5);
  scenario.response_bytes_max = random.chance(0.5) ? random.between(500, 20'000) : std::size_t{1} << 20;
  scenario.fetch_wait =
      milliseconds(random.chance(0.5) ? random.between(20, 500) : random.between(500, 3'000));
}

void choose_group(Scenario& scenario, Random& random) {
  scenario.group = {.session_timeout = random.between(seconds(6), seconds(20)),
                    .rebalance_timeout = random.between(seconds(8), seconds(60)),
                    .first_rebalance_delay = random.between(seconds(0), seconds(3)),
                    .round_robin = random.chance(0.5)};
  scenario.static_members = random.chance(0.5);
  scenario.heartbeat = random.between(milliseconds(300), seconds(2));
}

// A group that gives up its members sooner than its commits become visible: what the fence is there for.
void make_hasty(Scenario& scenario, Random& random) {
  scenario.group.session_timeout = random.between(milliseconds(1500), seconds(4));
  scenario.group.rebalance_timeout = random.between(seconds(1), seconds(6));
  scenario.heartbeat = random.between(milliseconds(200), milliseconds(500));
  scenario.fence_wait = random.between(seconds(6), seconds(10));
  scenario.drain_timeout = random.between(seconds(5), seconds(20));
  scenario.hosts = static_cast<std::uint32_t>(random.between(2, 3));
  scenario.rates.commit_visible_late = static_cast<double>(random.between(20, 80)) / 100;
  scenario.freezes = static_cast<std::uint32_t>(random.between(3, 15));
}

void choose_troubles(Scenario& scenario, Random& random) {
  scenario.faults_end = random.between(seconds(20), seconds(90));
  FaultRates& rates = scenario.rates;
  rates.disk_slow = rate(random, 0.1);
  rates.disk_short = rate(random, 0.3);
  rates.disk_write_error = rate(random, 0.2);
  rates.disk_full = rate(random, 0.3);
  rates.disk_read_error = rate(random, 0.02);
  rates.store_slow = rate(random, 0.3);
  rates.store_refused = rate(random, 0.5);
  rates.store_reply_lost = rate(random, 0.3);
  rates.store_late = rate(random, 0.3);
  rates.store_lost = rate(random, 0.2);
  rates.store_loses_blocks = random.chance(0.3) ? 0.3 : 0;
  rates.net_slow = rate(random, 0.3);
  rates.net_cut = rate(random, 0.5);
  rates.net_reset = rate(random, 0.1);
  rates.net_refused = rate(random, 0.3);
  rates.entry_unread = rate(random, 0.3);
  rates.commit_not_done = rate(random, 0.3);
  rates.commit_partly = rate(random, 0.4);
  rates.commit_lost = rate(random, 0.3);
  rates.commit_reply_lost = rate(random, 0.3);
  rates.commit_late = rate(random, 0.3);
  rates.commit_visible_late = rate(random, 0.5);
  rates.worker_stalls = rate(random, 0.01);
  scenario.crashes = some(random, 5);
  scenario.power_failures = random.chance(0.3) ? some(random, 3) : 0;
  scenario.freezes = some(random, 4);
  scenario.graceful_stops = some(random, 4);
  scenario.store_outages = random.chance(0.3) ? 1 : 0;
  scenario.group_outages = random.chance(0.2) ? 1 : 0;
}

void choose_cluster_troubles(Scenario& scenario, Random& random) {
  for (const TroubleName& each : k_troubles) {
    scenario.troubles.set(each.trouble, random.chance(0.25) && each.by_default);
  }
  // What is written to a partition before anybody hears of it is not wanted then.
  if (scenario.start_latest) {
    scenario.troubles.set(Trouble::new_partitions, false);
    scenario.troubles.set(Trouble::retention, false);
  }
  if (scenario.troubles[Trouble::exit_at_end]) {
    make_bounded(scenario);
  }
  if (scenario.troubles[Trouble::retention]) {
    scenario.on_data_loss = source::OnDataLoss::go_on;
  }
  scenario.rates.commit_denied = rate(random, 0.3);
  scenario.rates.throttled = scenario.troubles[Trouble::throttling] ? 0.2 : 0;
}

std::string seconds_of(Duration duration) {
  return concat(std::chrono::duration_cast<milliseconds>(duration).count(), " ms");
}

}  // namespace

Scenario make_scenario(Random random, Guarantee guarantee, std::string_view recipe) {
  Scenario scenario;
  scenario.guarantee = guarantee;
  choose_topics(scenario, random);
  choose_records(scenario, random);
  choose_workers(scenario, random);
  choose_brokers(scenario, random);
  choose_group(scenario, random);
  choose_troubles(scenario, random);
  if (random.chance(0.3)) {
    make_hasty(scenario, random);
  }
  // At-least-once commits a start only with the first batch: what a crash before it left out was never
  // promised.
  scenario.start_latest = random.chance(0.1) && guarantee == Guarantee::exactly_once;
  scenario.uncommitted_blocks =
      random.chance(0.5) ? UncommittedBlocks::take_the_name : UncommittedBlocks::do_not;
  choose_cluster_troubles(scenario, random);
  scenario.store_credential_ends = scenario.troubles[Trouble::store_credential] ? 1 : 0;
  if (const Recipe* const named = recipe_of(recipe)) {
    named->prepare(scenario, random);
  }
  if (scenario.troubles[Trouble::logins]) {
    choose_login(scenario, random);
  }
  choose_rows(scenario, random);
  choose_rules(scenario, random);
  return scenario;
}

OfferedVersions newest_versions() {
  return {{Api::fetch, {4, 11}},       {Api::list_offsets, {1, 5}},
          {Api::metadata, {0, 12}},    {Api::offset_commit, {2, 7}},
          {Api::offset_fetch, {1, 5}}, {Api::find_coordinator, {0, 2}},
          {Api::api_versions, {0, 3}}, {Api::offset_for_leader_epoch, {2, 3}}};
}

void make_bounded(Scenario& scenario) {
  scenario.troubles.set(Trouble::exit_at_end);
  scenario.records_at_start = 1;
  scenario.start_latest = false;
  scenario.troubles.set(Trouble::new_partitions, false);
  scenario.troubles.set(Trouble::transactions, false);
}

std::string describe(const Scenario& scenario) {
  std::string text;
  for (const TopicScenario& topic : scenario.topics) {
    text += concat("topic ", topic.name, ": ", topic.partitions, " partitions, batches of ",
                   seconds_of(topic.max_age), " or ", topic.max_bytes, " bytes",
                   topic.by_partition ? ", a partition each" : "", format::file_extension(topic.format),
                   topic.rules.json ? ", JSON alone" : "",
                   topic.rules.value_bytes_max > 0
                       ? concat(", values of ", topic.rules.value_bytes_max, " bytes at most")
                       : "",
                   "\n");
  }
  text +=
      concat(scenario.records, " records, ", scenario.hosts, " hosts, ",
             scenario.static_members ? "static" : "dynamic", " members, ", scenario.slab_count, " slabs of ",
             scenario.slab_bytes, ", blocks of ", scenario.block_bytes, ", stage of ", scenario.stage_bytes,
             " in segments of ", scenario.segment_bytes, ", ", scenario.connections, " connections\n");
  text += concat("session ", seconds_of(scenario.group.session_timeout), ", rebalance ",
                 seconds_of(scenario.group.rebalance_timeout), ", drain ", seconds_of(scenario.drain_timeout),
                 ", fence ", seconds_of(scenario.fence_wait), ", heartbeat ", seconds_of(scenario.heartbeat),
                 "\n");
  text += concat(scenario.brokers, " brokers, ", scenario.bootstrap.size(), " of them named, ",
                 "responses of ", scenario.response_bytes_max, " after ", scenario.fetch_wait.count(),
                 " ms, Metadata up to ", scenario.offered.at(Api::metadata).highest, "\n");
  text +=
      concat(scenario.crashes, " crashes, ", scenario.power_failures, " power failures, ", scenario.freezes,
             " freezes, ", scenario.graceful_stops, " graceful stops, ", scenario.store_outages,
             " store outages, ", scenario.store_credential_ends, " ends of its credential, ",
             scenario.group_outages, " group outages, until ", seconds_of(scenario.faults_end), "\n");
  if (const LoginScenario& login = scenario.login; login.kind != LoginKind::none) {
    text += concat("logins by ", login.kind == LoginKind::plain ? "a password" : "tokens", ", sessions of ",
                   seconds_of(login.session_max), login.tells_session ? "" : " untold", ", tokens of ",
                   seconds_of(login.token_life), ", ", login.changes, " changes, ", login.office_outages,
                   " outages of the office\n");
  }
  const FaultRates& rates = scenario.rates;
  const std::array<std::pair<const char*, double>, 25> all{
      {{"disk_slow", rates.disk_slow},
       {"disk_short", rates.disk_short},
       {"disk_write_error", rates.disk_write_error},
       {"disk_full", rates.disk_full},
       {"disk_read_error", rates.disk_read_error},
       {"store_slow", rates.store_slow},
       {"store_refused", rates.store_refused},
       {"store_reply_lost", rates.store_reply_lost},
       {"store_late", rates.store_late},
       {"store_lost", rates.store_lost},
       {"store_loses_blocks", rates.store_loses_blocks},
       {"net_slow", rates.net_slow},
       {"net_cut", rates.net_cut},
       {"net_reset", rates.net_reset},
       {"net_refused", rates.net_refused},
       {"entry_unread", rates.entry_unread},
       {"commit_not_done", rates.commit_not_done},
       {"commit_partly", rates.commit_partly},
       {"commit_refused", rates.commit_refused},
       {"commit_denied", rates.commit_denied},
       {"commit_lost", rates.commit_lost},
       {"commit_reply_lost", rates.commit_reply_lost},
       {"commit_late", rates.commit_late},
       {"commit_visible_late", rates.commit_visible_late},
       {"worker_stalls", rates.worker_stalls}}};
  for (const auto& [name, value] : all) {
    if (value > 0) {
      text += concat(name, " ", std::to_string(value).substr(0, 5), "  ");
    }
  }
  text += "\n";
  for (const TroubleName& each : k_troubles) {
    text += scenario.troubles[each.trouble] ? concat(each.name, "  ") : "";
  }
  return text + "\n";
}

}  // namespace penstock::sim
