// How it works
//
// A life of the worker is a Process (its name and its mail), and a pipeline::Worker whose loop and store
// are the simulated ones. Its source is kafka::DirectSource, over sockets of the loop, with a simulated
// membership. Answers of the world reach them through the Process alone. A turn takes no
// virtual time while it runs. Its cost is drawn afterwards, and the next turn comes no sooner than that. A
// frozen worker has no turns. Its mail gathers, and what is due is read at the first turn after the thaw.
//
// A real process that is killed runs no destructors, and ours has to. So kill() goes in this order:
//
//   1. The loop marks the Process as killed. From here on no request leaves, and each write that was under
//      way reaches the file as nothing, a part, or all of it.
//   2. If the power fails, blocks that were not synced may go back to what they were.
//   3. The worker is taken apart. It may write or send while that happens, and nobody notices.
//
// A request that was sent before the kill is on the agenda of the world, and it still takes effect.
#include "sim/host.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/concat.h"
#include "kafka/direct_source.h"
#include "ledger/claim_text.h"
#include "sim/sim_blob_store.h"
#include "sim/sim_member.h"
#include "sim/watched_source.h"

namespace penstock::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t k_turns_between_looks = 64;

// What the stage says of a chunk that cannot be read back.
constexpr std::string_view k_unreadable = "reading the stage file";

}  // namespace

Host::Host(const Surroundings& world, std::uint32_t index, std::string dir, Told told, Random random)
    : world_(world),
      index_(index),
      dir_(std::move(dir)),
      told_(std::move(told)),
      random_(random),
      disk_(random_.fork()) {
  disk_.remember(world.scenario.power_failures > 0);
}

Host::~Host() {
  if (worker_) {
    kill(Power::stays);
  }
}

Result<pipeline::TopicPlan> Host::plan_for(const std::string& topic) const {
  for (const TopicScenario& each : world_.scenario.topics) {
    if (each.name == topic) {
      pipeline::TopicPlan plan{.topic = topic,
                               .max_age = each.max_age,
                               .max_bytes = each.max_bytes,
                               .by_partition = each.by_partition,
                               .format = each.format,
                               .path = codec::PathTemplate::parse("{topic}/{HH}{mm}").value()};
      pipeline::set_rules(plan, each.rules);
      return plan;
    }
  }
  return store_error(ErrorKind::not_found, Action::fatal);
}

Result<std::unique_ptr<source::Source>> Host::make_source(io::Loop& loop) {
  const Scenario& scenario = world_.scenario;
  kafka::DirectSourceOptions options;
  options.consumer.brokers = scenario.bootstrap;
  options.consumer.group = world_.group;
  options.consumer.auth = world_.credentials.auth_of(process_);
  for (const TopicScenario& topic : scenario.topics) {
    options.consumer.topics.push_back(topic.name);
  }
  options.consumer.start.at = scenario.start_latest ? source::StartAt::latest : source::StartAt::earliest;
  if (scenario.troubles[Trouble::exit_at_end]) {
    options.end_marks.emplace();
    for (const auto& [id, log] : world_.cluster.logs) {
      options.end_marks->emplace(id, log.stable_end());
    }
  }
  options.consumer.on_data_loss = scenario.on_data_loss;
  options.consumer.fetch_wait = scenario.fetch_wait;
  options.commit_timeout = scenario.fence_wait / 2;
  options.join = [this]() -> Result<std::unique_ptr<source::Membership>> {
    const SimMember::Options member{
        .instance_id = world_.scenario.static_members ? concat("host-", index_) : "",
        .heartbeat = world_.scenario.heartbeat,
        .slow_max = world_.scenario.fence_wait / 4};
    auto joined = std::make_unique<SimMember>(world_.clock, world_.agenda, world_.broker, world_.faults,
                                              process_, member, random_.fork());
    member_ = joined.get();
    return std::unique_ptr<source::Membership>(std::move(joined));
  };
  auto source = std::make_unique<WatchedSource>(
      std::make_unique<kafka::DirectSource>(loop, world_.clock, std::move(options)), process_,
      WatchedSource::Options{.forgives_while_ending = !scenario.troubles[Trouble::strict_ending],
                             .silent_once_lost = scenario.guarantee == Guarantee::exactly_once,
                             .sabotage = world_.sabotage,
                             .on_stopped = told_.stopped,
                             .on_doubted = told_.doubted,
                             .on_lost = [this](const TopicPartition& id,
                                               Position next) { world_.landings.lost_before(id, next); }},
      random_.fork(), world_.verdict);
  source_ = source.get();
  return std::unique_ptr<source::Source>(std::move(source));
}

pipeline::WorkerOptions Host::options() {
  const Scenario& scenario = world_.scenario;
  pipeline::WorkerOptions options;
  options.index = index_;
  options.group = world_.group;
  options.slab_count = scenario.slab_count;
  options.slab_bytes = scenario.slab_bytes;
  options.block_bytes = scenario.block_bytes;
  options.connections = scenario.connections;
  options.request_limit = scenario.store_per_second > 0 ? &world_.request_limit : nullptr;
  options.drain_timeout = scenario.drain_timeout;
  options.protocol.guarantee = scenario.guarantee;
  options.protocol.sink = "5140a4e0";
  options.protocol.fence_wait = scenario.fence_wait;
  options.exit_at_end = scenario.troubles[Trouble::exit_at_end];
  options.group_end = group_end_.get();
  options.pins_start = scenario.start_latest;
  options.stage = {.dir = dir_,
                   .bytes_max = scenario.stage_bytes,
                   .segment_bytes = scenario.segment_bytes,
                   .slab_bytes = scenario.slab_bytes,
                   .direct = false};
  options.plan_for = [this](const std::string& topic) { return plan_for(topic); };
  options.make_loop = [this]() -> Result<std::unique_ptr<io::Loop>> {
    auto loop = std::make_unique<SimLoop>(world_.clock, disk_, world_.network, world_.faults, process_,
                                          world_.sabotage, random_.fork());
    loop_ = loop.get();
    return std::unique_ptr<io::Loop>(std::move(loop));
  };
  options.make_source = [this](io::Loop& loop) { return make_source(loop); };
  options.make_store = [this](io::Loop&) -> Result<std::unique_ptr<lake::BlobStore>> {
    return std::unique_ptr<lake::BlobStore>(std::make_unique<SimBlobStore>(
        world_.clock, world_.agenda, world_.lake, world_.faults, process_, random_.fork(), world_.verdict));
  };
  options.random = [this] { return random_.next(); };
  return options;
}

void Host::start() {
  CHECK(worker_ == nullptr);
  process_ = std::make_shared<Process>();
  process_->name = concat("host-", index_, "/", ++lives_);
  process_->id = (std::uint64_t{index_} << 32) + lives_;
  process_->wake_at = world_.clock.now();
  frozen_until_ = {};
  stopping_ = false;
  left_ = false;
  at_end_ = false;
  metrics_ = std::make_unique<obs::WorkerMetrics>(index_);
  if (world_.scenario.troubles[Trouble::exit_at_end]) {
    std::map<TopicPartition, pipeline::EndMark> marks;
    for (const auto& [id, log] : world_.cluster.logs) {
      marks[id] = {.log_start = log.start, .mark = log.stable_end()};
    }
    group_end_ = std::make_unique<pipeline::GroupEnd>(std::move(marks));
  }
  world_.verdict.note(process_->name, " starts");
  worker_ = std::make_unique<pipeline::Worker>(options(), world_.clock, *metrics_);
  if (const Result<void> begun = worker_->begin(); !begun.ok()) {
    world_.verdict.fail(process_->name, " does not start: ", begun.error().message);
    static_cast<void>(worker_->end());
    worker_.reset();
  }
}

std::optional<MonoTime> Host::next_turn() const {
  return worker_ ? std::optional(std::max(process_->wake_at, frozen_until_)) : std::nullopt;
}

void Host::turn() {
  process_->wake_at = world_.clock.now() + seconds(1);
  const bool goes_on = worker_->turn();
  const bool stalls = random_.chance(world_.faults[&FaultRates::worker_stalls]);
  const Duration cost = random_.between(microseconds(5), microseconds(200)) +
                        (stalls ? random_.between(milliseconds(1), seconds(3)) : Duration::zero());
  process_->wake_at = std::max(process_->wake_at, world_.clock.now() + cost);
  frozen_until_ = std::max(frozen_until_, world_.clock.now() + cost);
  expect_bounds();
  if (goes_on && worker_->at_end() && group_end_->complete() && !stopping_) {
    world_.verdict.note(process_->name, " is at the end");
    at_end_ = true;
    stop();
  }
  if (!goes_on) {
    ended();
  }
}

// By the files themselves. A look at them costs more than a turn, so not every turn has one.
void Host::expect_bounds() {
  if (++turns_ % k_turns_between_looks != 0) {
    return;
  }
  std::uint64_t bytes = 0;
  std::error_code gone;  // a file that is removed meanwhile
  for (const auto& entry : std::filesystem::directory_iterator(dir_, gone)) {
    bytes += entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
  }
  if (bytes > world_.scenario.stage_bytes) {
    world_.verdict.fail(process_->name, " has ", bytes, " bytes on its stage, and ",
                        world_.scenario.stage_bytes, " are its most");
  }
}

// A supervisor starts it again, unless it was told to stop.
void Host::ended() {
  const std::uint64_t read_errors = loop_->read_errors();
  const std::string unfinished = unfinished_claim();
  const Result<void> result = worker_->end();
  worker_.reset();
  loop_ = nullptr;
  world_.verdict.note(process_->name, " ended", result.ok() ? "" : ": ",
                      result.ok() ? "" : result.error().message);
  // Whose commits were rejected says so at its end, and leaves the rest to whoever comes next.
  const bool was_rejected =
      !result.ok() && (result.error().kind == ErrorKind::forbidden || (stopping_ && world_.any_excused()));
  // So does whoever cannot read back what only the disk has. Nothing else of such a life is excused.
  const bool was_unreadable =
      !result.ok() && read_errors > 0 && result.error().message.find(k_unreadable) != std::string::npos;
  if (!result.ok() && !was_rejected && !was_unreadable) {
    world_.verdict.fail(process_->name, " gave up: ", result.error().message);
  }
  if (result.ok() && stopping_ && !left_ && read_errors == 0 && !unfinished.empty()) {
    world_.verdict.fail(process_->name, " has ended, and its claim is not finished: ", unfinished);
  }
  if (!stopping_) {
    world_.agenda.at(world_.clock.now() + random_.between(milliseconds(200), seconds(5)), [this] {
      if (!worker_) {
        start();
      }
    });
  }
}

// Of a batch whose name somebody else has closed no more can be done: whoever comes next reads its records.
bool Host::is_closed_by_another(const std::string& claim) const {
  const std::string blob = std::get<ledger::Claim>(ledger::parse_metadata(claim)).blob;
  const Result<lake::BlobProperties> there = world_.lake.properties(blob);
  return there.ok() && is_tombstone(there->metadata) && !process_->names_closed.contains(blob);
}

// Who stops gracefully leaves no other claim of its own behind. Empty: there is none.
std::string Host::unfinished_claim() const {
  for (const auto& [id, log] : world_.cluster.logs) {
    const std::optional<GroupEntry> entry = world_.broker.read(id);
    if (world_.broker.owns(member_->stamp(), id) && entry && !ledger::holds_no_claim(entry->metadata) &&
        entry->metadata == source_->last_claim(id) && !is_closed_by_another(entry->metadata)) {
      return concat(named(id), ": ", entry->metadata);
    }
  }
  return {};
}

// Nothing of the process goes out any more, so that what it still does when it is taken apart is nobody's
// business.
void Host::kill(Power power) {
  if (!worker_) {
    return;
  }
  world_.verdict.note(process_->name, " is killed", power == Power::fails ? ", its power fails" : "");
  loop_->kill();
  if (power == Power::fails) {
    disk_.lose_unsynced();
  }
  worker_->leave_now();
  static_cast<void>(worker_->end());
  worker_.reset();
  loop_ = nullptr;
}

void Host::stop() {
  if (worker_) {
    stopping_ = true;
    world_.verdict.note(process_->name, " is asked to stop");
    worker_->stop();
  }
}

void Host::leave() {
  if (worker_ && stopping_) {
    left_ = true;
    world_.verdict.note(process_->name, " leaves without draining");
    worker_->leave_now();
  }
}

}  // namespace penstock::sim
