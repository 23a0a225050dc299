// What the stage holds: chunks, each a piece of one batch, and where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/foreign_limits.h"
#include "base/partition_range.h"
#include "base/types.h"

namespace penstock::stage {

// The bytes at the front of a slab that belong to the stage, which writes the chunk's header there. The
// payload begins behind them. A multiple of k_block_bytes, so that header and payload are one aligned
// write.
inline constexpr std::size_t k_chunk_header_bytes = 8192;

// The most partitions that one chunk may have ranges of: 108 + 249 + 200 x 20 = 4,357 bytes of its header.
inline constexpr std::size_t k_partitions_per_batch_max = 200;

// What a chunk's writer says of it, and what its header carries through a restart. It views the topic and the
// ranges: they stay valid during the call.
struct ChunkInfo {
  BatchId batch;

  // Of the chunk within its batch, from 0 without holes.
  std::uint32_t index = 0;

  // At most k_topic_bytes_max bytes.
  std::string_view topic;

  // The positions that this chunk completes, which are those of records that end in it. At most
  // k_partitions_per_batch_max.
  std::span<const PartitionRange> ranges;

  // Records that end in this chunk.
  std::uint64_t records = 0;

  // What else the ranges have: records that make no row, and positions that the log did not give.
  std::uint64_t skipped = 0;
  std::uint64_t holes = 0;

  // Uncompressed bytes that the payload stands for.
  std::uint64_t raw_bytes = 0;

  // The batch is sealed behind this chunk.
  bool last = false;

  // For a restart: how much of the payload lies before the end of the last record that ends in this chunk.
  std::uint32_t whole_record_bytes = 0;

  // CRC-32C of these.
  std::uint32_t whole_record_checksum = 0;

  // For a restart: how the batch was made, a number that only its writer understands. 0: not to be used
  // again.
  std::uint64_t recipe_hash = 0;
};

// What lies in the slab behind the header.
struct Payload {
  std::size_t bytes = 0;

  // CRC-32C, computed by the payload's writer, who had the bytes in the cache.
  std::uint32_t checksum = 0;
};

// Where a chunk is. A value; empty until the stage has placed the chunk. Valid until the chunk is released.
struct Extent {
  // The number of the segment's file.
  std::uint32_t segment = UINT32_MAX;

  // Of the chunk's header in that file.
  std::uint64_t offset = 0;

  // Without padding.
  std::uint32_t payload_bytes = 0;

  bool placed() const { return segment != UINT32_MAX; }

  friend bool operator==(const Extent&, const Extent&) = default;
};

}  // namespace penstock::stage
