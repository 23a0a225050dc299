// The layout of a segment file, complete. Pure: bytes to values and back, every field checked on the way in.
//
// A segment file is one header of 4,096 bytes (k_block_bytes), then chunks without gaps up to the file's end:
//
//   | segment header | chunk header | payload, padding | chunk header | payload, padding | ... | unused |
//   0                4096           12288              next multiple of 4096
//
// All numbers are little-endian, positions and partitions are signed. Checksums are CRC-32C. Each header
// has a version of its own, and a file with another one is not read.
//
//   segment header, 4,096 bytes
//   offset bytes
//        0     8   "PENSTAGE"
//        8     4   checksum of the bytes 12 to 4,095
//       12     2   version of this header: 1
//       14     2   1; 0 where the sequence is 0
//       16     8   sequence: from 1, greater with each life of any segment in the directory; 0: no chunk was
//                  ever in this file, which releases up to 0.1.0 left when they ended while they made it
//       24     8   bytes of the whole file, a multiple of 4,096
//       32  4064   zeros
//
//   chunk header, 8,192 bytes (k_chunk_header_bytes), at a multiple of 4,096
//   offset bytes
//        0     4   "PSCK"
//        4     4   checksum of the bytes 8 to 8,191
//        8     2   version of this header: 3 (1 did not have the fields from 76 on, 2 not those from 88 on)
//       10     2   flags: bit 0, the last chunk of its batch; the others are 0
//       12     4   index of the chunk in its batch, from 0
//       16     8   sequence of the segment when the chunk was written
//       24     8   offset of this header in the file
//       32     8   batch: the writer's incarnation
//       40     8   batch: the counter
//       48     8   records that end in this chunk
//       56     8   uncompressed bytes that the payload stands for
//       64     4   P: payload bytes, without padding
//       68     4   checksum of the payload
//       72     2   T: topic bytes, at most 249
//       74     2   R: ranges, at most 200
//       76     4   payload bytes up to the end of the last record that ends in this chunk
//       80     8   how the batch was made, a number of its writer's; 0: not to be used again
//       88     8   positions of the ranges whose records make no row
//       96     8   positions of the ranges that the log did not give
//      104     4   checksum of the payload bytes that are counted at 76
//      108     T   topic
//    108+T  20 R   ranges, each: partition 4, first position 8, next position 8
//                  zeros up to 8,192
//
//   payload, P bytes behind the header, then zeros up to a multiple of 4,096
//
// A file is neither filled nor cleaned. Behind the chunks of its present life lie those of earlier lives,
// whole and valid but for their sequence, which is smaller than the one in the segment's header. What was
// never written reads as zeros, and a first block of zeros is a file that was made and not used yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/partition_range.h"
#include "base/types.h"
#include "stage/chunk.h"

namespace penstock::stage {

// What every offset, length and address is a multiple of: enough for O_DIRECT on the devices seen.
inline constexpr std::size_t k_block_bytes = 4096;

// The values of a segment's header, as drawn above.
struct SegmentHeader {
  std::uint64_t sequence = 0;
  std::uint64_t segment_bytes = 0;
};

// What the stage itself adds to a chunk's header: where it was put, and what its payload is.
struct ChunkPlace {
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t payload_checksum = 0;
};

// A chunk's header as it was read: the fields of ChunkInfo, which see, with texts of its own, and its place.
struct Chunk {
  BatchId batch;
  std::uint32_t index = 0;
  std::string topic;
  std::vector<PartitionRange> ranges;
  std::uint64_t records = 0;
  std::uint64_t skipped = 0;
  std::uint64_t holes = 0;
  std::uint64_t raw_bytes = 0;
  bool last = false;
  std::uint32_t whole_record_bytes = 0;
  std::uint32_t whole_record_checksum = 0;
  std::uint64_t recipe_hash = 0;
  ChunkPlace place;
};

// The bytes that a chunk takes in its file: header, payload and padding.
constexpr std::uint64_t chunk_bytes(std::uint64_t payload_bytes) {
  return k_chunk_header_bytes + (payload_bytes + k_block_bytes - 1) / k_block_bytes * k_block_bytes;
}

// Fills all of `block`, which has k_block_bytes.
void encode_segment_header(const SegmentHeader& header, MutableBytes block);

// Error corrupt: this is no segment of ours, its version is not ours, or its header is damaged.
Result<SegmentHeader> decode_segment_header(Bytes block);

// Fills all of `header`, which has k_chunk_header_bytes. A topic or ranges beyond their limits are a bug
// (CHECK).
void encode_chunk_header(const ChunkInfo& info, const ChunkPlace& place, MutableBytes header);

// The chunk at `offset` of a segment whose sequence is `sequence`. Error not_found: none of this life begins
// here; corrupt: one does, and is damaged. The payload is not looked at.
Result<Chunk> decode_chunk_header(Bytes header, std::uint64_t sequence, std::uint64_t offset);

}  // namespace penstock::stage
