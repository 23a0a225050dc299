// What the stage holds: chunks, each a piece of one batch, and where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/partition_range.h"
#include "base/types.h"

namespace penstock::stage {

// The front of every slab that is to be staged belongs to the stage; payload begins here. A multiple of the
// alignment.
inline constexpr std::size_t k_chunk_header_bytes = 8192;

// The most partitions one batch may hold: so many ranges fit into a chunk's header and a blob's metadata.
inline constexpr std::size_t k_partitions_per_batch_max = 200;

// Kafka's own limit.
inline constexpr std::size_t k_topic_bytes_max = 249;

struct ChunkInfo {
  BatchId batch;
  std::uint32_t index = 0;  // of the chunk within its batch, from 0 without holes
  std::string_view topic;
  std::span<const PartitionRange>
      ranges;  // the positions that this chunk completes: of records that end in it; at most k_partitions_per_batch_max
  std::uint64_t records = 0;    // that end in this chunk
  std::uint64_t raw_bytes = 0;  // uncompressed bytes that the payload stands for
  bool last = false;            // the batch is sealed behind this chunk

  // For a restart. Of the payload, what lies up to the end of the last record that ends in this chunk; and how
  // the batch was made, in a number that only its writer understands. 0: not to be used again.
  std::uint32_t whole_record_bytes = 0;
  std::uint64_t recipe_hash = 0;
};

// What lies in the slab behind the header.
struct Payload {
  std::size_t bytes = 0;
  std::uint32_t checksum = 0;  // CRC-32C, by whoever wrote them: then they were in the cache
};

// Where a chunk is. Value type; empty until the stage has placed it.
struct Extent {
  std::uint32_t segment = UINT32_MAX;
  std::uint64_t offset = 0;  // of the header
  std::uint32_t payload_bytes = 0;

  bool placed() const { return segment != UINT32_MAX; }

  friend bool operator==(const Extent&, const Extent&) = default;
};

}  // namespace penstock::stage
