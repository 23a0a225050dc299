// How it works
//
// A worker's thread tells that its worker has started, that it has come to its end marks or knows more of
// the group's, and what it came to. Each counts as a change. Who watches takes a View, decides by it, and
// waits for a change since that view. So nothing that happens between the two is missed:
//
//   watcher: look() ─► changes 3 ─► decides ─► wait(changes 3) returns at once, look() again
//   worker:                  ends: changes 4, wakes who waits
//
// All other numbers are the workers' own metrics, which any thread may read. They are added up when somebody
// asks. A partition that moves between two workers is listed by both for a moment, so the lag is taken once a
// partition.
#include "appliance/fleet.h"

#include <map>
#include <set>
#include <utility>

#include <pthread.h>

#include "base/concat.h"

namespace penstock::appliance {

void Fleet::add(pipeline::WorkerOptions options) {
  Running& running = workers_.emplace_back();
  running.metrics = std::make_unique<obs::WorkerMetrics>(options.index);
  options.look_again = [this] { tell_change(); };
  running.worker = std::make_unique<pipeline::Worker>(std::move(options), system_clock(), *running.metrics);
}

void Fleet::start() {
  complete_.store(true, std::memory_order_release);
  for (Running& running : workers_) {
    running.thread = std::thread([this, &running] { run(running); });
  }
}

// Of what a view tells, once it is so.
void Fleet::tell_change() {
  const std::lock_guard lock(mutex_);
  ++changes_;
  changed_.notify_all();
}

// On the worker's thread.
void Fleet::run(Running& running) {
  pthread_setname_np(pthread_self(), concat("penstock-w", running.metrics->index).c_str());
  const auto changed = [this] {
    ++changes_;
    changed_.notify_all();
  };
  Result<void> outcome = running.worker->run([this, &running, &changed] {
    const std::lock_guard lock(mutex_);
    running.started = true;
    changed();
  });
  const std::lock_guard lock(mutex_);
  running.outcome = std::move(outcome);
  changed();
}

void Fleet::join() {
  for (Running& running : workers_) {
    if (running.thread.joinable()) {
      running.thread.join();
    }
  }
}

void Fleet::stop() {
  for (Running& running : workers_) {
    running.worker->stop();
  }
}

void Fleet::leave_now() {
  for (Running& running : workers_) {
    running.worker->leave_now();
  }
}

Fleet::View Fleet::look() const {
  const std::lock_guard lock(mutex_);
  View view{.changes = changes_};
  for (const Running& running : workers_) {
    view.all_started = view.all_started && running.started;
    view.all_ended = view.all_ended && running.outcome.has_value();
    view.all_at_end = view.all_at_end && running.worker->at_end();
    if (running.outcome && !running.outcome->ok() && !view.failure) {
      view.failure = running.outcome->error();
    }
    const obs::WorkerMetrics& metrics = *running.metrics;
    view.progress +=
        metrics.blocks_uploaded.value() + metrics.blobs_published.value() + metrics.commits.value();
  }
  return view;
}

void Fleet::wait(const View& since, Duration longest) {
  std::unique_lock lock(mutex_);
  if (changes_ == since.changes) {
    changed_.wait_for(lock, longest);
  }
}

Counters Fleet::counters() const {
  Counters out;
  if (!started()) {
    return out;
  }
  std::map<std::string, TopicCounters> topics;
  std::map<TopicPartition, std::uint64_t> lag;  // a partition on the move is listed by both workers
  for (const Running& running : workers_) {
    const obs::WorkerMetrics& metrics = *running.metrics;
    out.records += metrics.records_landed.value();
    out.record_bytes += metrics.landed_bytes.value();
    out.records_received += metrics.records_received.value();
    out.record_bytes_received += metrics.record_bytes.value();
    out.records_skipped += metrics.records_skipped.value();
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
      for (const std::uint64_t records : totals.quarantined) {
        out.records_quarantined += records;
      }
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

// The batches that take records, and those that are on their way.
Unpublished Fleet::unpublished() const {
  Unpublished left;
  if (!started()) {
    return left;
  }
  for (const Running& running : workers_) {
    const obs::WorkerMetrics& metrics = *running.metrics;
    left.batches +=
        static_cast<std::uint64_t>(metrics.open_batches.value() + metrics.publishing_batches.value());
    left.staged_bytes += static_cast<std::uint64_t>(metrics.stage_live_bytes.value());
  }
  return left;
}

std::vector<const obs::WorkerMetrics*> Fleet::metrics() const {
  std::vector<const obs::WorkerMetrics*> metrics;
  if (started()) {
    for (const Running& running : workers_) {
      metrics.push_back(running.metrics.get());
    }
  }
  return metrics;
}

std::vector<Pulse> Fleet::pulses() const {
  std::vector<Pulse> pulses;
  for (const obs::WorkerMetrics* metrics : this->metrics()) {
    pulses.push_back({.who = concat("worker ", metrics->index), .age = metrics->heartbeat.age()});
  }
  return pulses;
}

std::string Fleet::not_ready() const {
  std::string reasons;
  if (!started()) {
    return reasons;
  }
  std::set<std::string> said;
  for (const Running& running : workers_) {
    const std::string reason = running.worker->not_ready();
    if (said.insert(reason).second) {
      pipeline::append_reason(reasons, reason);
    }
  }
  return reasons;
}

}  // namespace penstock::appliance
