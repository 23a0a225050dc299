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

#include "base/schema_outcome.h"
#include "obs/boards.h"
#include "obs/heartbeat.h"
#include "obs/metrics.h"

namespace penstock::obs {

// Why a batch takes no more records.
enum class SealReason : std::uint8_t { age, size, columns, revoke, drain, memory };
inline constexpr std::size_t k_seal_reasons = 6;
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
// The foreign code, or the kind's name where the error is our own.
std::string_view code_of(const Error& error);
std::string_view to_string(RetryReason reason);

// What an offset commit was made for (ledger/actions.h).
enum class CommitPurpose : std::uint8_t { claim, finish, start_position };
inline constexpr std::size_t k_commit_purposes = 3;
std::string_view to_string(CommitPurpose purpose);

// Why a published file says nothing of how old its records were: an earlier process read them, none of them
// has a time, or all of their times are later than now.
enum class NoAge : std::uint8_t { recovered, undated, future };
inline constexpr std::size_t k_no_ages = 3;
std::string_view to_string(NoAge reason);

// A number for each value of an enum that counts from 0.
template <class Number, class Enum, std::size_t values>
class NumbersBy {
 public:
  Number& operator[](Enum value) { return numbers_[static_cast<std::size_t>(value)]; }
  const Number& operator[](Enum value) const { return numbers_[static_cast<std::size_t>(value)]; }

 private:
  std::array<Number, values> numbers_;
};
template <class Enum, std::size_t values>
using CountersBy = NumbersBy<Counter, Enum, values>;

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
  // Of records in files of capture-avro, which have the last header of a name only.
  Counter headers_repeated;
  // Whose value was to be decoded (batch.decode), and could not be.
  Counter undecoded_values;
  // Of which a field is rescued, as its column is of another version of the schema.
  Counter schema_conflicts;
  CountersBy<SchemaOutcome, k_schema_outcomes> registry_requests;
  // How often a topic began to wait for a schema, and schemas that were let go for want of room.
  Counter schema_waits;
  Counter schemas_evicted;
  // Of which a record waits for its schema.
  Gauge topics_without_schema;
  // Of values, as the source handed them over.
  Counter record_bytes;
  // With offsets that were handed over before, so they were dropped.
  Counter stale_records;
  // Gone from the log before they were read (source.on_data_loss: continue).
  Counter lost_positions;
  // Whose timestamp tells no time (base/record_view.h).
  Counter undated_records;
  // Waiting that brokers asked for.
  Counter throttled_ms;
  // Of the source, those that passed by themselves included.
  Counter source_errors;

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
  // All that the lake refused or left without an answer, whatever was asked of it.
  CodeBoard store_errors;
  // 1 while uploads fail and are tried again.
  Gauge uploads_fail;
  // Names of earlier claims that this worker has closed.
  Counter tombstones;
  // Files that tell of a silent partition, and those that the lake did not take in time.
  Counter empty_files;
  Counter empty_files_given_up;
  // Batches whose name a successor had closed before they were published.
  Counter dead_batches;
  // Batches that were dropped unpublished; their records are read again.
  Counter dropped_batches;
  // How many requests to the lake the worker may have under way: its share of what the process may have.
  Gauge request_places;
  Gauge requests_under_way;
  // Of one write of a block or of a whole blob, from the call to its answer.
  Histogram upload_latency;
  // From the order to make a batch's blob until it is there.
  Histogram publish_latency;
  // From the timestamp of a batch's oldest record to the publication of its blob.
  Histogram produced_to_durable;
  // Blobs that are not in it.
  CountersBy<NoAge, k_no_ages> without_age;

  // Offsets and membership

  Counter commits;
  Counter commit_failures;
  // Of one commit, from its sending to its answer.
  NumbersBy<Histogram, CommitPurpose, k_commit_purposes> commit_latency;
  // Assignments that ended.
  Counter rebalances;
  // Of these, the group gave the partitions to others without waiting.
  Counter memberships_lost;
  Gauge assigned_partitions;
  // Of these, those that are not read until the assignment ends or a person acts.
  Gauge stopped_partitions;
  // Of these, those of which nothing can be read for the time being.
  Gauge waiting_partitions;

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
