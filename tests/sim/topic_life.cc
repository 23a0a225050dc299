// How it works
//
// Everything is planned on the agenda at the beginning, at random times until the troubles end. Records are
// written in batches of up to 20. What a reader of committed records is to get goes into Log::records, for
// the judge, as soon as it is decided. A transaction shows what that means:
//
//   10.0 s  A producer opens a transaction at offset 40, with three records. Readers get nothing from 40 on.
//   11.0 s  Another producer writes 43 to 47. They wait behind the transaction, in Log::undecided.
//   14.0 s  The transaction is aborted, by a marker at 48. Now 43 to 47 are records that must land, and 40 to
//           42 are offsets that no blob may have a line of.
//
// A topic that is made anew and a log that is cut give their old selves to the judge, which then knows two
// logs of one name. The values of their records differ by the life of the log.
#include "sim/topic_life.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "base/concat.h"

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::ErrorCode;

// So many offsets are gone when the world begins.
constexpr std::int64_t k_deleted_before = 5;
constexpr std::int64_t k_entry_of_another_life = 500;
constexpr Duration k_all_have_started = seconds(11);

}  // namespace

TopicLife::TopicLife(const Surroundings& world, Random random)
    : world_(world),
      scenario_(world.scenario),
      cluster_(world.cluster),
      random_(random),
      begin_(world.clock.now()) {}

MonoTime TopicLife::any_time() {
  return begin_ + random_.between(Duration::zero(), scenario_.faults_end);
}

std::int32_t TopicLife::any_broker() {
  return static_cast<std::int32_t>(random_.between(1, scenario_.brokers));
}

Log& TopicLife::any_log(TopicPartition* which) {
  auto at = cluster_.logs.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random_.below(cluster_.logs.size())));
  if (which != nullptr) {
    *which = at->first;
  }
  return at->second;
}

// The beginning

void TopicLife::begin() {
  build();
  plan_records();
  plan_troubles();
}

void TopicLife::build() {
  cluster_.brokers = scenario_.brokers;
  cluster_.coordinator = any_broker();
  cluster_.offered = scenario_.offered;
  cluster_.closes_on_unknown_versions = scenario_.closes_on_unknown_versions;
  cluster_.response_bytes_max = scenario_.response_bytes_max;
  for (const TopicScenario& topic : scenario_.topics) {
    cluster_.topics[topic.name].id = {.high = random_.next(), .low = random_.next()};
    for (std::int32_t partition = 0; partition < topic.partitions; ++partition) {
      make_log({topic.name, Partition{partition}});
    }
  }
  for (std::int32_t broker = 1; broker <= scenario_.brokers; ++broker) {
    world_.network.listen(Cluster::port_of(broker),
                          [this, broker](const LinkPtr& link) { world_.front.accept(broker, link); });
  }
  if (scenario_.troubles[Trouble::entries_beyond_end]) {
    for (const auto& [id, log] : cluster_.logs) {
      world_.broker.set_entry(id, {Position{k_entry_of_another_life}, ""});
    }
  }
  if (scenario_.troubles[Trouble::old_entries]) {
    for (auto& [id, log] : cluster_.logs) {
      world_.broker.set_entry(id, {log.start, ""});
      log.start.value += k_deleted_before;
      log.end = log.start;
      log.epochs = {{0, log.start}};
    }
  }
}

void TopicLife::make_log(const TopicPartition& id) {
  Log& log = cluster_.logs[id];
  log.leader = any_broker();
  log.start = log.end = scenario_.first_offset;
  log.epochs = {{0, log.start}};
}

void TopicLife::plan_records() {
  std::vector<TopicPartition> ids;
  for (const auto& [id, log] : cluster_.logs) {
    ids.push_back(id);
  }
  for (std::int64_t left = scenario_.records; left > 0;) {
    const std::int64_t count = std::min<std::int64_t>(left, random_.between(1, 20));
    const TopicPartition& id = ids[random_.below(ids.size())];
    if (random_.chance(scenario_.records_at_start)) {
      append(id, count);
    } else {
      world_.agenda.at(any_time(), [this, id, count] { append(id, count); });
    }
    left -= count;
  }
}

void TopicLife::plan(Trouble trouble, std::int64_t most, void (TopicLife::*what)()) {
  if (!scenario_.troubles[trouble]) {
    return;
  }
  for (std::int64_t left = random_.between(1, most); left > 0; --left) {
    world_.agenda.at(any_time(), [this, what] {
      if (world_.faults.on()) {
        (this->*what)();
      }
    });
  }
}

void TopicLife::plan_troubles() {
  plan(Trouble::leader_moves, 8, &TopicLife::move_leader);
  plan(Trouble::leaderless, 3, &TopicLife::lose_leader);
  plan(Trouble::coordinator_moves, 5, &TopicLife::move_coordinator);
  plan(Trouble::broker_restarts, 3, &TopicLife::restart_broker);
  plan(Trouble::new_partitions, 3, &TopicLife::add_partition);
  plan(Trouble::transactions, 8, &TopicLife::open_transaction);
  plan(Trouble::retention, 5, &TopicLife::delete_old);
  plan(Trouble::commits_refused, 1, &TopicLife::refuse_commits);
  plan(Trouble::topic_deleted, 1, &TopicLife::delete_topic);
  plan(Trouble::topic_made_anew, 1, &TopicLife::make_anew);
  plan(Trouble::truncation, 3, &TopicLife::truncate);
  plan(Trouble::passing_refusal, 3, &TopicLife::refuse_reading);
  if (scenario_.refused_from_start) {
    refuse_commits();
  }
  if (scenario_.troubles[Trouble::no_leader_at_all]) {
    cluster_.logs.begin()->second.leader = -1;
  }
  if (scenario_.troubles[Trouble::named_broker_away]) {
    world_.agenda.at(begin_ + k_all_have_started, [this] { take_named_broker_away(); });
  }
}

void TopicLife::calm() {
  for (auto& [id, log] : cluster_.logs) {
    if (log.leader < 0) {
      lead(log, any_broker());
    }
  }
  if (cluster_.coordinator < 1) {
    cluster_.coordinator = any_broker();
  }
  for (std::int32_t broker = 1; broker <= scenario_.brokers; ++broker) {
    world_.network.bring_up(Cluster::port_of(broker));
  }
  for (auto& [name, topic] : cluster_.topics) {
    topic.reading = ErrorCode::none;
  }
  world_.front.logs_changed();
}

void TopicLife::stopped(const TopicPartition& id, const Error& error) {
  const Log& log = cluster_.logs.at(id);
  const bool goes_on = scenario_.on_data_loss == source::OnDataLoss::go_on;
  const bool lost_its_log = log.life > 0 && !goes_on;
  const bool refused = !log.exists || cluster_.topics.at(id.topic).committing != ErrorCode::none;
  world_.verdict.note(named(id), " stops: ", error.message);
  if (lost_its_log || refused) {
    world_.landings.excuse(id);
  } else {
    world_.verdict.fail(named(id), " stops", goes_on ? ", and on_data_loss is continue" : "", ": ",
                        error.message);
  }
}

void TopicLife::doubted(const TopicPartition& id) {
  if (cluster_.logs.at(id).life > 0) {
    world_.landings.excuse(id);
  }
}

// Records

// One batch. Holes are what compaction took away, or the marker of a transaction.
void TopicLife::append(const TopicPartition& id, std::int64_t count) {
  Log& log = cluster_.logs.at(id);
  if (!log.exists) {
    return;
  }
  const bool in_transaction = random_.chance(scenario_.holes) && log.open_at.value < 0;
  const Transaction transaction{.producer_id = in_transaction ? ++last_producer_ : -1};
  if (random_.chance(scenario_.holes)) {
    append_emptied_batch(log, random_.between(1, 5));
  }
  append_records(id, log, count, transaction);
  if (in_transaction) {
    append_marker(log, transaction, Ending::commit, log.batches.back().max_timestamp_ms);
  }
  land(log);
}

void TopicLife::append_records(const TopicPartition& id, Log& log, std::int64_t count,
                               Transaction transaction) {
  const std::int64_t now_ms =
      std::chrono::duration_cast<milliseconds>(world_.clock.wall_now().time_since_epoch()).count();
  Position next = log.end;
  std::vector<LogRecord> records;
  for (std::int64_t i = 0; i < count; ++i) {
    if (random_.chance(scenario_.holes)) {
      next.value += random_.between(1, 5);
    }
    records.push_back({.offset = Offset{next.value},
                       .timestamp_ms = now_ms,
                       .value = value_for(id, log, Offset{next.value})});
    ++next.value;
  }
  append_batch(log, records, next, transaction);
  log.undecided.insert(log.undecided.end(), records.begin(), records.end());
}

// What no open transaction keeps back is there for readers.
void TopicLife::land(Log& log) {
  if (log.open_at.value < 0) {
    log.records.insert(log.records.end(), log.undecided.begin(), log.undecided.end());
    log.undecided.clear();
  }
  world_.front.logs_changed();
}

std::string TopicLife::value_for(const TopicPartition& id, const Log& log, Offset offset) {
  if (random_.chance(scenario_.empty_values)) {
    return {};
  }
  const std::int64_t most = random_.chance(scenario_.large_values) ? 60'000 : scenario_.value_bytes_max;
  std::string filler(random_.below(static_cast<std::uint64_t>(most)),
                     static_cast<char>('a' + random_.below(26)));
  if (!filler.empty() && random_.chance(0.1)) {
    filler[random_.below(filler.size())] = '\n';
  }
  const std::string value =
      value_of(id, offset, log.life == 0 ? filler : concat("life ", log.life, ' ', filler));
  return world_.landings.has_envelopes(id.topic) && random_.chance(0.3) ? concat('"', value, '"') : value;
}

void TopicLife::open_transaction() {
  TopicPartition id;
  Log& log = any_log(&id);
  if (log.open_at.value >= 0 || !log.exists) {
    return;
  }
  const Transaction transaction{.producer_id = ++last_producer_};
  log.open_at = log.end;
  append_records(id, log, random_.between(1, 5), transaction);
  log.of_open = log.undecided.size();
  const Duration most = begin_ + scenario_.faults_end - world_.clock.now();
  world_.agenda.at(world_.clock.now() + std::min(most, random_.between(milliseconds(100), seconds(10))),
                   [this, id, life = log.life, transaction] { end_transaction(id, life, transaction); });
}

void TopicLife::end_transaction(const TopicPartition& id, std::uint32_t life, Transaction transaction) {
  Log& log = cluster_.logs.at(id);
  if (log.life != life || log.open_at.value < 0) {
    return;
  }
  const auto ending = random_.chance(0.5) ? Ending::commit : Ending::abort;
  const Position first = std::exchange(log.open_at, Position{-1});
  append_marker(log, transaction, ending, log.batches.back().max_timestamp_ms);
  if (ending == Ending::abort) {
    log.aborted.push_back(
        {.producer_id = transaction.producer_id, .first = first, .marker = Position{log.end.value - 1}});
    log.undecided.erase(log.undecided.begin(),
                        log.undecided.begin() + static_cast<std::ptrdiff_t>(log.of_open));
  }
  land(log);
}

// Leaders

void TopicLife::lead(Log& log, std::int32_t broker) {
  log.leader = broker;
  ++log.epoch;
  std::erase_if(log.epochs,
                [&log](const EpochStart& each) { return each.start >= log.end; });  // as Kafka does
  log.epochs.push_back({log.epoch, log.end});
  world_.front.logs_changed();
}

void TopicLife::move_leader() {
  lead(any_log(), any_broker());
}

void TopicLife::lose_leader() {
  TopicPartition id;
  Log& log = any_log(&id);
  log.leader = -1;
  world_.front.logs_changed();
  world_.agenda.at(world_.clock.now() + random_.between(milliseconds(200), seconds(20)), [this, id] {
    if (Log& found = cluster_.logs.at(id); found.leader < 0) {
      lead(found, any_broker());
    }
  });
}

void TopicLife::move_coordinator() {
  cluster_.coordinator = 0;
  world_.agenda.at(world_.clock.now() + random_.between(milliseconds(0), seconds(5)), [this] {
    if (cluster_.coordinator < 1) {
      cluster_.coordinator = any_broker();
    }
  });
}

// It comes back when the troubles end. What it led is led by others, and everything has new records.
void TopicLife::take_named_broker_away() {
  constexpr std::int32_t k_named = 1;
  world_.verdict.note("broker 1 goes away");
  world_.network.take_down(Cluster::port_of(k_named));
  const auto another = [this] {
    return static_cast<std::int32_t>(random_.between(k_named + 1, scenario_.brokers));
  };
  cluster_.coordinator = another();
  for (auto& [id, log] : cluster_.logs) {
    lead(log, another());
    append(id, random_.between(1, 5));
  }
}

// Those that it led are led by others after some seconds, if there are others.
void TopicLife::restart_broker() {
  const std::int32_t broker = any_broker();
  world_.verdict.note("broker ", broker, " goes down");
  world_.network.take_down(Cluster::port_of(broker));
  world_.agenda.at(world_.clock.now() + random_.between(milliseconds(0), seconds(3)), [this, broker] {
    for (auto& [id, log] : cluster_.logs) {
      if (log.leader == broker) {
        lead(log, any_broker());
      }
    }
    if (cluster_.coordinator == broker) {
      cluster_.coordinator = any_broker();
    }
  });
  world_.agenda.at(world_.clock.now() + random_.between(milliseconds(500), seconds(15)),
                   [this, broker] { world_.network.bring_up(Cluster::port_of(broker)); });
}

// Topics

void TopicLife::add_partition() {
  TopicPartition id;
  any_log(&id);
  while (cluster_.logs.contains(id)) {
    ++id.partition.value;
  }
  world_.verdict.note("there is a new partition: ", named(id));
  make_log(id);
  if (world_.broker.has_entries()) {  // before, `latest` is where its readers begin
    world_.landings.want_all(id);
  }
  append(id, random_.between(1, 20));
  topics_changed_soon();
}

// The group's leader looks at the topics now and then.
void TopicLife::topics_changed_soon() {
  world_.agenda.at(world_.clock.now() + random_.between(milliseconds(500), seconds(20)),
                   [this] { world_.broker.topics_changed(); });
}

void TopicLife::delete_old() {
  Log& log = any_log();
  const Position stable = log.stable_end();
  if (log.start < stable) {
    log.start = Position{random_.between(log.start.value, stable.value)};
    std::erase_if(log.batches, [&log](const LogBatch& batch) { return batch.next <= log.start; });
    world_.verdict.note("a log begins at ", log.start.value, " now");
  }
}

void TopicLife::refuse_commits() {
  const std::string& name = scenario_.topics.back().name;
  world_.verdict.note("commits of ", name, " are refused from now on");
  cluster_.topics.at(name).committing = scenario_.refusal;
}

void TopicLife::delete_topic() {
  const std::string& name = scenario_.topics.back().name;
  world_.verdict.note("the topic ", name, " is deleted");
  for (auto& [id, log] : cluster_.logs) {
    if (id.topic == name) {
      log.exists = false;
      world_.broker.forget_entry(id);
    }
  }
  world_.front.logs_changed();
}

void TopicLife::make_anew() {
  delete_topic();
  cluster_.topics.at(scenario_.topics.back().name).comes_back = true;
  world_.agenda.at(world_.clock.now() + random_.between(milliseconds(100), seconds(3)), [this] {
    const std::string& name = scenario_.topics.back().name;
    world_.verdict.note("the topic ", name, " is made anew");
    cluster_.topics.at(name).comes_back = false;
    cluster_.topics.at(name).id = {.high = random_.next(), .low = random_.next()};
    for (auto& [id, log] : cluster_.logs) {
      if (id.topic == name) {
        const Position had = log.end;
        const std::uint32_t life = log.life + 1;
        auto old = std::make_unique<Log>(std::move(log));
        log = {};
        log.life = life;
        log.leader = any_broker();
        world_.landings.log_replaced(id, std::move(old), Position{0});
        append(id, had.value + random_.between(1, 20));
      }
    }
    topics_changed_soon();
  });
}

// A broker that had not all of it leads now, and others write behind what it has.
void TopicLife::truncate() {
  TopicPartition id;
  Log& log = any_log(&id);
  if (log.batches.empty() || log.open_at.value >= 0 || !log.exists) {
    return;
  }
  const std::size_t lost = 1 + random_.below(std::min<std::size_t>(3, log.batches.size()));
  const Position had = log.end;
  const Position cut = log.batches[log.batches.size() - lost].first;
  world_.verdict.note(named(id), " is cut at ", cut.value, ", and had ", had.value);
  auto old = std::make_unique<Log>(log);
  ++log.life;
  log.batches.resize(log.batches.size() - lost);
  std::erase_if(log.records, [cut](const LogRecord& record) { return record.offset.value >= cut.value; });
  std::erase_if(log.aborted, [cut](const AbortedSpan& span) { return span.marker >= cut; });
  log.end = cut;
  log.start = std::min(log.start, cut);
  world_.landings.log_replaced(id, std::move(old), cut);
  lead(log, any_broker());
  append(id, had.value - cut.value + random_.between(1, 10));
}

void TopicLife::refuse_reading() {
  const std::string& name = scenario_.topics.back().name;
  cluster_.topics.at(name).reading = ErrorCode::topic_authorization_failed;
  world_.front.logs_changed();
  world_.agenda.at(world_.clock.now() + random_.between(milliseconds(200), seconds(5)),
                   [this, name] { cluster_.topics.at(name).reading = ErrorCode::none; });
}

}  // namespace penstock::sim
