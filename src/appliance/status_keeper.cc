// How it works
//
// The workers' numbers are totals of now. A rate needs two of them, a time apart. look() keeps two samples of
// the partitions' positions, and replaces the older one when the newer one is a quarter of a minute old.
//
// For example, a partition gets 100 records a second, and somebody asks for a status at 31 s:
// 1. At 0 s look() took a sample: offset 0. At 15 s it took another one: 1,500. At 30 s it took a third,
//    3,000, and the one of 0 s went.
// 2. At 31 s the partition is at 3,100. The older sample is 16 s old: (3,100 - 1,500) / 16 s = 100 a second.
// A partition that came after the older sample has no rate yet and adds nothing.
//
// The time of the last file is that of the look that first saw it counted, so it is right to about a second.
#include "appliance/status_keeper.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include <penstock/penstock.h>

#include "config/shown.h"
#include "obs/process.h"
#include "obs/troubles.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_between_samples = std::chrono::seconds(15);

std::vector<obs::ConfigurationLine> lines_of(const config::Settings& settings) {
  std::vector<obs::ConfigurationLine> lines;
  for (config::ShownKey& key : config::shown_configuration(settings)) {
    lines.push_back({.key = std::move(key.path), .value = std::move(key.value), .written = key.written});
  }
  return lines;
}

// Of a partition that moves from one worker to another, and that both list, the row that is further on. Those
// of a worker that is late are out of date, as on /metrics.
std::map<TopicPartition, obs::PartitionRow> rows_of(Workers workers) {
  std::map<TopicPartition, obs::PartitionRow> rows;
  for (const obs::WorkerMetrics* worker : workers) {
    if (worker->heartbeat.late()) {
      continue;
    }
    for (obs::PartitionRow& row : worker->partitions.rows()) {
      const auto [known, is_new] = rows.try_emplace(row.id, row);
      if (!is_new && row.position > known->second.position) {
        known->second = std::move(row);
      }
    }
  }
  return rows;
}

std::optional<std::uint64_t> lag_of(const obs::PartitionRow& row) {
  const std::int64_t lag = row.lag_records();
  return lag < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(lag));
}

std::optional<double> lag_seconds_of(const obs::PartitionRow& row) {
  return row.lag_ms < 0 ? std::nullopt : std::optional(static_cast<double>(row.lag_ms) / 1e3);
}

// The earliest of all, and none where it is not known of one.
void keep_earliest(std::optional<WallTime>& earliest, bool is_first, const obs::PartitionRow& row) {
  if (row.landed_until_ms < 0) {
    earliest.reset();
  } else if (const WallTime until{std::chrono::milliseconds(row.landed_until_ms)};
             is_first || (earliest && until < *earliest)) {
    earliest = until;
  }
}

std::uint64_t lag_of_all(Workers workers) {
  std::uint64_t lag = 0;
  for (const auto& [id, row] : rows_of(workers)) {
    lag += lag_of(row).value_or(0);
  }
  return lag;
}

std::uint64_t at_least_zero(const obs::Gauge& gauge) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, gauge.value()));
}

obs::WorkerStatus status_of(const obs::WorkerMetrics& worker) {
  obs::WorkerStatus out;
  out.index = worker.index;
  if (const std::optional<Duration> age = worker.heartbeat.age()) {
    out.silent_s = std::chrono::duration<double>(*age).count();
  }
  out.partitions = at_least_zero(worker.assigned_partitions);
  out.open_batches = at_least_zero(worker.open_batches);
  out.publishing_batches = at_least_zero(worker.publishing_batches);
  out.requests_under_way = at_least_zero(worker.requests_under_way);
  out.request_limit = at_least_zero(worker.request_places);
  out.stage_bytes = at_least_zero(worker.stage_live_bytes);
  out.io_backend = to_string(worker.io_backend.load(std::memory_order_relaxed));
  return out;
}

std::vector<obs::NamedCount> as_list(const std::map<std::string, std::uint64_t>& counts) {
  std::vector<obs::NamedCount> list;
  for (const auto& [name, count] : counts) {
    if (count > 0) {
      list.push_back({.name = name, .count = count});
    }
  }
  return list;
}

void fill_workers(obs::Status& status, Workers workers) {
  std::map<std::string, std::uint64_t> retries;
  std::map<std::string, std::uint64_t> throttled;
  for (const obs::WorkerMetrics* worker : workers) {
    status.workers.push_back(status_of(*worker));
    status.records += worker->records_landed.value();
    status.bytes += worker->landed_bytes.value();
    status.files += worker->blobs_published.value();
    status.file_bytes += worker->blob_bytes.value();
    status.stage_bytes += at_least_zero(worker->stage_live_bytes);
    status.stage_full_s += static_cast<double>(worker->stage_full_ns.value()) / 1e9;
    status.commit_failures += worker->commit_failures.value();
    status.rebalances += worker->rebalances.value();
    for (std::size_t i = 0; i < obs::k_retry_reasons; ++i) {
      const auto reason = static_cast<obs::RetryReason>(i);
      retries[std::string(to_string(reason))] += worker->retries[reason].value();
    }
    for (const auto& [code, count] : worker->throttled.totals()) {
      throttled[code] += count;
    }
  }
  status.retries = as_list(retries);
  status.throttled = as_list(throttled);
}

}  // namespace

StatusKeeper::StatusKeeper(const config::Settings& settings)
    : settings_(settings), configuration_(lines_of(settings)) {}

void StatusKeeper::look(Workers workers, const Told& told, MonoTime now, WallTime wall_now) {
  const std::lock_guard lock(mutex_);
  if (!state_since_ || told.state != state_) {
    state_ = told.state;
    state_since_ = wall_now;
  }
  look_at_files(workers, wall_now);
  look_at_rates(workers, now);
  if (history_.due(now)) {
    obs::StatusHistory::Totals totals;
    for (const obs::WorkerMetrics* worker : workers) {
      totals.records += worker->records_received.value();
      totals.bytes += worker->record_bytes.value();
    }
    totals.lag_records = lag_of_all(workers);
    history_.look(now, totals);
  }
}

void StatusKeeper::look_at_files(Workers workers, WallTime wall_now) {
  std::map<std::string, std::uint64_t> files;
  for (const obs::WorkerMetrics* worker : workers) {
    for (const obs::TopicTotals& totals : worker->topics.totals()) {
      files[totals.topic] += totals.blobs;
    }
  }
  for (const auto& [topic, count] : files) {
    if (count == 0) {
      continue;  // it has no file yet, and so no time of the last one
    }
    if (FileMark& mark = files_[topic]; mark.files != count) {
      mark = {.files = count, .seen = wall_now};
    }
  }
}

void StatusKeeper::look_at_rates(Workers workers, MonoTime now) {
  // Before there are partitions there is nothing that a rate could be reckoned from.
  const bool has_sample = newer_ && !newer_->positions.empty();
  if (has_sample && now - newer_->at < k_between_samples) {
    return;
  }
  Sample sample{.at = now, .positions = {}};
  for (const auto& [id, row] : rows_of(workers)) {
    sample.positions[id] = row.position.value;
  }
  older_ = has_sample ? std::move(newer_) : std::nullopt;
  newer_ = std::move(sample);
}

void StatusKeeper::fill_topics(obs::Status& status, Workers workers, MonoTime now) const {
  std::map<std::string, obs::TopicStatus> topics;
  for (const obs::WorkerMetrics* worker : workers) {
    for (const obs::TopicTotals& totals : worker->topics.totals()) {
      obs::TopicStatus& topic = topics[totals.topic];
      topic.records += totals.records;
      topic.bytes += totals.bytes;
      topic.files += totals.blobs;
      topic.quarantined =
          std::accumulate(totals.quarantined.begin(), totals.quarantined.end(), topic.quarantined);
      topic.refused = topic.refused || totals.refused;
    }
  }
  const Sample* before = older_ ? &*older_ : newer_ ? &*newer_ : nullptr;
  const double seconds = before == nullptr ? 0 : std::chrono::duration<double>(now - before->at).count();
  std::size_t listed = 0;
  for (const auto& [id, row] : rows_of(workers)) {
    obs::TopicStatus& topic = topics[id.topic];
    ++topic.partition_count;
    topic.lag_records += lag_of(row).value_or(0);
    topic.lag_seconds = std::max(topic.lag_seconds, lag_seconds_of(row));
    keep_earliest(topic.landed_until, topic.partition_count == 1, row);
    if (seconds > 0) {
      const auto former = before->positions.find(id);
      const std::int64_t read = former == before->positions.end() ? 0 : row.position.value - former->second;
      topic.read_per_second += static_cast<double>(std::max<std::int64_t>(0, read)) / seconds;
    }
    if (++listed > k_partitions_listed_max) {
      ++status.partitions_left_out;
      continue;
    }
    topic.partitions.push_back(
        {.partition = id.partition.value,
         .position = row.position.value,
         .committed = row.committed.value,
         .log_end = row.log_end.value < 0 ? std::nullopt : std::optional(row.log_end.value),
         .lag_records = lag_of(row),
         .lag_seconds = lag_seconds_of(row)});
  }
  for (auto& [name, topic] : topics) {
    topic.topic = name;
    if (const auto mark = files_.find(name); mark != files_.end()) {
      topic.last_file = mark->second.seen;
      status.last_file = std::max(status.last_file.value_or(mark->second.seen), mark->second.seen);
    }
    status.lag_records += topic.lag_records;
    status.lag_seconds = std::max(status.lag_seconds, topic.lag_seconds);
    status.topics.push_back(std::move(topic));
  }
}

obs::Status StatusKeeper::status(Workers workers, const Told& told, MonoTime now, WallTime wall_now) const {
  obs::Status status;
  status.version = version();
  status.name = settings_.name;
  status.now = wall_now;
  status.start_time = told.start_time;
  status.state = told.state;
  status.reason = told.reason;
  status.stage_limit = settings_.stage.max_bytes;
  const obs::ProcessUsage usage = obs::process_usage();
  status.cpu_seconds = usage.cpu_seconds;
  status.memory_bytes = usage.resident_bytes;
  status.troubles = obs::last_troubles();
  status.configuration = configuration_;
  fill_workers(status, workers);
  const std::lock_guard lock(mutex_);
  status.state_since = told.state == state_ ? state_since_ : wall_now;
  status.history = history_;
  fill_topics(status, workers, now);
  return status;
}

}  // namespace penstock::appliance
