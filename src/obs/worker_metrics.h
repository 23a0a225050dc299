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

enum class IoBackend : std::uint8_t { unknown, io_uring, portable, simulated };
std::string_view to_string(IoBackend backend);

struct WorkerMetrics {
  explicit WorkerMetrics(std::uint32_t worker_index) : index(worker_index) {}

  const std::uint32_t index;  // from 0; the label "worker"

  // Records
  Counter records_received;
  Counter records_skipped;  // empty values
  Counter lines_flattened;  // records in which CR or LF became a space
  Counter record_bytes;     // of values, as the source handed them over
  Counter stale_records;    // offsets handed over before, dropped
  Counter lost_positions;   // gone from the log before they were read (on_data_loss: continue)
  Counter throttled_ms;     // asked for by brokers

  // Batches and blobs
  CountersBy<SealReason, k_seal_reasons> batches_sealed;
  Gauge open_batches;        // taking records
  Gauge publishing_batches;  // sealed, not yet durable and finished
  Counter blobs_published;
  Counter blob_bytes;  // as stored, after compression
  Counter blocks_uploaded;
  Counter put_attempts;  // Put Block, Put Blob and Put Block List, repeats included
  CountersBy<RetryReason, k_retry_reasons> retries;
  Histogram upload_latency;       // of one write to the lake, from the call to its answer
  Histogram produced_to_durable;  // from a record's timestamp to the publication of its blob: a batch's
                                  // oldest record

  // Offsets and membership
  Counter commits;
  Counter commit_failures;
  Counter rebalances;
  Gauge assigned_partitions;

  // Stage and memory
  Counter stage_written_bytes;
  Counter stage_read_bytes;
  Gauge stage_live_bytes;
  Gauge stage_segment_files;
  Counter stage_write_errors;
  Counter recovered_used_bytes;      // of an earlier process: in batches of this one
  Counter recovered_released_bytes;  // not used again
  Counter stage_full_ns;             // time without records taken because the stage had no room
  Counter backpressure_events;       // times that the worker stopped taking records, for whatever reason
  Gauge slabs_free;
  Gauge slabs_total;

  // What the kernel granted
  std::atomic<IoBackend> io_backend{IoBackend::unknown};
  Gauge direct_io;  // 1: O_DIRECT is in force
  Gauge registered_bytes;
  Counter loop_wakeups;

  TopicBoard topics;
  PartitionBoard partitions;
};

}  // namespace penstock::obs
