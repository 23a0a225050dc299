// Batches that an earlier process left on the stage: which of its chunks, together, are records without
// holes.
//
// The records of such a batch may be taken from here instead of from Kafka (PROTOCOL.md, R7), if reading
// begins exactly where the batch does: see Adoption. Its id and its name are never used again, nor is it
// asked whether it was sealed: what it has of whole records is a batch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/partition_range.h"
#include "base/types.h"
#include "stage/recovery.h"

namespace penstock::pipeline {

struct RecoveredBatch {
  BatchId id;  // its own: of the earlier process
  std::string topic;
  std::uint64_t recipe_hash = 0;
  std::vector<PartitionRange> ranges;         // one a partition
  std::vector<stage::RecoveredChunk> chunks;  // 0, 1, 2 ...
  std::uint32_t last_chunk_bytes = 0;         // what is used of the last one's payload
  std::uint64_t records = 0;
  std::uint64_t skipped = 0;
  std::uint64_t holes = 0;
  std::uint64_t raw_bytes = 0;

  std::uint64_t payload_bytes() const;
  std::uint32_t checksum() const;  // CRC-32C of the payload
};

struct SortedOut {
  std::vector<RecoveredBatch> batches;  // in the order in which they began
  std::vector<stage::RecoveredChunk> unusable;
};

// Pure. A batch ends before the first chunk that is missing, that does not go on where the former ended, or
// that is not to be used again; and then behind its last record that is whole. Of a compressed batch that is
// only known where it was sealed or spilled. What cannot be used comes back as such: every chunk is in the
// answer once.
SortedOut sort_out(std::vector<stage::RecoveredChunk> chunks);

}  // namespace penstock::pipeline
