// How it works
//
// There is one thread and one clock. Each step does what is due first: the next event of the agenda, or the
// earliest turn that a host wants. The clock jumps to it. The arrival of a request is an event. Its answer is
// mail of the process that asked, and mail brings the turn of that process forward:
//
//   2.000 s  Host 0 has a turn and sends a blob. The arrival is put on the agenda for 2.030 s. The host wants
//            its next turn at 2.200 s.
//   2.010 s  Host 1 has its turn.
//   2.030 s  The event: the blob is in the lake and is judged. Mail for host 0 is due at 2.041 s.
//   2.041 s  Host 0 has its turn and hears the answer. Had it been killed at 2.020 s, the blob would be there
//            all the same.
//
// When the troubles end, every host runs again. Then the world looks once per second whether each entry is
// at the end of its log and holds no claim. Once that is so, all workers stop, and the whole is judged.
#include "sim/world.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* k_group = "group";

// Once the troubles have ended: the longest session and drain, then a batch's age, and retries of ten
// seconds.
constexpr Duration k_to_rest_max = minutes(15);
constexpr std::uint64_t k_turns_max = 2'000'000;

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      random_(options.seed),
      scenario_(make_scenario(random_.fork(), options.guarantee)),
      verdict_(clock_, options.verbose),
      faults_(scenario_.rates),
      broker_(clock_, agenda_, faults_, scenario_.group, random_.fork(), verdict_),
      lake_(options.mutant == Mutant::unconditional_put ? Creation::unconditional : Creation::conditional,
            scenario_.uncommitted_blocks, options.sabotage, random_.fork()),
      landings_(broker_.logs, options.guarantee, !scenario_.start_latest, k_group, verdict_),
      surroundings_{.scenario = scenario_,
                    .clock = clock_,
                    .agenda = agenda_,
                    .faults = faults_,
                    .broker = broker_,
                    .lake = lake_,
                    .verdict = verdict_,
                    .mutant = options.mutant,
                    .sabotage = options.sabotage,
                    .group = k_group} {
  broker_.on_entry = [this](const TopicPartition& id, const GroupEntry& entry) {
    landings_.entry_visible(id, entry);
  };
  lake_.on_created = [this](const std::string& name, const SimBlob& blob) {
    landings_.blob_created(name, blob);
  };
  for (std::uint32_t i = 0; i < scenario_.hosts; ++i) {
    hosts_.push_back(
        std::make_unique<Host>(surroundings_, i, concat(options.dir, "/host-", i), random_.fork()));
  }
}

World::~World() {
  hosts_.clear();
  std::filesystem::remove_all(options_.dir);
}

MonoTime World::any_time() {
  return begin_ + random_.between(Duration::zero(), scenario_.faults_end);
}

// Records

void World::plan_records() {
  std::vector<TopicPartition> ids;
  for (const TopicScenario& topic : scenario_.topics) {
    for (std::int32_t partition = 0; partition < topic.partitions; ++partition) {
      ids.push_back({topic.name, Partition{partition}});
      broker_.logs[ids.back()];
    }
  }
  for (std::int64_t left = scenario_.records; left > 0;) {
    const std::int64_t count = std::min<std::int64_t>(left, random_.between(1, 20));
    const TopicPartition& id = ids[random_.below(ids.size())];
    if (random_.chance(scenario_.records_at_start)) {
      append(id, count);
    } else {
      agenda_.at(any_time(), [this, id, count] { append(id, count); });
    }
    left -= count;
  }
}

void World::append(const TopicPartition& id, std::int64_t count) {
  Log& log = broker_.logs[id];
  for (std::int64_t i = 0; i < count; ++i) {
    if (random_.chance(scenario_.holes)) {  // control records, or what compaction took away
      log.end.value += random_.between(1, 5);
    }
    std::string value;
    if (!random_.chance(scenario_.empty_values)) {
      const std::int64_t most = random_.chance(scenario_.large_values) ? 60'000 : scenario_.value_bytes_max;
      std::string filler(random_.below(static_cast<std::uint64_t>(most)),
                         static_cast<char>('a' + random_.below(26)));
      if (!filler.empty() && random_.chance(0.1)) {
        filler[random_.below(filler.size())] = '\n';
      }
      value = value_of(id, Offset{log.end.value}, filler);
    }
    log.records.push_back(
        {.offset = Offset{log.end.value},
         .timestamp_ms =
             std::chrono::duration_cast<milliseconds>(clock_.wall_now().time_since_epoch()).count(),
         .value = std::move(value)});
    ++log.end.value;
  }
  if (random_.chance(scenario_.holes)) {
    log.end.value += 1;  // a commit marker behind the last
  }
}

// Troubles

void World::plan_troubles() {
  for (std::uint32_t i = 0; i < scenario_.crashes; ++i) {
    trouble(&World::crash);
  }
  for (std::uint32_t i = 0; i < scenario_.power_failures; ++i) {
    trouble(&World::power_failure);
  }
  for (std::uint32_t i = 0; i < scenario_.freezes; ++i) {
    trouble(&World::freeze);
  }
  for (std::uint32_t i = 0; i < scenario_.graceful_stops; ++i) {
    trouble(&World::stop_gracefully);
  }
  for (std::uint32_t i = 0; i < scenario_.store_outages; ++i) {
    plan_outage(&Faults::store_is_out);
  }
  for (std::uint32_t i = 0; i < scenario_.group_outages; ++i) {
    plan_outage(&Faults::group_is_out);
  }
  agenda_.at(begin_ + scenario_.faults_end, [this] { end_of_troubles(); });
}

void World::trouble(void (World::*what)(Host&)) {
  Host& host = *hosts_[random_.below(hosts_.size())];
  agenda_.at(any_time(), [this, &host, what] {
    if (faults_.on()) {
      (this->*what)(host);
    }
  });
}

void World::plan_outage(bool Faults::*which) {
  const MonoTime from = any_time();
  agenda_.at(from, [this, which] { faults_.*which = faults_.on(); });
  agenda_.at(from + random_.between(seconds(1), seconds(30)), [this, which] { faults_.*which = false; });
}

void World::crash(Host& host) {
  host.kill(Host::Power::stays);
  start_again_later(host);
}

void World::power_failure(Host& host) {
  host.kill(Host::Power::fails);
  start_again_later(host);
}

void World::freeze(Host& host) {
  verdict_.note("a host is frozen");
  const Duration session = scenario_.group.session_timeout;
  const bool much_too_long = random_.chance(0.5);
  host.freeze_until(clock_.now() + (random_.chance(0.7)
                                        ? session + random_.between(milliseconds(100),
                                                                    much_too_long ? seconds(20) : seconds(2))
                                        : random_.between(milliseconds(10), seconds(5))));
}

void World::stop_gracefully(Host& host) {
  host.stop();
  start_again_later(host);
}

// It may still be draining then.
void World::start_again_later(Host& host) {
  const bool soon = random_.chance(0.5);
  agenda_.at(clock_.now() + (soon ? random_.between(milliseconds(200), seconds(2))
                                  : random_.between(seconds(2), seconds(40))),
             [this, &host] {
               if (at_rest_) {
                 return;
               }
               if (host.running() && host.stopping()) {
                 start_again_later(host);
               } else if (!host.running()) {
                 host.start();
               }
             });
}

void World::end_of_troubles() {
  verdict_.note("the troubles end");
  faults_.end();
  faults_.store_is_out = false;
  faults_.group_is_out = false;
  broker_.be_patient();
  for (const auto& host : hosts_) {
    host->thaw();
    if (!host->running()) {
      host->start();
    }
  }
  look_for_rest();
}

bool World::all_committed() const {
  return std::all_of(broker_.logs.begin(), broker_.logs.end(), [this](const auto& each) {
    const std::optional<GroupEntry> entry = broker_.read(each.first);
    return entry ? entry->position == each.second.end && entry->metadata.empty()
                 : each.second.end.value == 0 || scenario_.start_latest;
  });
}

void World::look_for_rest() {
  if (all_committed()) {
    at_rest_ = true;
    for (const auto& host : hosts_) {
      host->stop();
    }
    return;
  }
  if (clock_.now() > begin_ + scenario_.faults_end + k_to_rest_max) {
    std::string what;
    for (const auto& [id, log] : broker_.logs) {
      const std::optional<GroupEntry> entry = broker_.read(id);
      what += concat(" ", id.topic, ":", id.partition.value, " ", entry ? entry->position.value : -1, "/",
                     log.end.value, entry ? entry->metadata : "");
    }
    for (const auto& host : hosts_) {
      what += concat(" [", host->not_ready(), "]");
    }
    verdict_.fail("not everything lands though the troubles have ended:", what);
    return;
  }
  agenda_.at(clock_.now() + seconds(1), [this] { look_for_rest(); });
}

// Running

bool World::step() {
  Host* next = nullptr;
  for (const auto& host : hosts_) {
    if (host->next_turn() && (next == nullptr || *host->next_turn() < *next->next_turn())) {
      next = host.get();
    }
  }
  if (next == nullptr && at_rest_) {
    return false;
  }
  const std::optional<MonoTime> planned =
      agenda_.next_due();  // never empty: the group looks after its members
  if (next == nullptr || *planned <= *next->next_turn()) {
    clock_.advance_to(*planned);
    agenda_.run_next();
    return true;
  }
  clock_.advance_to(*next->next_turn());
  next->turn();
  if (++turns_ > k_turns_max ||
      (at_rest_ && clock_.now() > begin_ + scenario_.faults_end + 2 * k_to_rest_max)) {
    verdict_.fail("the workers do not come to rest");
  }
  return true;
}

Outcome World::run() {
  verdict_.note(describe(scenario_));
  plan_records();
  plan_troubles();
  for (const auto& host : hosts_) {
    agenda_.at(begin_ + random_.between(seconds(0), seconds(10)), [&host = *host] {
      if (!host.running()) {
        host.start();
      }
    });
  }
  while (!verdict_.failure() && step()) {
  }
  if (!verdict_.failure()) {
    landings_.judge();
  }
  return {.failure = verdict_.failure(),
          .digest = verdict_.digest(),
          .blobs = landings_.blobs(),
          .records = landings_.records(),
          .tombstones = landings_.tombstones(),
          .turns = turns_};
}

}  // namespace penstock::sim
