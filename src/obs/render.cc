// How it works. Each plain number of a worker is a row of a table: the member of WorkerMetrics, the public
// name, the help. A page is made by walking the tables, and for each row all workers. What is not one plain
// number per worker (by reason, by topic, by partition, another unit) has a few lines of its own below the
// tables.
//
// Worked case: two workers read topic api, and partition 3 has just moved from worker 0 to worker 1.
//
//   penstock_records_received_total{worker="0"} 700          one line per worker
//   penstock_records_received_total{worker="1"} 300
//   penstock_topic_records_total{topic="api"} 1000           the sum of both workers
//   penstock_partition_position_offset{topic="api",partition="3"} 5000
//
// Both workers may list partition 3 for about a second. The row that is further on is shown, so no series
// appears twice, which Prometheus would refuse as a whole page.
//
// To add a number: a member in worker_metrics.h, a row here.
#include "obs/render.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "obs/exposition.h"

namespace penstock::obs {
namespace {

using Workers = std::span<const WorkerMetrics* const>;

struct CounterRow {
  Counter WorkerMetrics::*counter;
  std::string_view name;
  std::string_view help;
};

constexpr CounterRow k_counters[] = {
    {&WorkerMetrics::records_received, "penstock_records_received_total", "Records taken from the source."},
    {&WorkerMetrics::records_skipped, "penstock_records_skipped_total",
     "Records with an empty value, which leave no line."},
    {&WorkerMetrics::lines_flattened, "penstock_lines_flattened_total",
     "Records in which CR or LF became a space."},
    {&WorkerMetrics::headers_repeated, "penstock_headers_repeated_total",
     "Headers left out of files of capture-avro, as another of the same name follows in the record."},
    {&WorkerMetrics::undecoded_values, "penstock_undecoded_values_total",
     "Records whose value batch.decode could not decode; it lands in base64, with decode_error."},
    {&WorkerMetrics::schema_conflicts, "penstock_schema_conflicts_total",
     "Records with a field that is in _rescued, as its column is of another version of the schema."},
    {&WorkerMetrics::schema_waits, "penstock_schema_waits_total",
     "Times that a topic began to wait for the schema of a record; most waits last one request."},
    {&WorkerMetrics::schemas_evicted, "penstock_schemas_evicted_total",
     "Schemas of the registry that runtime.memory has no room to keep: they are asked for again."},
    {&WorkerMetrics::record_bytes, "penstock_record_bytes_total", "Bytes of record values received."},
    {&WorkerMetrics::lost_positions, "penstock_lost_positions_total",
     "Positions that were gone from the log before they were read, with source.on_data_loss: continue."},
    {&WorkerMetrics::undated_records, "penstock_undated_records_total",
     "Records received whose timestamp is missing or before 2000: nothing is told of their age."},
    {&WorkerMetrics::stale_records, "penstock_stale_records_total",
     "Records that the source handed over again, dropped."},
    {&WorkerMetrics::blobs_published, "penstock_blobs_published_total", "Blobs made visible in the lake."},
    {&WorkerMetrics::records_landed, "penstock_records_landed_total", "Records in these blobs."},
    {&WorkerMetrics::landed_bytes, "penstock_landed_bytes_total", "Bytes of the values of these records."},
    {&WorkerMetrics::blob_bytes, "penstock_blob_bytes_total",
     "Bytes of published blobs, as stored, after compression."},
    {&WorkerMetrics::blocks_uploaded, "penstock_blocks_uploaded_total", "Blocks stored in the lake."},
    {&WorkerMetrics::put_attempts, "penstock_put_attempts_total",
     "Write requests sent to the lake, repeats included."},
    {&WorkerMetrics::tombstones, "penstock_tombstones_total",
     "Names of unfinished claims that were closed with an empty file; the records are read again."},
    {&WorkerMetrics::empty_files, "penstock_empty_files_total",
     "Empty files put for partitions that were silent (batch.empty_files)."},
    {&WorkerMetrics::empty_files_given_up, "penstock_empty_files_given_up_total",
     "Empty files that the lake did not take while the next window lasted; nothing else waits for them."},
    {&WorkerMetrics::dead_batches, "penstock_dead_batches_total",
     "Batches whose name a successor had closed before they were published; it reads the records again."},
    {&WorkerMetrics::dropped_batches, "penstock_dropped_batches_total",
     "Batches that were dropped before they were published; their records are read again."},
    {&WorkerMetrics::source_errors, "penstock_source_errors_total",
     "Errors that the worker's client of Kafka met, those that passed by themselves included."},
    {&WorkerMetrics::commits, "penstock_commits_total", "Offset commits that succeeded."},
    {&WorkerMetrics::commit_failures, "penstock_commit_failures_total", "Offset commits that failed."},
    {&WorkerMetrics::rebalances, "penstock_rebalances_total", "Assignments that ended."},
    {&WorkerMetrics::memberships_lost, "penstock_memberships_lost_total",
     "Assignments that the group gave to others without waiting for this worker."},
    {&WorkerMetrics::stage_written_bytes, "penstock_stage_written_bytes_total",
     "Bytes written to the stage, headers and padding included."},
    {&WorkerMetrics::stage_read_bytes, "penstock_stage_read_bytes_total",
     "Bytes read back from the stage, for retries and after restarts."},
    {&WorkerMetrics::stage_write_errors, "penstock_stage_write_errors_total", "Stage writes that failed."},
    {&WorkerMetrics::recovered_used_bytes, "penstock_recovered_used_bytes_total",
     "Bytes that an earlier process left on the stage, and that were not fetched again."},
    {&WorkerMetrics::recovered_released_bytes, "penstock_recovered_released_bytes_total",
     "Bytes that an earlier process left on the stage, and that nobody needed or could use."},
    {&WorkerMetrics::backpressure_events, "penstock_backpressure_events_total",
     "Times that the worker stopped taking records for want of room."},
    {&WorkerMetrics::loop_wakeups, "penstock_loop_wakeups_total", "Times that the worker's loop woke up."},
};

struct GaugeRow {
  Gauge WorkerMetrics::*gauge;
  std::string_view name;
  std::string_view help;
};

constexpr GaugeRow k_gauges[] = {
    {&WorkerMetrics::open_batches, "penstock_open_batches", "Batches that take records."},
    {&WorkerMetrics::publishing_batches, "penstock_publishing_batches",
     "Batches that are sealed and not yet durable."},
    {&WorkerMetrics::request_places, "penstock_store_request_limit",
     "Requests to the lake that the worker may have on their way: fewer after answers that ask to slow "
     "down."},
    {&WorkerMetrics::requests_under_way, "penstock_store_requests_in_flight",
     "Requests to the lake that are on their way."},
    {&WorkerMetrics::assigned_partitions, "penstock_assigned_partitions",
     "Partitions that the worker reads."},
    {&WorkerMetrics::stopped_partitions, "penstock_partitions_stopped",
     "Partitions that are not read until the assignment ends or a person acts; /readyz says why."},
    {&WorkerMetrics::waiting_partitions, "penstock_partitions_waiting",
     "Partitions of which nothing can be read for the time being; /readyz says why."},
    {&WorkerMetrics::topics_without_schema, "penstock_topics_without_schema",
     "Topics that are not read until the schema registry gives the schema of a record; /readyz says why."},
    {&WorkerMetrics::uploads_fail, "penstock_uploads_fail",
     "1 while requests to the lake fail and are made again."},
    {&WorkerMetrics::stage_live_bytes, "penstock_stage_live_bytes",
     "Bytes on the stage that are not yet durable in the lake."},
    {&WorkerMetrics::stage_segment_files, "penstock_stage_segment_files", "Stage files on the disk."},
    {&WorkerMetrics::slabs_free, "penstock_slabs_free", "Slabs of memory that are free."},
    {&WorkerMetrics::slabs_total, "penstock_slabs", "Slabs of memory taken at start."},
    {&WorkerMetrics::direct_io, "penstock_direct_io", "1 where the stage is written with O_DIRECT."},
    {&WorkerMetrics::registered_bytes, "penstock_registered_bytes",
     "Bytes of memory registered with the kernel for fixed reads and writes."},
};

struct HistogramRow {
  Histogram WorkerMetrics::*histogram;
  std::string_view name;
  std::string_view help;
};

constexpr HistogramRow k_histograms[] = {
    {&WorkerMetrics::produced_to_durable, "penstock_produced_to_durable_seconds",
     "From the timestamp of a blob's oldest record to the publication of the blob, one observation a blob. "
     "Blobs without such a time are in penstock_produced_to_durable_excluded_total."},
    {&WorkerMetrics::upload_latency, "penstock_upload_latency_seconds",
     "Time of one request that writes a block, or a blob of one block, failed ones included."},
    {&WorkerMetrics::publish_latency, "penstock_publish_seconds",
     "From the order to make a batch's blob (its claim is accepted) until the blob is there, repeats "
     "included."},
};

double epoch_seconds(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

void render_process(Exposition& page, const ProcessInfo& process) {
  const ProcessUsage& usage = process.usage;
  page.family("penstock_build_info", "Always 1; the labels say what is running.", MetricType::gauge);
  page.sample({{"version", process.version}, {"name", process.name}}, std::int64_t{1});
  page.family("penstock_ready", "1 while /readyz answers 200.", MetricType::gauge);
  page.sample({}, std::int64_t{process.ready ? 1 : 0});
  page.family("process_start_time_seconds", "When the process started, in seconds since the epoch.",
              MetricType::gauge);
  page.sample({}, epoch_seconds(process.start_time));
  page.family("process_cpu_seconds_total", "CPU time used, user and system.", MetricType::counter);
  page.sample({}, usage.cpu_seconds);
  page.family("process_resident_memory_bytes", "Resident memory.", MetricType::gauge);
  page.sample({}, usage.resident_bytes);
  page.family("penstock_peak_resident_memory_bytes", "Highest resident memory since the start.",
              MetricType::gauge);
  page.sample({}, usage.peak_resident_bytes);
  page.family("process_open_fds", "Open file descriptors.", MetricType::gauge);
  page.sample({}, usage.open_fds);
  page.family("process_max_fds", "The limit of open file descriptors.", MetricType::gauge);
  page.sample({}, usage.max_fds);
}

void render_tokens(Exposition& page, const std::vector<TokenMetrics>& tokens) {
  if (tokens.empty()) {
    return;
  }
  page.family("penstock_token_expiry_timestamp_seconds",
              "When the token that is served ends, in seconds since the epoch. No line: there is none yet.",
              MetricType::gauge);
  for (const TokenMetrics& token : tokens) {
    if (token.expires != WallTime{}) {
      page.sample({{"side", token.side}, {"audience", token.audience}}, epoch_seconds(token.expires));
    }
  }
  page.family("penstock_token_renewals_total", "Tokens that were got.", MetricType::counter);
  for (const TokenMetrics& token : tokens) {
    page.sample({{"side", token.side}, {"audience", token.audience}}, token.renewals);
  }
  page.family("penstock_token_failures_total", "Requests for a token that brought none.",
              MetricType::counter);
  for (const TokenMetrics& token : tokens) {
    page.sample({{"side", token.side}, {"audience", token.audience}}, token.failures);
  }
}

void render_credential_ends(Exposition& page, const std::vector<std::pair<std::string, WallTime>>& ends) {
  if (ends.empty()) {
    return;
  }
  page.family("penstock_credential_expiry_timestamp_seconds",
              "When the signature (SAS) of that side ends, in seconds since the epoch.", MetricType::gauge);
  for (const auto& [side, end] : ends) {
    page.sample({{"side", side}}, epoch_seconds(end));
  }
}

void render_commits(Exposition& page, Workers workers) {
  page.family("penstock_commit_seconds",
              "Time of one offset commit, from its sending to its answer, by what it was made for: the claim "
              "of a batch, the finish behind published ones, a start position.",
              MetricType::histogram);
  for (const WorkerMetrics* worker : workers) {
    const std::string index = std::to_string(worker->index);
    for (std::size_t i = 0; i < k_commit_purposes; ++i) {
      const auto purpose = static_cast<CommitPurpose>(i);
      page.histogram({{"worker", index}, {"kind", to_string(purpose)}}, worker->commit_latency[purpose]);
    }
  }
}

void render_codes(Exposition& page, Workers workers, CodeBoard WorkerMetrics::*board) {
  for (const WorkerMetrics* worker : workers) {
    for (const auto& [code, count] : (worker->*board).totals()) {
      page.sample({{"worker", std::to_string(worker->index)}, {"code", code}}, count);
    }
  }
}

template <class Reason, std::size_t reasons>
void render_by_reason(Exposition& page, Workers workers, CountersBy<Reason, reasons> WorkerMetrics::*counters,
                      std::string_view label = "reason") {
  for (const WorkerMetrics* worker : workers) {
    const std::string index = std::to_string(worker->index);
    for (std::size_t i = 0; i < reasons; ++i) {
      const auto reason = static_cast<Reason>(i);
      page.sample({{"worker", index}, {label, to_string(reason)}}, (worker->*counters)[reason].value());
    }
  }
}

void render_workers(Exposition& page, Workers workers) {
  for (const CounterRow& row : k_counters) {
    page.family(row.name, row.help, MetricType::counter);
    for (const WorkerMetrics* worker : workers) {
      page.sample({{"worker", std::to_string(worker->index)}}, (worker->*row.counter).value());
    }
  }
  for (const GaugeRow& row : k_gauges) {
    page.family(row.name, row.help, MetricType::gauge);
    for (const WorkerMetrics* worker : workers) {
      page.sample({{"worker", std::to_string(worker->index)}}, (worker->*row.gauge).value());
    }
  }
  for (const HistogramRow& row : k_histograms) {
    page.family(row.name, row.help, MetricType::histogram);
    for (const WorkerMetrics* worker : workers) {
      page.histogram({{"worker", std::to_string(worker->index)}}, worker->*row.histogram);
    }
  }
}

void render_heartbeats(Exposition& page, Workers workers) {
  page.family("penstock_worker_heartbeat_seconds",
              "Seconds since the worker's thread last went on; at most about 1 while all is well.",
              MetricType::gauge);
  for (const WorkerMetrics* worker : workers) {
    if (const std::optional<Duration> age = worker->heartbeat.age()) {
      page.sample({{"worker", std::to_string(worker->index)}}, std::chrono::duration<double>(*age).count());
    }
  }
}

// The numbers whose samples are not one plain value a worker.
void render_labelled(Exposition& page, Workers workers) {
  page.family(
      "penstock_batches_sealed_total",
      "Batches closed, by what closed them: age, size, columns (the next record needs a file of Parquet "
      "with other columns), revoke, drain (a stop), memory (no slab was free).",
      MetricType::counter);
  render_by_reason(page, workers, &WorkerMetrics::batches_sealed);
  page.family("penstock_put_retries_total", "Requests to the lake made again, by what went wrong before.",
              MetricType::counter);
  render_by_reason(page, workers, &WorkerMetrics::retries);

  page.family("penstock_registry_requests_total",
              "Requests to the schema registry, by what came of them: found, unknown (no such schema), "
              "unusable (no Avro), refused (401, 403), unavailable (no answer, or one that is none).",
              MetricType::counter);
  render_by_reason(page, workers, &WorkerMetrics::registry_requests, "outcome");

  page.family("penstock_produced_to_durable_excluded_total",
              "Blobs that are not in penstock_produced_to_durable_seconds: recovered from the stage, or no "
              "record has a time, or all times are later than the publication.",
              MetricType::counter);
  render_by_reason(page, workers, &WorkerMetrics::without_age);

  page.family("penstock_store_throttled_total", "Answers of the lake that asked to slow down, by their code.",
              MetricType::counter);
  render_codes(page, workers, &WorkerMetrics::throttled);
  page.family("penstock_store_errors_total",
              "Requests to the lake that failed, by the code of the answer, or by the kind of the failure "
              "where there is no code.",
              MetricType::counter);
  render_codes(page, workers, &WorkerMetrics::store_errors);

  page.family("penstock_stage_full_seconds_total",
              "Time in which no records were taken because the stage had no room.", MetricType::counter);
  for (const WorkerMetrics* worker : workers) {
    page.sample({{"worker", std::to_string(worker->index)}},
                static_cast<double>(worker->stage_full_ns.value()) / 1e9);
  }

  page.family("penstock_broker_throttle_seconds_total",
              "Time that brokers asked to wait before the next fetch.", MetricType::counter);
  for (const WorkerMetrics* worker : workers) {
    page.sample({{"worker", std::to_string(worker->index)}},
                static_cast<double>(worker->throttled_ms.value()) / 1e3);
  }

  page.family("penstock_io_backend", "Always 1; the label says what the worker does its file I/O with.",
              MetricType::gauge);
  for (const WorkerMetrics* worker : workers) {
    const IoBackend backend = worker->io_backend.load(std::memory_order_relaxed);
    page.sample({{"worker", std::to_string(worker->index)}, {"backend", to_string(backend)}},
                std::int64_t{1});
  }
}

void render_topics(Exposition& page, Workers workers) {
  std::map<std::string, TopicTotals> by_topic;
  for (const WorkerMetrics* worker : workers) {
    for (const TopicTotals& part : worker->topics.totals()) {
      TopicTotals& sum = by_topic[part.topic];
      sum.records += part.records;
      sum.bytes += part.bytes;
      sum.blobs += part.blobs;
      for (std::size_t reason = 0; reason < k_quarantine_reasons; ++reason) {
        sum.quarantined[reason] += part.quarantined[reason];
      }
      sum.refused = sum.refused || part.refused;
    }
  }
  const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t TopicTotals::*total) {
    page.family(name, help, MetricType::counter);
    for (const auto& [topic, totals] : by_topic) {
      page.sample({{"topic", topic}}, totals.*total);
    }
  };
  counter("penstock_topic_records_total", "Records of the topic in blobs made visible in the lake.",
          &TopicTotals::records);
  counter("penstock_topic_bytes_total", "Bytes of the values of these records.", &TopicTotals::bytes);
  counter("penstock_topic_blobs_total", "Blobs of the topic made visible in the lake.", &TopicTotals::blobs);
  page.family("penstock_quarantined_records_total",
              "Records of the topic in quarantine files, as they are not what batch.validate and "
              "batch.max_record_bytes want.",
              MetricType::counter);
  for (const auto& [topic, totals] : by_topic) {
    for (std::size_t reason = 0; reason < k_quarantine_reasons; ++reason) {
      page.sample({{"topic", topic}, {"reason", to_string(static_cast<QuarantineReason>(reason))}},
                  totals.quarantined[reason]);
    }
  }
  page.family("penstock_topic_refused",
              "1 while the lake refuses the topic's files until a person acts; others go on.",
              MetricType::gauge);
  for (const auto& [topic, totals] : by_topic) {
    page.sample({{"topic", topic}}, std::int64_t{totals.refused ? 1 : 0});
  }
}

using Partitions = std::map<TopicPartition, PartitionRow>;

Partitions partitions_of(Workers workers) {
  Partitions by_partition;
  for (const WorkerMetrics* worker : workers) {
    if (worker->heartbeat.late()) {
      continue;
    }
    for (PartitionRow& row : worker->partitions.rows()) {
      const auto [known, is_new] = by_partition.try_emplace(row.id, row);
      if (!is_new && row.position > known->second.position) {
        known->second = std::move(row);
      }
    }
  }
  return by_partition;
}

// The sum tells how much work waits, the largest which partition is behind. Where one partition's end is not
// known yet, the others are told all the same.
struct TopicLag {
  std::int64_t records = 0;
  std::int64_t records_max = 0;
  std::int64_t ms_max = -1;                                                 // -1: of no partition
  std::int64_t landed_until_ms = std::numeric_limits<std::int64_t>::max();  // -1: of one it is not known
  bool has_records = false;
};

void render_topic_lag(Exposition& page, const Partitions& partitions) {
  std::map<std::string_view, TopicLag> topics;
  for (const auto& [id, row] : partitions) {
    TopicLag& topic = topics[id.topic];
    const std::int64_t records = row.lag_records();
    topic.has_records = topic.has_records || records >= 0;
    topic.records += std::max<std::int64_t>(records, 0);
    topic.records_max = std::max(topic.records_max, records);
    topic.ms_max = std::max(topic.ms_max, row.lag_ms);
    topic.landed_until_ms = std::min(topic.landed_until_ms, row.landed_until_ms);
  }
  page.family("penstock_topic_lag_records",
              "Offsets between what is committed and the ends of the partitions, the sum over them.",
              MetricType::gauge);
  for (const auto& [name, topic] : topics) {
    if (topic.has_records) {
      page.sample({{"topic", name}}, topic.records);
    }
  }
  page.family("penstock_topic_lag_records_max", "The same, of the partition with the most.",
              MetricType::gauge);
  for (const auto& [name, topic] : topics) {
    if (topic.has_records) {
      page.sample({{"topic", name}}, topic.records_max);
    }
  }
  page.family("penstock_topic_lag_seconds",
              "The largest penstock_partition_lag_seconds of the topic's partitions.", MetricType::gauge);
  for (const auto& [name, topic] : topics) {
    if (topic.ms_max >= 0) {
      page.sample({{"topic", name}}, static_cast<double>(topic.ms_max) / 1e3);
    }
  }
  page.family(
      "penstock_landed_until_seconds",
      "Every record that the logs of the topic took before this time, in seconds since the epoch, is in "
      "a published blob. Of the partitions that this process reads: of several processes the smallest "
      "counts. No line while it is not known of one of them.",
      MetricType::gauge);
  for (const auto& [name, topic] : topics) {
    if (topic.landed_until_ms >= 0) {
      page.sample({{"topic", name}}, static_cast<double>(topic.landed_until_ms) / 1e3);
    }
  }
}

// Many partitions make many lines, and each is a series that Prometheus keeps.
void render_partitions(Exposition& page, const Partitions& partitions, std::size_t shown_max) {
  const bool shown = partitions.size() <= shown_max;
  page.family(
      "penstock_partition_series_left_out",
      "1 where more partitions are read than are shown one by one: then the numbers by topic are all.",
      MetricType::gauge);
  page.sample({}, std::int64_t{shown ? 0 : 1});
  if (!shown) {
    return;
  }
  // A number below zero stands for one that is not known: no line is truer than a wrong one.
  const auto gauge = [&](std::string_view name, std::string_view help, auto number_of) {
    page.family(name, help, MetricType::gauge);
    for (const auto& [id, row] : partitions) {
      if (const std::int64_t number = number_of(row); number >= 0) {
        page.sample({{"topic", id.topic}, {"partition", std::to_string(id.partition.value)}}, number);
      }
    }
  };
  gauge("penstock_partition_lag_records", "Offsets between what is committed and the end of the partition.",
        [](const PartitionRow& row) { return row.lag_records(); });
  page.family("penstock_partition_lag_seconds",
              "How old the oldest record is that is not in a published blob, 0 where all are: now minus the "
              "timestamp of the first record of the oldest unpublished batch. A timestamp before 2000 or in "
              "the future counts as the time of reading. Where nothing that waits was read yet: the time "
              "since it was seen.",
              MetricType::gauge);
  for (const auto& [id, row] : partitions) {
    if (row.lag_ms >= 0) {
      page.sample({{"topic", id.topic}, {"partition", std::to_string(id.partition.value)}},
                  static_cast<double>(row.lag_ms) / 1e3);
    }
  }
  gauge("penstock_partition_position_offset", "The next offset to read.",
        [](const PartitionRow& row) { return row.position.value; });
  gauge("penstock_partition_committed_offset", "The offset at which a restart would begin.",
        [](const PartitionRow& row) { return row.committed.value; });
  gauge("penstock_partition_end_offset", "The end of the partition, as last seen.",
        [](const PartitionRow& row) { return row.log_end.value; });
}

}  // namespace

std::string render(Workers workers, const ProcessInfo& process, std::size_t partitions_shown_max) {
  Exposition page;
  render_process(page, process);
  render_tokens(page, process.tokens);
  render_credential_ends(page, process.credential_ends);
  render_workers(page, workers);
  render_commits(page, workers);
  render_heartbeats(page, workers);
  render_labelled(page, workers);
  render_topics(page, workers);
  const auto partitions = partitions_of(workers);
  render_topic_lag(page, partitions);
  render_partitions(page, partitions, partitions_shown_max);
  return page.text();
}

}  // namespace penstock::obs
