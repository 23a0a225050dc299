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
constexpr Duration k_to_settle = minutes(2);
constexpr std::uint64_t k_turns_max = 2'000'000;
constexpr Duration k_tidied_after =
    seconds(2);  // beyond fence_wait: what was sent to the lake before has arrived

// How late a request may be. Beyond fence_wait the assumption does not hold, and then it is as long as a
// kernel sends again what was given up.
Duration late_max(const Scenario& scenario) {
  return scenario.troubles[Trouble::later_than_fence] ? Duration(seconds(100)) : scenario.fence_wait;
}

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      random_(options.seed),
      scenario_(make_scenario(random_.fork(), options.guarantee, options.recipe)),
      verdict_(clock_, options.verbose),
      faults_(scenario_.rates),
      broker_(clock_, agenda_, faults_, cluster_, scenario_.group, random_.fork(), verdict_),
      network_(clock_, agenda_, faults_,
               {.patience = scenario_.fence_wait / 2, .late_max = late_max(scenario_)}, random_.next()),
      credentials_(clock_, agenda_, faults_, scenario_.login, Random(~options.seed)),
      front_(clock_, agenda_, faults_, cluster_, broker_, credentials_,
             {.group = k_group,
              .visible_within = late_max(scenario_),
              .mutant = options.mutant,
              .sessions_are_kept = scenario_.troubles[Trouble::kept_sessions]},
             random_.fork(), verdict_),
      lake_(options.mutant == Mutant::unconditional_put ? Creation::unconditional : Creation::conditional,
            scenario_.uncommitted_blocks, options.sabotage, random_.fork()),
      landings_(cluster_.logs, options.guarantee, !scenario_.start_latest, k_group, verdict_),
      surroundings_{.scenario = scenario_,
                    .clock = clock_,
                    .agenda = agenda_,
                    .faults = faults_,
                    .cluster = cluster_,
                    .broker = broker_,
                    .credentials = credentials_,
                    .front = front_,
                    .network = network_,
                    .lake = lake_,
                    .landings = landings_,
                    .request_limit = request_limit_,
                    .verdict = verdict_,
                    .sabotage = options.sabotage,
                    .group = k_group},
      topics_(surroundings_, random_.fork()) {
  scenario_.login.forgets_refusals = options.sabotage == Sabotage::refusals_unheard;
  for (const TopicScenario& topic : scenario_.topics) {
    landings_.files_of(topic.name, {.rows = topic.format.rows, .rules = topic.rules});
  }
  if (scenario_.holds_second_commits) {
    // A claim that is held back for longer than half of fence_wait is not believed (PROTOCOL.md, Publish 4).
    broker_.hold_second_commits(std::min<Duration>(seconds(1), scenario_.fence_wait / 4));
  }
  // What a mutant does is to be found by its harm.
  if (options.mutant == Mutant::none && !scenario_.troubles[Trouble::later_than_fence]) {
    broker_.judge_pace();
  }
  broker_.on_entry = [this](const TopicPartition& id, const GroupEntry& entry) {
    landings_.entry_visible(id, entry);
  };
  lake_.on_created = [this](const std::string& name, const SimBlob& blob) {
    landings_.blob_created(name, blob);
    const bool says_nothing =
        std::ranges::none_of(blob.metadata, [](const auto& row) { return row.first == "quarantined"; });
    if (scenario_.troubles[Trouble::lake_tidied] && blob.bytes.empty() && says_nothing) {
      tidy_later(name);
    }
  };
  for (std::uint32_t i = 0; i < scenario_.hosts; ++i) {
    hosts_.push_back(std::make_unique<Host>(
        surroundings_, i, concat(options.dir, "/host-", i),
        Host::Told{
            .stopped = [this](const TopicPartition& id, const Error& error) { topics_.stopped(id, error); },
            .doubted = [this](const TopicPartition& id) { topics_.doubted(id); }},
        random_.fork()));
  }
}

World::~World() {
  hosts_.clear();
  std::filesystem::remove_all(options_.dir);
}

MonoTime World::any_time() {
  return begin_ + random_.between(Duration::zero(), scenario_.faults_end);
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
  faults_.store_is_out = scenario_.outage_from_start;
  lake_.limits.requests_per_second = scenario_.store_per_second;
  if (scenario_.refuses_last_topic) {
    lake_.limits.refused_prefix = concat(scenario_.topics.back().name, "/");
  }
  for (std::uint32_t i = 0; i < scenario_.store_outages; ++i) {
    plan_outage(&Faults::store_is_out);
  }
  for (std::uint32_t i = 0; i < scenario_.store_credential_ends; ++i) {
    plan_outage(&Faults::store_credential_ended);
  }
  for (std::uint32_t i = 0; i < scenario_.group_outages; ++i) {
    plan_outage(&Faults::group_is_out);
  }
  credentials_.plan(begin_, scenario_.faults_end);
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
  if (scenario_.troubles[Trouble::leave_mid_drain] && random_.chance(0.5)) {
    agenda_.at(clock_.now() + random_.between(Duration::zero(), Duration(seconds(5))),
               [&host] { host.leave(); });
  }
  start_again_later(host);
}

// An empty file, once its claim is in no entry any more, nor in what somebody has just read of them.
void World::tidy_later(const std::string& name) {
  agenda_.at(clock_.now() + seconds(1), [this, name] {
    const bool pending = std::ranges::any_of(cluster_.logs, [&](const auto& each) {
      const std::optional<GroupEntry> entry = broker_.read(each.first);
      return entry && entry->metadata.find(name) != std::string::npos;
    });
    if (pending) {
      tidy_later(name);
      return;
    }
    agenda_.at(clock_.now() + scenario_.fence_wait + k_tidied_after, [this, name] {
      verdict_.note("somebody deletes ", name);
      lake_.remove(name);
    });
  });
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
  judge_limits();
  lake_.limits.end();
  faults_.end();
  faults_.store_is_out = false;
  faults_.store_credential_ended = false;
  faults_.group_is_out = false;
  broker_.be_patient();
  credentials_.calm();
  topics_.calm();
  for (const auto& host : hosts_) {
    host->thaw();
    if (!host->running()) {
      host->start();
    }
  }
  look_for_rest();
}

// What the store turns away is little beside what it takes: a process asks for one more at a time after each
// second without such an answer, which a slow store turns away. And where one topic is refused, one
// partition has no leader, or one broker is away, everything else has landed.
void World::judge_limits() {
  const bool stops_nothing_else = scenario_.refuses_last_topic ||
                                  scenario_.troubles[Trouble::no_leader_at_all] ||
                                  scenario_.troubles[Trouble::named_broker_away];
  const StoreLimits& limits = lake_.limits;
  const auto tries = static_cast<std::uint64_t>(scenario_.faults_end / seconds(1)) * hosts_.size();
  if (limits.turned_away() > limits.taken() + tries) {
    verdict_.fail("the store is asked more than it takes: ", limits.turned_away(), " requests turned away, ",
                  limits.taken(), " taken");
  }
  for (const auto& [id, log] : cluster_.logs) {
    const bool stands =
        log.leader < 0 || (scenario_.refuses_last_topic && id.topic == scenario_.topics.back().name);
    if (!stops_nothing_else || stands) {
      continue;
    }
    const std::optional<GroupEntry> entry = broker_.read(id);
    if (log.end != log.start && (!entry || entry->position != log.end)) {
      verdict_.fail(id.topic, ":", id.partition.value, " stands at ", entry ? entry->position.value : -1,
                    " of ", log.end.value, " while something else stands still");
    }
  }
}

bool World::all_committed() {
  if (std::ranges::any_of(cluster_.topics, [](const auto& each) { return each.second.comes_back; })) {
    return false;
  }
  // Of a log that was deleted before anybody committed a position, nobody may ever commit one. Who has read
  // it before has done so by then.
  const bool settled = clock_.now() > begin_ + scenario_.faults_end + k_to_settle ||
                       std::ranges::all_of(hosts_, [](const auto& host) { return host->done(); });
  return std::ranges::all_of(cluster_.logs, [&](const auto& each) {
    const auto& [id, log] = each;
    if (surroundings_.excused(id)) {
      return true;
    }
    const bool of_another_life = scenario_.troubles[Trouble::entries_beyond_end] && log.batches.empty();
    if (of_another_life) {  // nothing is there that would move the entry
      return true;
    }
    if (const std::optional<GroupEntry> entry = broker_.read(id)) {
      return entry->position == log.end && ledger::holds_no_claim(entry->metadata);
    }
    return log.end == scenario_.first_offset || !landings_.wants_all(id) || (settled && log.end == log.start);
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
  const bool all_ended = std::ranges::all_of(hosts_, [](const auto& host) { return host->done(); });
  if (all_ended || clock_.now() > begin_ + scenario_.faults_end + k_to_rest_max) {
    std::string what;
    for (const auto& [id, log] : cluster_.logs) {
      const std::optional<GroupEntry> entry = broker_.read(id);
      what += concat(" ", id.topic, ":", id.partition.value, " ", entry ? entry->position.value : -1, "/",
                     log.end.value, entry ? entry->metadata : "");
    }
    for (const auto& host : hosts_) {
      what += concat(" [", host->not_ready(), "]");
    }
    verdict_.fail(all_ended ? "every worker has ended by itself, and not everything has landed:"
                            : "not everything lands though the troubles have ended:",
                  what);
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
  topics_.begin();
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
    for (const auto& [id, log] : cluster_.logs) {
      if (surroundings_.excused(id)) {
        landings_.excuse(id);
      }
    }
    landings_.judge();
  }
  return {.failure = verdict_.failure(),
          .digest = verdict_.digest(),
          .blobs = landings_.blobs(),
          .records = landings_.records(),
          .tombstones = landings_.tombstones(),
          .quarantined = landings_.quarantined(),
          .turns = turns_};
}

}  // namespace penstock::sim
