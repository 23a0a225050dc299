// How it works
//
// Appliance::run() goes through these steps on the thread that calls it, which then only watches:
// 1. The log and the admin server start, so that /readyz can say what is waited for. Before that the memory
//    is held against the limits around the process (memory_bound.h), as nobody is told of an OOM kill.
// 2. The first tokens of Entra are waited for, where a side shows such (tokens.h). The store is asked once,
//    and the brokers until they answer (startup.h). What only a person can mend ends the run here, before a
//    record is read. A topic that is not there yet is looked for beside the workers (topic_watch.h).
// 3. launch() decides by the number of partitions how many workers there are (wiring.h), and gives each a
//    thread.
// 4. watch() waits until every worker has ended. It passes on stop(), leave_now(), and the end of all logs.
//    It ends what cannot get through: a drain that takes too long, a bounded run that stands still
//    (run_limits.h).
// 5. The threads are joined, the admin server stops, and the totals are added up.
//
// For example, the second of three workers meets an error that it cannot get over:
// 1. Its run() returns the error. The fleet keeps that as the worker's outcome, and wakes watch().
// 2. watch() keeps the error, as the first one, and tells every worker to stop.
// 3. The other two publish and commit what they have read, and end.
// 4. All have ended, so watch() returns the error, and so does Appliance::run().
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <penstock/penstock.h>

#include "admin/server.h"
#include "appliance/cluster_answers.h"
#include "appliance/credential_ends.h"
#include "appliance/fleet.h"
#include "appliance/former_stages.h"
#include "appliance/liveness.h"
#include "appliance/memory_bound.h"
#include "appliance/run_limits.h"
#include "appliance/startup.h"
#include "appliance/status_keeper.h"
#include "appliance/tokens.h"
#include "appliance/topic_watch.h"
#include "appliance/whole_check.h"
#include "appliance/wiring.h"
#include "appliance/wiring_registry.h"
#include "appliance/wiring_source.h"
#include "appliance/wiring_store.h"
#include "base/concat.h"
#include "config/load.h"
#include "format/topic_table.h"
#include "obs/heartbeat.h"
#include "obs/log.h"
#include "obs/process.h"
#include "obs/render.h"
#include "obs/status.h"
#include "pipeline/group_end.h"
#include "pipeline/request_limit.h"
#include "rdkafka/cluster_probe.h"

namespace penstock {
namespace {

using obs::Level;

// How often watch() looks at the workers when nothing wakes it. stop() takes no lock, so that its wake-up
// can be missed.
constexpr auto k_watch_interval = std::chrono::seconds(1);

// Between two lines on a thread that hangs.
constexpr auto k_between_silence_lines = std::chrono::seconds(30);

// A stop drains for so much longer than a rebalance may. Leaving takes up to 5 s more.
constexpr auto k_drain_grace = std::chrono::seconds(5);

// For the first tokens. Then brokers and store are asked without, and say so.
constexpr auto k_first_tokens = std::chrono::seconds(30);

// While a topic is missing. The end of the run waits for the answer to a question that is under way.
constexpr auto k_between_looks_at_topics = std::chrono::seconds(10);
constexpr std::chrono::milliseconds k_topics_answer{2000};

std::size_t partition_count(const rdkafka::ProbeReport& cluster) {
  std::size_t count = 0;
  for (const rdkafka::ProbedTopic& topic : cluster.topics) {
    count += topic.partition_count;
  }
  return count;
}

std::size_t partitions_of_widest(const rdkafka::ProbeReport& cluster) {
  std::size_t widest = 0;
  for (const rdkafka::ProbedTopic& topic : cluster.topics) {
    widest = std::max(widest, topic.partition_count);
  }
  return widest;
}

// Of a replay the ends of its ranges, else the ends of the logs. None where positions are set: nothing is
// read then.
std::map<TopicPartition, pipeline::EndMark> marks_of(const config::Settings& settings,
                                                     const rdkafka::ProbeReport& cluster) {
  std::map<TopicPartition, pipeline::EndMark> marks;
  if (settings.source.moves) {
    return marks;
  }
  if (settings.source.ranges) {
    for (const auto& [id, range] : *settings.source.ranges) {
      marks.emplace(id, pipeline::EndMark{.log_start = range.first, .mark = range.next});
    }
    return marks;
  }
  for (const auto& [id, log] : cluster.logs) {
    marks.emplace(id, pipeline::EndMark{.log_start = log.start, .mark = log.end});
  }
  return marks;
}

Result<config::Settings> checked(Result<config::Settings> loaded) {
  if (loaded.ok()) {
    if (Result<void> whole = appliance::check_whole(*loaded); !whole.ok()) {
      return std::move(whole).error();
    }
  }
  return loaded;
}

}  // namespace

Result<Settings> Settings::load(const std::string& path) {
  Result<config::Settings> loaded = checked(config::load(path, config::process_environment()));
  if (!loaded.ok()) {
    return std::move(loaded).error();
  }
  return Settings(std::make_shared<const config::Settings>(std::move(loaded).value()));
}

Result<Settings> Settings::parse(const std::string& yaml, const std::string& name) {
  Result<config::Settings> loaded = checked(config::load_text(yaml, name, config::process_environment()));
  if (!loaded.ok()) {
    return std::move(loaded).error();
  }
  return Settings(std::make_shared<const config::Settings>(std::move(loaded).value()));
}

Settings Settings::of(config::Settings details) {
  return Settings(std::make_shared<const config::Settings>(std::move(details)));
}

const std::string& Settings::name() const {
  return details_->name;
}

struct Appliance::Impl {
  explicit Impl(const Settings& given) : settings(given) {}

  Result<Summary> run(const RunOptions& options);
  Summary summary() const;
  Result<void> launch(const RunOptions& options, const rdkafka::ProbeReport& cluster);
  Result<void> watch(const RunOptions& options);
  std::optional<Error> drained_long_enough(appliance::Due due, std::int64_t seconds_left) const;
  std::optional<Error> waited_long_enough(appliance::Due due, bool waits_for_others);
  Result<std::unique_ptr<admin::Server>> serve_admin();
  pipeline::WorkerOptions options_of(std::uint32_t index, std::uint32_t count,
                                     const config::MemoryPlan& memory, const RunOptions& options,
                                     const rdkafka::ProbeReport& cluster) const;
  void set_waits_for(std::string others);
  std::string silent_for_longer(Duration allowed) const;
  void tell_silence(obs::LogGate& gate, MonoTime now) const;
  std::string not_ready() const;
  std::string note() const;
  std::string token_trouble() const;
  std::string metrics_page() const;
  appliance::StatusKeeper::Told told_status() const;

  const config::Settings& details() const { return settings.details(); }

  Settings settings;
  WallTime start_time = system_clock().wall_now();
  std::atomic<MonoTime> begun{system_clock().now()};  // run()
  std::atomic<bool> stop_asked{false};
  std::atomic<bool> leave_asked{false};
  obs::Heartbeat watcher;                                 // of watch()
  mutable std::mutex mutex;                               // of waits_for
  std::string waits_for;                                  // at the own end marks: whose are not reached
  std::unique_ptr<pipeline::GroupEnd> group_end;          // with exit_at_end, once there are workers
  std::unique_ptr<pipeline::RequestLimit> request_limit;  // of all workers, once there are some
  std::unique_ptr<appliance::TopicWatch> topic_watch;     // once there are workers
  appliance::StatusKeeper status{details()};
  std::optional<appliance::Tokens> tokens;  // from the start of run(), before there are threads
  // Of all workers.
  const std::unique_ptr<format::TopicTables> topic_tables = std::make_unique<format::TopicTables>();
  appliance::Fleet fleet;
};

Appliance::Appliance(const Settings& settings) : impl_(std::make_unique<Impl>(settings)) {}
Appliance::~Appliance() = default;
Result<Summary> Appliance::run(const RunOptions& options) {
  return impl_->run(options);
}
Counters Appliance::counters() const {
  return impl_->fleet.counters();
}
Summary Appliance::summary() const {
  return impl_->summary();
}
std::string Appliance::not_ready() const {
  return impl_->not_ready();
}
std::string Appliance::unhealthy() const {
  return impl_->silent_for_longer(appliance::k_unhealthy_after);
}

void Appliance::stop() {
  impl_->stop_asked.store(true);
  impl_->fleet.wake();
}

void Appliance::leave_now() {
  impl_->leave_asked.store(true);
  stop();
}

Result<Summary> Appliance::Impl::run(const RunOptions& options) {
  begun.store(system_clock().now());
  obs::init_log(appliance::log_options(details()));
  if (Result<void> memory = appliance::check_memory(details()); !memory.ok()) {
    return std::move(memory).error();
  }

  Result<appliance::Tokens> opened = appliance::Tokens::open(details());
  if (!opened.ok()) {
    return std::move(opened).error();
  }
  tokens = std::move(opened).value();

  auto server = serve_admin();
  if (!server.ok()) {
    return std::move(server).error();
  }
  const appliance::Patience patience =
      options.exit_at_end ? appliance::Patience::a_minute : appliance::Patience::endless;
  if (Result<void> awaited = tokens->await(k_first_tokens, stop_asked); !awaited.ok()) {
    return std::move(awaited).error();
  }
  tokens->tell();
  if (Result<void> store = appliance::probe_store(details(), stop_asked); !store.ok()) {
    return std::move(store).error();
  }
  Result<rdkafka::ProbeReport> cluster =
      appliance::await_cluster(details(), patience, stop_asked, options.waiting);
  if (!cluster.ok()) {
    return std::move(cluster).error();
  }
  Result<void> outcome;
  const bool has_nothing_to_read =
      options.exit_at_end && !stop_asked.load() && appliance::no_topic_matches(details(), *cluster);
  if (has_nothing_to_read) {
    obs::log(Level::info, concat("there is nothing to read: ", appliance::note_of(details(), *cluster)));
  }
  if (!stop_asked.load() && !has_nothing_to_read) {
    outcome = launch(options, *cluster);
    if (outcome.ok()) {
      outcome = watch(options);
      watcher.end();
    }
  }
  fleet.join();
  (*server)->stop();
  if (!outcome.ok()) {
    return std::move(outcome).error();
  }
  return summary();
}

Summary Appliance::Impl::summary() const {
  const obs::ProcessUsage usage = obs::process_usage();
  return {.counters = fleet.counters(),
          .seconds = std::chrono::duration<double>(system_clock().now() - begun.load()).count(),
          .cpu_seconds = usage.cpu_seconds,
          .peak_rss_bytes = usage.peak_resident_bytes};
}

void Appliance::Impl::set_waits_for(std::string others) {
  const std::lock_guard lock(mutex);
  waits_for = std::move(others);
}

Result<std::unique_ptr<admin::Server>> Appliance::Impl::serve_admin() {
  return admin::Server::start(
      admin::Options{.listen = appliance::admin_address(details()),
                     .token = [this] { return details().admin.token.current(); },
                     .open_probes = details().admin.open_probes},
      admin::Handlers{.metrics = [this] { return metrics_page(); },
                      .health =
                          [this] {
                            std::string reason = silent_for_longer(appliance::k_unhealthy_after);
                            return admin::Health{.ok = reason.empty(), .reason = std::move(reason)};
                          },
                      .ready =
                          [this] {
                            std::string reason = not_ready();
                            return reason.empty() ? admin::Readiness{.ready = true, .reason = note()}
                                                  : admin::Readiness{.ready = false, .reason = reason};
                          },
                      .status =
                          [this] {
                            return obs::status_json(status.status(fleet.metrics(), told_status(),
                                                                  system_clock().now(),
                                                                  system_clock().wall_now()));
                          }});
}

Result<void> Appliance::Impl::launch(const RunOptions& options, const rdkafka::ProbeReport& cluster) {
  const Result<std::uint32_t> count =
      appliance::worker_count(details(), appliance::allowed_cpus(), partitions_of_widest(cluster));
  if (!count.ok()) {
    return count.error();
  }
  const Result<config::MemoryPlan> memory = appliance::memory_plan(details(), *count);
  if (!memory.ok()) {
    return memory.error();
  }
  obs::log(Level::info, "starting",
           {{"name", details().name},
            {"version", version()},
            {"workers", *count},
            {"slabs", memory->slabs_per_worker},
            {"slab_bytes", memory->slab_bytes},
            {"topics", cluster.topics.size()},
            {"partitions", partition_count(cluster)},
            {"sink", details().sink.url}});
  const appliance::FetchChoice fetch = appliance::fetch_choice(details());
  obs::log(Level::info, fetch.direct ? "records are fetched directly" : "records are fetched by librdkafka",
           {{"fetch", fetch.direct ? "direct" : "librdkafka"}, {"because", fetch.reason}});
  for (const std::string& said : appliance::remove_former_stages(details(), *count)) {
    obs::log(Level::warning, said);
  }
  if (options.exit_at_end) {
    group_end = std::make_unique<pipeline::GroupEnd>(marks_of(details(), cluster));
  }
  request_limit = std::make_unique<pipeline::RequestLimit>(
      pipeline::RequestLimit::Options{.workers = *count, .connections = details().sink.connections});
  for (std::uint32_t i = 0; i < *count; ++i) {
    fleet.add(options_of(i, *count, *memory, options, cluster));
  }
  topic_watch = std::make_unique<appliance::TopicWatch>(
      details(), cluster, [this] { return appliance::ask_brokers(details(), k_topics_answer); },
      k_between_looks_at_topics);
  fleet.start();
  return {};
}

pipeline::WorkerOptions Appliance::Impl::options_of(std::uint32_t index, std::uint32_t count,
                                                    const config::MemoryPlan& memory,
                                                    const RunOptions& options,
                                                    const rdkafka::ProbeReport& cluster) const {
  pipeline::WorkerOptions out = appliance::worker_options(details(), index, count, memory);
  out.exit_at_end = options.exit_at_end;
  out.plan_for = [this](const std::string& topic) {
    return appliance::topic_plan(details(), topic, topic_tables->of(topic));
  };
  out.make_schemas = [this, texts_bytes = memory.schema_texts_bytes](io::Loop& loop) {
    return appliance::make_schemas(details(), *topic_tables, loop, system_clock(), texts_bytes);
  };
  out.make_store = [this](io::Loop& loop) { return appliance::make_store(details(), loop, system_clock()); };
  out.group_end = group_end.get();
  out.request_limit = request_limit.get();
  appliance::EndMarks end_marks;
  if (options.exit_at_end) {
    end_marks.emplace();
    for (const auto& [id, mark] : marks_of(details(), cluster)) {
      end_marks->emplace(id, mark.mark);
    }
  }
  out.make_source = [this, index, end_marks](io::Loop& loop) {
    return appliance::make_source(details(), index, end_marks, loop, system_clock());
  };
  return out;
}

// Until every worker has ended. One that fails stops the others, which drain.
Result<void> Appliance::Impl::watch(const RunOptions& options) {
  appliance::DrainLimit drain(details().drain_timeout + k_drain_grace);
  appliance::BoundedRunLimit bounded(appliance::bounded_patience(details()), system_clock().now());
  bool stop_passed_on = false;
  bool leave_passed_on = false;
  bool told_started = false;
  appliance::CredentialWatch credential_watch(details());
  obs::LogGate silence_gate(k_between_silence_lines);
  std::optional<Error> failure;
  for (;;) {
    watcher.beat();
    const appliance::Fleet::View seen = fleet.look();
    const MonoTime now = system_clock().now();
    tell_silence(silence_gate, now);
    status.look(fleet.metrics(), told_status(), now, system_clock().wall_now());
    tokens->tell();
    credential_watch.look(now, system_clock().wall_now());
    failure = failure ? failure : seen.failure;
    if (seen.all_ended) {
      return failure ? Result<void>(*failure) : Result<void>();
    }
    if (seen.all_started && !std::exchange(told_started, true) && options.started) {
      options.started();
    }
    if (options.exit_at_end && options.progress) {
      const pipeline::GroupEnd::Progress progress = group_end->progress();
      options.progress({.done = progress.done, .total = progress.total});
    }
    const bool at_end = options.exit_at_end && seen.all_at_end && group_end->complete();
    if (options.exit_at_end && !stop_passed_on && !at_end) {
      const std::uint64_t progress = seen.progress + group_end->news();
      const std::optional<Error> stood_still =
          waited_long_enough(bounded.look(now, progress, seen.all_at_end), seen.all_at_end);
      failure = failure ? failure : stood_still;
    }
    if ((stop_asked.load() || at_end || failure) && !std::exchange(stop_passed_on, true)) {
      drain.begin(now);
      topic_watch->end();
      fleet.stop();
    }
    std::optional<Error> unfinished = drained_long_enough(drain.look(now), drain.seconds_left(now));
    if ((leave_asked.load() || unfinished) && !std::exchange(leave_passed_on, true)) {
      failure = failure ? failure : unfinished;
      fleet.leave_now();
    }
    fleet.wait(seen, k_watch_interval);
  }
}

// An error: what the workers still do is not waited for.
std::optional<Error> Appliance::Impl::drained_long_enough(appliance::Due due,
                                                          std::int64_t seconds_left) const {
  if (due == appliance::Due::nothing) {
    return std::nullopt;
  }
  const std::string left = appliance::what_is_left(fleet.unpublished());
  const std::string reasons = fleet.not_ready();
  const std::string because = reasons.empty() ? "" : concat(" (", reasons, ")");
  if (due == appliance::Due::line) {
    obs::log(Level::info, concat("draining: ", left, because), {{"given_up_in_s", seconds_left}});
    return std::nullopt;
  }
  return make_error(ErrorKind::timed_out, Action::give_up,
                    concat("the drain was given up: ", left, "; the next start goes on there", because));
}

// An error: nobody has got any further for too long.
std::optional<Error> Appliance::Impl::waited_long_enough(appliance::Due due, bool waits_for_others) {
  if (!waits_for_others) {
    set_waits_for({});
  }
  if (due == appliance::Due::nothing) {
    return std::nullopt;
  }
  const std::string left = appliance::what_is_left(group_end->left(), group_end->mark_count());
  if (due == appliance::Due::line) {
    const std::string waits = concat("waiting for the other members of the group: ", left);
    obs::log(Level::info, concat(waits, "; they are taken over when the group gives them to this process"));
    set_waits_for(waits);
    return std::nullopt;
  }
  const std::string reasons = fleet.not_ready();
  return make_error(ErrorKind::timed_out, Action::give_up,
                    concat("the end was not reached, and nothing moves any more: ", left,
                           reasons.empty() ? "" : "; ", reasons));
}

// From any thread: also where the thread that watches is the one that hangs.
std::string Appliance::Impl::silent_for_longer(Duration allowed) const {
  std::vector<appliance::Pulse> pulses = fleet.pulses();
  pulses.push_back({.who = "the thread that watches the workers", .age = watcher.age()});
  return appliance::silent_for_longer(pulses, allowed);
}

void Appliance::Impl::tell_silence(obs::LogGate& gate, MonoTime now) const {
  const std::string silent = silent_for_longer(appliance::k_not_ready_after);
  if (!silent.empty() && gate.pass(now)) {
    obs::log(Level::error,
             concat(silent,
                    ": as a rule a disk or a mount does not answer; after 2 minutes /healthz says so "
                    "too, and a restart loses nothing"));
  }
}

std::string Appliance::Impl::not_ready() const {
  const bool there = fleet.started();
  std::string reasons;
  if (stop_asked.load()) {
    reasons = there ? concat("draining: ", appliance::what_is_left(fleet.unpublished())) : "draining";
    pipeline::append_reason(reasons, silent_for_longer(appliance::k_not_ready_after));
    pipeline::append_reason(reasons, fleet.not_ready());
    return reasons;
  }
  if (!there) {
    reasons = "waiting for the brokers";
    pipeline::append_reason(reasons, token_trouble());
    return reasons;
  }
  reasons = silent_for_longer(appliance::k_not_ready_after);
  pipeline::append_reason(reasons, token_trouble());
  pipeline::append_reason(reasons, topic_watch->missing());
  // Workers join the group when a topic matches, and say until then that they are waiting for an assignment.
  pipeline::append_reason(reasons,
                          topic_watch->note().empty() ? fleet.not_ready() : topic_watch->no_answer());
  const std::lock_guard lock(mutex);
  pipeline::append_reason(reasons, waits_for);
  return reasons;
}

// Of a service that is ready: what one may want to know all the same.
std::string Appliance::Impl::note() const {
  return fleet.started() ? topic_watch->note() : std::string();
}

std::string Appliance::Impl::token_trouble() const {
  return tokens ? tokens->trouble() : std::string();
}

appliance::StatusKeeper::Told Appliance::Impl::told_status() const {
  std::string reason = not_ready();
  const obs::StatusState state = stop_asked.load() ? obs::StatusState::draining
                                 : reason.empty()  ? obs::StatusState::ready
                                                   : obs::StatusState::waiting;
  if (state == obs::StatusState::ready) {
    reason = note();
  }
  return {.state = state, .reason = std::move(reason), .start_time = start_time};
}

std::string Appliance::Impl::metrics_page() const {
  std::vector<std::pair<std::string, WallTime>> ends;
  for (const appliance::CredentialEnd& end : appliance::credential_ends(details())) {
    ends.emplace_back(end.side, end.ends);
  }
  return obs::render(fleet.metrics(),
                     obs::ProcessInfo{.version = version(),
                                      .name = details().name,
                                      .start_time = start_time,
                                      .ready = not_ready().empty(),
                                      .usage = obs::process_usage(),
                                      .tokens = tokens ? tokens->metrics() : std::vector<obs::TokenMetrics>(),
                                      .credential_ends = std::move(ends)});
}

}  // namespace penstock
