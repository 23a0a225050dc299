// The layout of a segment file. Pure: bytes to values and back, every field checked on the way in.
//
// A segment is one header block, then chunks without gaps, each a header and its payload padded with zeros to
// k_block_bytes. All numbers are little-endian. Checksums are CRC-32C.
//
//   segment header, k_block_bytes          chunk header, k_chunk_header_bytes
//   offset bytes                           offset bytes
//        0     8  "PENSTAGE"                    0     4  "PSCK"
//        8     4  checksum of all behind it     4     4  checksum of all behind it, up to the payload
//       12     2  version, 1                    8     2  version, 2
//       14     2  1: fully written; 0: not yet  10    2  flags: bit 0, last chunk of its batch
//       16     8  sequence                     12     4  index of the chunk in its batch
//       24     8  bytes of the whole file      16     8  sequence of the segment when it was written
//       32        zeros                        24     8  offset of this header in the file
//                                              32    16  batch: incarnation, counter
//                                              48     8  records that end in this chunk
//                                              56     8  uncompressed bytes it stands for
//                                              64     4  payload bytes, without padding
//                                              68     4  checksum of the payload
//                                              72     2  topic bytes
//                                              74     2  ranges
//                                              76     4  bytes up to the end of the last record that
//                                                        ends in it
//                                              80     8  how the batch was made; 0: not to be used again
//                                              88        topic; ranges of 20 bytes: partition 4, first 8,
//                                                        next 8
//
// A file is recycled, never cleaned: behind the chunks of its present life lie those of earlier ones, whole
// and valid but for their sequence, which is smaller than the one in the segment's header.
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

enum class FillState : std::uint16_t { filling = 0, filled = 1 };

struct SegmentHeader {
  std::uint64_t sequence = 0;  // from 1; greater with every life of any segment of its directory
  std::uint64_t segment_bytes = 0;
  FillState state = FillState::filling;
};

// What the stage itself adds to a chunk.
struct ChunkPlace {
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t payload_checksum = 0;
};

// A ChunkInfo that owns its parts.
struct Chunk {
  BatchId batch;
  std::uint32_t index = 0;
  std::string topic;
  std::vector<PartitionRange> ranges;
  std::uint64_t records = 0;
  std::uint64_t raw_bytes = 0;
  bool last = false;
  std::uint32_t whole_record_bytes = 0;
  std::uint64_t recipe_hash = 0;
  ChunkPlace place;
};

// Header, payload and padding.
constexpr std::uint64_t chunk_bytes(std::uint64_t payload_bytes) {
  return k_chunk_header_bytes + (payload_bytes + k_block_bytes - 1) / k_block_bytes * k_block_bytes;
}

// `block` has k_block_bytes.
void encode_segment_header(const SegmentHeader& header, MutableBytes block);

// Error corrupt: this is no segment of ours, or its header is damaged.
Result<SegmentHeader> decode_segment_header(Bytes block);

// `header` has k_chunk_header_bytes. CHECKs the limits on topic and ranges.
void encode_chunk_header(const ChunkInfo& info, const ChunkPlace& place, MutableBytes header);

// The chunk at `offset` of a segment whose sequence is `sequence`. Error not_found: none of this life begins
// here; corrupt: one does, and is damaged. The payload is not looked at.
Result<Chunk> decode_chunk_header(Bytes header, std::uint64_t sequence, std::uint64_t offset);

}  // namespace penstock::stage
