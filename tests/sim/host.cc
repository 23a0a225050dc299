// How it works
//
// A life of the worker is a Process (its name and its mail), and a pipeline::Worker whose loop, source and
// store are the simulated ones. Answers of the world reach them through the Process alone. A turn takes no
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
#include <utility>

#include "base/check.h"
#include "sim/sim_blob_store.h"
#include "sim/sim_source.h"

namespace penstock::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

Host::Host(const Surroundings& world, std::uint32_t index, std::string dir, Random random)
    : world_(world), index_(index), dir_(std::move(dir)), random_(random), disk_(random_.fork()) {
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
      return pipeline::TopicPlan{.topic = topic,
                                 .max_age = each.max_age,
                                 .max_bytes = each.max_bytes,
                                 .by_partition = each.by_partition,
                                 .format = each.format,
                                 .path = codec::PathTemplate::parse("{topic}/{HH}{mm}").value()};
    }
  }
  return store_error(ErrorKind::not_found, Action::fatal);
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
  options.drain_timeout = scenario.drain_timeout;
  options.protocol.guarantee = scenario.guarantee;
  options.protocol.sink = "5140a4e0";
  options.protocol.fence_wait = scenario.fence_wait;
  options.pins_start = scenario.start_latest;
  options.stage = {.dir = dir_,
                   .bytes_max = scenario.stage_bytes,
                   .segment_bytes = scenario.segment_bytes,
                   .slab_bytes = scenario.slab_bytes,
                   .direct = false};
  options.plan_for = [this](const std::string& topic) { return plan_for(topic); };
  options.make_loop = [this]() -> Result<std::unique_ptr<io::Loop>> {
    auto loop = std::make_unique<SimLoop>(world_.clock, disk_, world_.faults, process_, world_.sabotage,
                                          random_.fork());
    loop_ = loop.get();
    return std::unique_ptr<io::Loop>(std::move(loop));
  };
  options.make_source = [this](io::Loop&) -> Result<std::unique_ptr<source::Source>> {
    const SourceOptions source{.instance_id = world_.scenario.static_members ? concat("host-", index_) : "",
                               .heartbeat = world_.scenario.heartbeat,
                               .fence_wait = world_.scenario.fence_wait,
                               .commit_timeout = world_.scenario.fence_wait / 2,
                               .start_latest = world_.scenario.start_latest,
                               .silent_once_lost = world_.scenario.guarantee == Guarantee::exactly_once,
                               .mutant = world_.mutant,
                               .sabotage = world_.sabotage};
    return std::unique_ptr<source::Source>(
        std::make_unique<SimSource>(world_.clock, world_.agenda, world_.broker, world_.faults, process_,
                                    source, random_.fork(), world_.verdict));
  };
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
  process_->wake_at = world_.clock.now();
  frozen_until_ = {};
  stopping_ = false;
  metrics_ = std::make_unique<obs::WorkerMetrics>(index_);
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
  if (!goes_on) {
    ended();
  }
}

// The counters are brought up to date once a second.
void Host::expect_bounds() {
  const Scenario& scenario = world_.scenario;
  const auto files = static_cast<std::uint64_t>(metrics_->stage_segment_files.value());
  if (files * scenario.segment_bytes > scenario.stage_bytes ||
      static_cast<std::uint64_t>(metrics_->stage_live_bytes.value()) > scenario.stage_bytes) {
    world_.verdict.fail(process_->name, " has more on its stage than ", scenario.stage_bytes, " bytes");
  }
  if (static_cast<std::size_t>(metrics_->slabs_free.value()) > scenario.slab_count) {
    world_.verdict.fail(process_->name, " has more free slabs than slabs");
  }
}

// A supervisor starts it again, unless it was told to stop.
void Host::ended() {
  const std::uint64_t read_errors = loop_->read_errors();
  const Result<void> result = worker_->end();
  worker_.reset();
  loop_ = nullptr;
  world_.verdict.note(process_->name, " ended", result.ok() ? "" : ": ",
                      result.ok() ? "" : result.error().message);
  if (!result.ok() && read_errors == 0) {
    world_.verdict.fail(process_->name, " gave up: ", result.error().message);
  }
  if (!stopping_) {
    world_.agenda.at(world_.clock.now() + random_.between(milliseconds(200), seconds(5)), [this] {
      if (!worker_) {
        start();
      }
    });
  }
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

}  // namespace penstock::sim
