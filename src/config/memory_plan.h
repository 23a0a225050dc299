// How runtime.memory is divided. Pure arithmetic.
//
//   memory = base + workers x (Kafka client + backlog + connections + formats + slabs)
//
// The slabs get what the fixed parts leave. The parts are measured, rounded up; the sum is what a process may
// grow to.
#pragma once

#include <cstddef>
#include <cstdint>

#include <penstock/result.h>

#include "base/units.h"

namespace penstock::config {

// The binary, its libraries, the allocator's slack, log and metrics.
inline constexpr std::uint64_t k_base_bytes = 24 * k_mib;

// The Kafka client of a worker. librdkafka's own fetch: what it may queue, one fetch, and what it takes
// beyond both, since it asks for the next fetch before the queue is at its limit and a response is pinned
// until its last record is taken. Direct fetch has the same share: 4 MiB for librdkafka as a mere member, and
// for each broker that leads one of the worker's partitions (kafka::k_lane_buffer_bytes) 1.1 MiB of receive
// buffer and, of compressed topics, what the largest batch inflates to: twelve brokers with batches of 0.9
// MiB, or one with a batch of source.max_batch_bytes.
inline constexpr std::uint64_t k_client_queue_bytes = 16 * k_mib;
inline constexpr std::uint64_t k_client_fetch_bytes = 4 * k_mib;
inline constexpr std::uint64_t k_client_overshoot_bytes = 8 * k_mib;
inline constexpr std::uint64_t k_client_bytes =
    k_client_queue_bytes + k_client_fetch_bytes + k_client_overshoot_bytes;

// Sealed batches of a worker that wait for the storage, beside their bytes (pipeline/backlog.h): 3,800
// batches of one partition, or 320 of 150. When they take half of it batches grow instead of being sealed by
// age, and when they take all of it no records are taken. Full chunks on the stage are not among it. They
// take 0.2 KiB each: 4 MiB on top for a full stage of 20 GiB with large slabs, 16 MiB with small ones.
inline constexpr std::uint64_t k_backlog_bytes = 8 * k_mib;

// A connection to the storage: 512 KiB of libcurl's upload buffer, TLS records, socket buffers that count as
// ours.
inline constexpr std::uint64_t k_connection_bytes = 1 * k_mib;

// Of every slab these go to the stage's chunk header (stage::k_chunk_header_bytes; appliance/wiring.cc holds
// the two equal).
inline constexpr std::uint64_t k_slab_header_bytes = 8192;

// Large slabs cost less per byte. Small ones waste less when many topics have a slab each that is hardly
// filled.
inline constexpr std::uint64_t k_slab_bytes_few_topics = 1 * k_mib;
inline constexpr std::uint64_t k_slab_bytes_many_topics = 256 * k_kib;
inline constexpr std::size_t k_few_topics = 16;

// Encoders of Parquet, of a worker that has such files: 12 MiB of columns, footers and known schemas (of
// which what takes values apart has 4 MiB) in memory, and 48 KiB more for each of 200 files when that is not
// enough (format::ParquetShared); 10 KiB for each encoder; a page before and behind its compression, 2 MiB,
// and zstd's 1.4 MiB.
//
// Where values become columns also what takes them apart, one for all files: 16 MiB for the tokens of JSON of
// 4 MiB, the largest that is. And what is made of a raw slab may be eight times as large, beside the row
// group of 4 MiB and the footer that an encoder holds: slabs of 32 MiB more to end two files and to read a
// block back. They are small ones, of which fewer bytes are enough.
struct EncoderMemory {
  std::uint64_t bytes = 0;       // their own
  std::uint64_t slab_bytes = 0;  // in slabs beside those of blocks; more than 0: slabs are small
  bool has_registry = false;     // k_registry_bytes are among `bytes`
};
inline constexpr EncoderMemory k_parquet_memory{.bytes = 28 * k_mib};
inline constexpr EncoderMemory k_parquet_tables_memory{.bytes = 44 * k_mib, .slab_bytes = 32 * k_mib};

// Schemas that a worker has of a registry: their texts, 4 MiB of those that are compiled
// (registry::k_compiled_bytes_max), and two answers of 2 MiB that are read at a time, each as JSON within
// JSON. Of what slabs do not need texts get a quarter more.
inline constexpr std::uint64_t k_schema_texts_bytes = 4 * k_mib;
inline constexpr std::uint64_t k_schema_texts_more_max = 60 * k_mib;
inline constexpr std::uint64_t k_registry_bytes = k_schema_texts_bytes + 12 * k_mib;

// One segment of a worker's stage (stage::Options::segment_bytes).
inline constexpr std::uint64_t k_segment_bytes = 64 * k_mib;

struct MemoryPlan {
  std::uint64_t slab_bytes = 0;
  std::size_t slabs_per_worker = 0;
  std::uint64_t schema_texts_bytes = k_schema_texts_bytes;  // of a worker
};

// `encoders`: what formats take (encoder_memory() of settings.h). `topics_hint`: how many
// topics are named; 0 if a regular expression finds them, which counts as many. The other numbers lie within
// the limits of their keys. Error: does not fit, with what to change and to what; its message is a predicate
// of runtime.memory.
Result<MemoryPlan> plan_memory(std::uint64_t memory, std::uint32_t workers, std::uint64_t block_bytes,
                               std::uint32_t connections, std::size_t topics_hint,
                               const EncoderMemory& encoders = {});

// The most workers for which plan_memory() succeeds; 0 if it does not even for one.
std::uint32_t workers_that_fit(std::uint64_t memory, std::uint64_t block_bytes, std::uint32_t connections,
                               std::size_t topics_hint, const EncoderMemory& encoders = {});

// The least stage.max_bytes: per worker two segments, so that one can be recycled while the other is written,
// and four blocks, so that uploads have something to work on.
std::uint64_t stage_bytes_min(std::uint32_t workers, std::uint64_t block_bytes);

}  // namespace penstock::config
