// The numbers of one worker. Its thread is the only writer; /metrics and the summary read.
//
// obs/render.h gives each its public name and help. What counts elsewhere (the source, the stage) is copied
// in with set_total() about once a second.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <penstock/result.h>

#include "obs/boards.h"
#include "obs/heartbeat.h"
#include "obs/metrics.h"

namespace penstock::obs {

// Why a batch takes no more records.
enum class SealReason : std::uint8_t { age, size, revoke, drain, memory };
inline constexpr std::size_t k_seal_reasons = 5;
std::string_view to_string(SealReason reason);

// Why a call to the lake was made again.
enum class RetryReason : std::uint8_t {
  throttled,
  unavailable,
  timed_out,
  unauthenticated,
  forbidden,
  not_found,
  corrupt,
  other
};
inline constexpr std::size_t k_retry_reasons = 8;
RetryReason retry_reason(ErrorKind kind);
std::string_view to_string(RetryReason reason);

// A counter for each value of an enum that counts from 0.
template <class Enum, std::size_t values>
class CountersBy {
 public:
  Counter& operator[](Enum value) { return counters_[static_cast<std::size_t>(value)]; }
  const Counter& operator[](Enum value) const { return counters_[static_cast<std::size_t>(value)]; }

 private:
  std::array<Counter, values> counters_;
};

// What the worker does its file I/O with.
enum class IoBackend : std::uint8_t { unknown, io_uring, portable, simulated };
std::string_view to_string(IoBackend backend);

struct WorkerMetrics {
  explicit WorkerMetrics(std::uint32_t worker_index) : index(worker_index) {}

  // From 0: the value of the label "worker".
  const std::uint32_t index;

  // About once a second, from its first turn to its end.
  Heartbeat heartbeat;

  // Records

  Counter records_received;
  // With an empty value, which leaves no line.
  Counter records_skipped;
  // In which CR or LF became a space.
  Counter lines_flattened;
  // Of values, as the source handed them over.
  Counter record_bytes;
  // With offsets that were handed over before, so they were dropped.
  Counter stale_records;
  // Gone from the log before they were read (source.on_data_loss: continue).
  Counter lost_positions;
  // Waiting that brokers asked for.
  Counter throttled_ms;

  // Batches and blobs

  CountersBy<SealReason, k_seal_reasons> batches_sealed;
  // Batches that take records.
  Gauge open_batches;
  // Batches that are sealed, and not yet durable and finished.
  Gauge publishing_batches;
  Counter blobs_published;
  // In these blobs. Unlike records_received it counts what an earlier process left on the stage, and counts
  // nothing twice that was dropped and read again.
  Counter records_landed;
  // Of the values of these records.
  Counter landed_bytes;
  // As stored, after compression.
  Counter blob_bytes;
  Counter blocks_uploaded;
  // Put Block, Put Blob and Put Block List, repeats included.
  Counter put_attempts;
  CountersBy<RetryReason, k_retry_reasons> retries;
  // Answers of the lake that asked to slow down.
  CodeBoard throttled;
  // How many requests to the lake the worker may have under way: its share of what the process may have.
  Gauge request_places;
  Gauge requests_under_way;
  // Of one write to the lake, from the call to its answer.
  Histogram upload_latency;
  // From the timestamp of a batch's oldest record to the publication of its blob.
  Histogram produced_to_durable;

  // Offsets and membership

  Counter commits;
  Counter commit_failures;
  // Assignments that ended.
  Counter rebalances;
  Gauge assigned_partitions;

  // Stage and memory

  Counter stage_written_bytes;
  Counter stage_read_bytes;
  Gauge stage_live_bytes;
  Gauge stage_segment_files;
  Counter stage_write_errors;
  // Left by an earlier process, and used in batches of this one.
  Counter recovered_used_bytes;
  // Left by an earlier process, and not used again.
  Counter recovered_released_bytes;
  // Time without records taken because the stage had no room.
  Counter stage_full_ns;
  // How often the worker stopped taking records, for whatever reason.
  Counter backpressure_events;
  Gauge slabs_free;
  Gauge slabs_total;

  // What the kernel granted

  std::atomic<IoBackend> io_backend{IoBackend::unknown};
  // 1: O_DIRECT is in force.
  Gauge direct_io;
  Gauge registered_bytes;
  Counter loop_wakeups;

  TopicBoard topics;
  PartitionBoard partitions;
};

}  // namespace penstock::obs
