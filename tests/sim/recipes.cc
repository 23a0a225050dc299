// How it works
//
// A recipe is one function. It gets the world that chance has drawn, and changes what its fault needs. Most
// begin with calm(), which takes all other troubles away. For example, refused_start on the world of seed 1:
//
//   1. Chance drew three hosts, two topics, crashes and lost commits. calm() leaves the hosts and the topics.
//   2. source.start is latest, so each partition's start has to be committed before anything of it is
//      claimed.
//   3. Commits of the last topic, `web`, are refused from the beginning.
//   4. A worker with the fault makes one commit of all starts, which is refused again and again. So `api`
//      never lands, and the world says so when it has waited long enough.
#include "sim/recipes.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "sim/scenario.h"

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Nothing goes wrong but what the recipe adds. Two topics at least.
void calm(Scenario& scenario) {
  scenario.rates = {};
  scenario.troubles.clear();
  scenario.on_data_loss = source::OnDataLoss::stop;
  scenario.start_latest = false;
  scenario.crashes = scenario.power_failures = scenario.freezes = scenario.graceful_stops = 0;
  scenario.store_outages = scenario.group_outages = scenario.store_credential_ends = 0;
  scenario.holes = 0;
  scenario.large_values = 0;
  scenario.records = std::max<std::int64_t>(scenario.records, 100);
  if (scenario.topics.size() == 1) {
    scenario.topics.push_back(scenario.topics.front());
    scenario.topics.back().name = "web";
  }
}

// Reading goes on at the old position of the new log, and what lies before is skipped without a word. The
// brokers tell topic ids: without them, what happens while nothing is fetched may pass unseen.
void topic_made_anew(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.troubles.set(Trouble::topic_made_anew);
  scenario.offered = newest_versions();
}

// One partition whose start cannot be committed keeps every other from being claimed.
void refused_start(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.start_latest = true;
  scenario.records_at_start = 0;
  scenario.troubles.set(Trouble::commits_refused);
  scenario.refused_from_start = true;
}

// A finish that is refused for good is made again for ever: no stop ends.
void refused_finish(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.store_outages = 1;
  scenario.rates.store_slow = 0.8;
  scenario.rates.store_refused = 0.5;
  scenario.troubles.set(Trouble::topic_deleted);
}

// A claim that is refused for good drops all later batches each time: the other topic never lands.
void refused_claim(Scenario& scenario, Random& random) {
  calm(scenario);
  scenario.hosts = 1;
  scenario.troubles.set(Trouble::commits_refused);
  scenario.refused_from_start = true;
  scenario.refusal = wire::ErrorCode::offset_metadata_too_large;
  scenario.records_at_start = 1;
  scenario.topics.front().max_age = seconds(60);
  scenario.topics.front().max_bytes = 10'000'000;
  scenario.topics.back().max_age = random.between(milliseconds(500), seconds(5));
}

// An entry that has changed at the fence, while the assignment ends: the source is asked to hold.
void fence_while_ending(Scenario& scenario, Random& random) {
  scenario.hosts = 2;
  scenario.group.session_timeout = random.between(milliseconds(1500), seconds(3));
  scenario.group.rebalance_timeout = random.between(seconds(5), seconds(15));
  scenario.heartbeat = milliseconds(300);
  scenario.fence_wait = seconds(8);
  scenario.drain_timeout = seconds(15);
  scenario.rates.commit_visible_late = 0.8;
  scenario.freezes = 15;
  scenario.troubles.set(Trouble::strict_ending);
}

// The claim after it was refused: the batch before it is published, and never finished.
void swallowed_finish(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.rates.commit_refused = 0.3;
  scenario.graceful_stops = 20;
}

// A log that an election has cut is read on at the old position. The brokers could tell.
void truncated_log(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.troubles.set(Trouble::truncation);
  scenario.offered = newest_versions();
  scenario.records_at_start = 0;
}

// on_data_loss: continue does not go on.
void entries_beyond_end(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.troubles.set(Trouble::entries_beyond_end);
  scenario.on_data_loss = source::OnDataLoss::go_on;
}

// The losses of many partitions are too much for a blob's metadata: publishing can never succeed.
void losses_of_many_partitions(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.hosts = 1;
  scenario.topics.resize(1);
  TopicScenario& topic = scenario.topics.front();
  topic.partitions = 200;
  topic.by_partition = false;
  topic.max_age = seconds(10);
  topic.max_bytes = 10'000'000;
  scenario.first_offset = Position{1'000'000'000'000};
  scenario.value_bytes_max = 40;
  scenario.records = 2'000;
  scenario.records_at_start = 1;
  scenario.troubles.set(Trouble::old_entries);
  scenario.on_data_loss = source::OnDataLoss::go_on;
}

// A right that is missing for a moment stops a partition for the rest of its assignment.
void passing_refusal(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.troubles.set(Trouble::passing_refusal);
}

// What is written to a partition before it is heard of is skipped.
void new_partition_at_latest(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.start_latest = true;
  scenario.troubles.set(Trouble::new_partitions);
}

// The assumption about fence_wait does not hold: an old claim arrives over a newer entry.
void later_than_fence(Scenario& scenario, Random&) {
  scenario.troubles.set(Trouble::later_than_fence);
  scenario.rates.commit_late = 0.3;
  scenario.crashes = std::max(scenario.crashes, 5U);
}

// A worker that was frozen puts a blob whose tombstone somebody has deleted meanwhile: records land twice.
void tidied_lake(Scenario& scenario, Random& random) {
  calm(scenario);
  scenario.hosts = 2;
  scenario.group.session_timeout = random.between(milliseconds(1500), seconds(3));
  scenario.heartbeat = milliseconds(300);
  scenario.fence_wait = random.between(milliseconds(500), milliseconds(1500));
  scenario.rates.store_refused = 0.6;
  scenario.freezes = 15;
  scenario.troubles.set(Trouble::lake_tidied);
}

// Some thousands of batches are sealed while the store is away: afterwards each of them costs its commits.
void long_outage(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.hosts = 1;
  scenario.records = 3'000;
  scenario.value_bytes_max = 40;
  for (TopicScenario& topic : scenario.topics) {
    topic.max_bytes = 40;
    topic.by_partition = true;
  }
  scenario.stage_bytes = 40 * scenario.segment_bytes;
  scenario.outage_from_start = true;
}

// The store takes fewer requests than there are: those that it turns away are sent again at once, and again.
// A file may have one record, and Event Hubs takes one commit of a partition a second: fewer records there.
void busy_store(Scenario& scenario, Random& random) {
  calm(scenario);
  scenario.records = scenario.holds_second_commits ? 1'000 : 2'000;
  scenario.value_bytes_max = 60;
  scenario.records_at_start = 0.9;
  scenario.connections = 8;
  for (TopicScenario& topic : scenario.topics) {
    topic.by_partition = true;
    topic.max_bytes = 300;
  }
  scenario.store_per_second = static_cast<double>(random.between(4, 30));
  scenario.faults_end = seconds(90);
}

// The store takes no file of one topic, and then all: what was refused waits for ever, or is read no more.
void refused_topic(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.records_at_start = 1;
  scenario.stage_bytes = 40 * scenario.segment_bytes;
  scenario.records = 2'000;
  scenario.refuses_last_topic = true;
  scenario.group.rebalance_timeout = seconds(60);  // a drain waits in vain for what is refused
  scenario.faults_end = seconds(150);
}

// Workers that have reached the ends of their own partitions end, and leave those of a member that is dead.
// Or a batch was dropped, is to be read again, and is not.
void bounded_run(Scenario& scenario, Random&) {
  make_bounded(scenario);
}

// Sessions end under a worker that does not log in again in time, or a token that was refused is shown for
// ever.
void expiring_logins(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.troubles.set(Trouble::logins);
  scenario.troubles.set(Trouble::kept_sessions);
  scenario.offered = newest_versions();
}

// What stands still at the end does so for no other reason: members are not put out while they drain, and
// there is not so much that landing it takes until then.
void patient(Scenario& scenario) {
  scenario.records = 150;
  scenario.holds_second_commits = false;
  scenario.group.session_timeout = seconds(20);
  scenario.group.rebalance_timeout = seconds(60);
}

// One broker is named, and it goes away while the others lead: a worker that asks nobody else stands still.
void named_broker_away(Scenario& scenario, Random&) {
  calm(scenario);
  scenario.brokers = 3;
  scenario.bootstrap.resize(1);
  patient(scenario);
  scenario.troubles.set(Trouble::named_broker_away);
  scenario.records_at_start = 1;
  scenario.faults_end = seconds(120);
}

// One partition has no leader from the beginning: no other one is read.
void partition_without_leader(Scenario& scenario, Random&) {
  calm(scenario);
  patient(scenario);
  scenario.troubles.set(Trouble::no_leader_at_all);
  scenario.records_at_start = 1;
  scenario.faults_end = seconds(90);
}

// What a store refuses as its credential has ended is given up, or costs the batch its file.
void ended_store_credential(Scenario& scenario, Random& random) {
  calm(scenario);
  scenario.records = 1'000;
  scenario.store_credential_ends = static_cast<std::uint32_t>(random.between(1, 4));
  scenario.graceful_stops = 2;
}

constexpr std::array k_recipes{
    Recipe{"topic_made_anew", topic_made_anew},
    Recipe{"refused_start", refused_start},
    Recipe{"refused_finish", refused_finish},
    Recipe{"refused_claim", refused_claim},
    Recipe{"fence_while_ending", fence_while_ending},
    Recipe{"new_partition_at_latest", new_partition_at_latest},
    Recipe{"later_than_fence", later_than_fence},
    Recipe{"swallowed_finish", swallowed_finish},
    Recipe{"truncated_log", truncated_log},
    Recipe{"entries_beyond_end", entries_beyond_end},
    Recipe{"losses_of_many_partitions", losses_of_many_partitions},
    Recipe{"passing_refusal", passing_refusal},
    Recipe{"bounded_run", bounded_run},
    Recipe{"tidied_lake", tidied_lake},
    Recipe{"long_outage", long_outage},
    Recipe{"busy_store", busy_store},
    Recipe{"refused_topic", refused_topic},
    Recipe{"named_broker_away", named_broker_away},
    Recipe{"partition_without_leader", partition_without_leader},
    Recipe{"expiring_logins", expiring_logins},
    Recipe{"ended_store_credential", ended_store_credential},
};

}  // namespace

std::span<const Recipe> recipes() {
  return k_recipes;
}

const Recipe* recipe_of(std::string_view name) {
  const auto found = std::ranges::find(k_recipes, name, &Recipe::name);
  return found == k_recipes.end() ? nullptr : found;
}

}  // namespace penstock::sim
