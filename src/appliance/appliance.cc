// How it works
//
// Appliance::run() goes through these steps on the thread that calls it, which then only watches:
// 1. The log and the admin server start, so that /readyz can say what is waited for.
// 2. The store is asked once, and the brokers until they answer (startup.h). What only a person can mend ends
//    the run here, before a record is read.
// 3. launch() decides by the number of partitions how many workers there are (wiring.h), and gives each a
//    thread.
// 4. watch() waits until every worker has ended. It passes on stop(), leave_now(), and the end of all logs.
// 5. The threads are joined, the admin server stops, and the totals are added up.
//
// For example, the second of three workers meets an error that it cannot get over:
// 1. Its run() returns the error. Its thread keeps that as the worker's outcome, and wakes watch().
// 2. watch() keeps the error, as the first one, and tells every worker to stop.
// 3. The other two publish and commit what they have read, and end.
// 4. All have ended, so watch() returns the error, and so does Appliance::run().
//
// Who may look at what: `mutex` guards what the workers' threads tell watch(). The set of workers is complete
// when `workers_there` is set, and does not change afterwards. Until then counters(), not_ready() and the
// metrics page, which come from any thread, leave it alone. What they read of a worker after that may be read
// from any thread without a lock.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <pthread.h>
#include <sched.h>

#include <penstock/penstock.h>

#include "admin/server.h"
#include "appliance/startup.h"
#include "appliance/whole_check.h"
#include "appliance/wiring.h"
#include "appliance/wiring_source.h"
#include "appliance/wiring_store.h"
#include "base/concat.h"
#include "config/load.h"
#include "obs/log.h"
#include "obs/process.h"
#include "obs/render.h"
#include "pipeline/worker.h"
#include "rdkafka/cluster_probe.h"

namespace penstock {
namespace {

using obs::Level;

// How often watch() looks at the workers when nothing wakes it. That a worker is at its end marks wakes
// nobody, so with those it looks often. Otherwise it looks only because stop() takes no lock, so that its
// wake-up can be missed.
constexpr auto k_watch_for_end_interval = std::chrono::milliseconds(100);
constexpr auto k_watch_interval = std::chrono::seconds(1);

std::uint32_t allowed_cpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) {
    return 1;
  }
  return static_cast<std::uint32_t>(std::max(CPU_COUNT(&cpus), 1));
}

std::size_t partition_count(const rdkafka::ProbeReport& cluster) {
  std::size_t count = 0;
  for (const rdkafka::ProbedTopic& topic : cluster.topics) {
    count += topic.partition_count;
  }
  return count;
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

const std::string& Settings::name() const {
  return details_->name;
}

struct Appliance::Impl {
  explicit Impl(const Settings& given) : settings(given) {}

  struct Running {
    std::unique_ptr<obs::WorkerMetrics> metrics;
    std::unique_ptr<pipeline::Worker> worker;
    std::thread thread;
    bool started = false;
    std::optional<Result<void>> outcome;
  };

  Result<Summary> run(const RunOptions& options);
  Result<void> launch(const RunOptions& options, const rdkafka::ProbeReport& cluster);
  Result<void> watch(const RunOptions& options);
  Result<std::unique_ptr<admin::Server>> serve_admin();
  pipeline::WorkerOptions options_of(std::uint32_t index, std::uint32_t count,
                                     const config::MemoryPlan& memory, const RunOptions& options,
                                     const rdkafka::ProbeReport& cluster) const;
  void join_all();
  Counters counters() const;
  std::string not_ready() const;
  std::string metrics_page() const;

  const config::Settings& details() const { return settings.details(); }

  Settings settings;
  WallTime start_time = system_clock().wall_now();
  std::atomic<bool> stop_asked{false};
  std::atomic<bool> leave_asked{false};
  std::atomic<bool> workers_there{false};  // the set of workers is complete and does not change any more

  std::mutex mutex;  // of `started`, `outcome` of the workers, and the condition
  std::condition_variable changed;
  std::deque<Running> workers;
};

Appliance::Appliance(const Settings& settings) : impl_(std::make_unique<Impl>(settings)) {}
Appliance::~Appliance() = default;
Result<Summary> Appliance::run(const RunOptions& options) {
  return impl_->run(options);
}
Counters Appliance::counters() const {
  return impl_->counters();
}
std::string Appliance::not_ready() const {
  return impl_->not_ready();
}

void Appliance::stop() {
  impl_->stop_asked.store(true);
  impl_->changed.notify_all();
}

void Appliance::leave_now() {
  impl_->leave_asked.store(true);
  stop();
}

Result<Summary> Appliance::Impl::run(const RunOptions& options) {
  const MonoTime begun = system_clock().now();
  obs::init_log(appliance::log_options(details()));

  auto server = serve_admin();
  if (!server.ok()) {
    return std::move(server).error();
  }
  const appliance::Patience patience =
      options.exit_at_end ? appliance::Patience::a_minute : appliance::Patience::endless;
  if (Result<void> store = appliance::probe_store(details(), stop_asked); !store.ok()) {
    return std::move(store).error();
  }
  Result<rdkafka::ProbeReport> cluster = appliance::await_cluster(details(), patience, stop_asked);
  if (!cluster.ok()) {
    return std::move(cluster).error();
  }
  Result<void> outcome;
  if (!stop_asked.load()) {
    outcome = launch(options, *cluster);
    if (outcome.ok()) {
      outcome = watch(options);
    }
  }
  join_all();
  (*server)->stop();
  if (!outcome.ok()) {
    return std::move(outcome).error();
  }
  const obs::ProcessUsage usage = obs::process_usage();
  return Summary{.counters = counters(),
                 .seconds = std::chrono::duration<double>(system_clock().now() - begun).count(),
                 .cpu_seconds = usage.cpu_seconds,
                 .peak_rss_bytes = usage.peak_resident_bytes};
}

Result<std::unique_ptr<admin::Server>> Appliance::Impl::serve_admin() {
  return admin::Server::start(admin::Options{.listen = appliance::admin_address(details())},
                              admin::Handlers{.metrics = [this] { return metrics_page(); },
                                              .health = [] { return admin::Health{}; },
                                              .ready =
                                                  [this] {
                                                    std::string reason = not_ready();
                                                    return admin::Readiness{.ready = reason.empty(),
                                                                            .reason = std::move(reason)};
                                                  }});
}

Result<void> Appliance::Impl::launch(const RunOptions& options, const rdkafka::ProbeReport& cluster) {
  const Result<std::uint32_t> count =
      appliance::worker_count(details(), allowed_cpus(), partition_count(cluster));
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
  for (std::uint32_t i = 0; i < *count; ++i) {
    Running& running = workers.emplace_back();
    running.metrics = std::make_unique<obs::WorkerMetrics>(i);
    running.worker = std::make_unique<pipeline::Worker>(options_of(i, *count, *memory, options, cluster),
                                                        system_clock(), *running.metrics);
  }
  workers_there.store(true, std::memory_order_release);
  for (Running& running : workers) {
    running.thread = std::thread([this, &running] {
      pthread_setname_np(pthread_self(), concat("penstock-w", running.metrics->index).c_str());
      Result<void> outcome = running.worker->run([this, &running] {
        const std::lock_guard lock(mutex);
        running.started = true;
        changed.notify_all();
      });
      const std::lock_guard lock(mutex);
      running.outcome = std::move(outcome);
      changed.notify_all();
    });
  }
  return {};
}

pipeline::WorkerOptions Appliance::Impl::options_of(std::uint32_t index, std::uint32_t count,
                                                    const config::MemoryPlan& memory,
                                                    const RunOptions& options,
                                                    const rdkafka::ProbeReport& cluster) const {
  pipeline::WorkerOptions out = appliance::worker_options(details(), index, count, memory);
  out.exit_at_end = options.exit_at_end;
  out.plan_for = [this](const std::string& topic) { return appliance::topic_plan(details(), topic); };
  out.make_store = [this](io::Loop& loop) { return appliance::make_store(details(), loop, system_clock()); };
  appliance::EndMarks end_marks;
  if (options.exit_at_end) {
    end_marks = rdkafka::end_marks(cluster);
  }
  out.make_source = [this, index, end_marks](io::Loop& loop) {
    return appliance::make_source(details(), index, end_marks, loop, system_clock());
  };
  return out;
}

// Until every worker has ended. One that fails stops the others, which drain.
Result<void> Appliance::Impl::watch(const RunOptions& options) {
  bool stop_passed_on = false;
  bool leave_passed_on = false;
  bool told_started = false;
  Result<void> outcome;
  std::unique_lock lock(mutex);
  for (;;) {
    bool all_started = true;
    bool all_ended = true;
    bool all_at_end = options.exit_at_end;
    bool failed = false;
    for (const Running& running : workers) {
      all_started = all_started && running.started;
      all_ended = all_ended && running.outcome.has_value();
      all_at_end = all_at_end && running.worker->at_end();
      if (running.outcome && !running.outcome->ok()) {
        failed = true;
        if (outcome.ok()) {
          outcome = *running.outcome;
        }
      }
    }
    if (all_ended) {
      return outcome;
    }
    if (all_started && !told_started) {
      told_started = true;
      if (options.started) {
        options.started();
      }
    }
    if (leave_asked.load() && !std::exchange(leave_passed_on, true)) {
      for (Running& running : workers) {
        running.worker->leave_now();
      }
    }
    if ((stop_asked.load() || all_at_end || failed) && !std::exchange(stop_passed_on, true)) {
      for (Running& running : workers) {
        running.worker->stop();
      }
    }
    changed.wait_for(lock, options.exit_at_end ? k_watch_for_end_interval : k_watch_interval);
  }
}

void Appliance::Impl::join_all() {
  for (Running& running : workers) {
    if (running.thread.joinable()) {
      running.thread.join();
    }
  }
}

Counters Appliance::Impl::counters() const {
  Counters out;
  if (!workers_there.load(std::memory_order_acquire)) {
    return out;
  }
  std::map<std::string, TopicCounters> topics;
  std::map<TopicPartition, std::uint64_t> lag;  // a partition on the move is listed by both workers
  for (const Running& running : workers) {
    const obs::WorkerMetrics& metrics = *running.metrics;
    out.records += metrics.records_received.value();
    out.records_skipped += metrics.records_skipped.value();
    out.record_bytes += metrics.record_bytes.value();
    out.blobs += metrics.blobs_published.value();
    out.blob_bytes += metrics.blob_bytes.value();
    out.stage_bytes += static_cast<std::uint64_t>(metrics.stage_live_bytes.value());
    for (std::size_t reason = 0; reason < obs::k_retry_reasons; ++reason) {
      out.retries += metrics.retries[static_cast<obs::RetryReason>(reason)].value();
    }
    for (const obs::PartitionRow& row : metrics.partitions.rows()) {
      if (row.log_end > row.position) {
        lag[row.id] = static_cast<std::uint64_t>(row.log_end.value - row.position.value);
      }
    }
    for (const obs::TopicTotals& totals : metrics.topics.totals()) {
      TopicCounters& topic = topics[totals.topic];
      topic.topic = totals.topic;
      topic.records += totals.records;
      topic.bytes += totals.bytes;
      topic.blobs += totals.blobs;
    }
  }
  for (const auto& [id, records] : lag) {
    out.lag_records += records;
  }
  for (auto& [name, topic] : topics) {
    out.topics.push_back(std::move(topic));
  }
  return out;
}

std::string Appliance::Impl::not_ready() const {
  if (stop_asked.load()) {
    return "draining";
  }
  if (!workers_there.load(std::memory_order_acquire)) {
    return "waiting for the brokers";
  }
  std::string reasons;
  std::set<std::string> said;
  for (const Running& running : workers) {
    const std::string reason = running.worker->not_ready();
    if (!reason.empty() && said.insert(reason).second) {
      reasons += concat(reasons.empty() ? "" : "; ", reason);
    }
  }
  return reasons;
}

std::string Appliance::Impl::metrics_page() const {
  std::vector<const obs::WorkerMetrics*> metrics;
  if (workers_there.load(std::memory_order_acquire)) {
    for (const Running& running : workers) {
      metrics.push_back(running.metrics.get());
    }
  }
  return obs::render(metrics, obs::ProcessInfo{.version = version(),
                                               .name = details().name,
                                               .start_time = start_time,
                                               .usage = obs::process_usage()});
}

}  // namespace penstock
