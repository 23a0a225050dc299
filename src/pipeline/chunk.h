// The pieces of a batch: a chunk is a slab's payload, a block is what one Put Block carries.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/partition_range.h"
#include "base/types.h"
#include "lake/blob_store.h"
#include "mem/slab_pool.h"
#include "stage/stage.h"

namespace penstock::pipeline {

struct Chunk {
  enum class Staging : std::uint8_t {
    filling,  // open, or not handed to the store yet
    waiting,  // complete; the stage has no room yet
    writing,
    staged,
  };

  // Where its bytes are: ChunkStore's. While a chunk is open, BatchWriter writes into the slab.
  struct Place {
    mem::Slab slab;  // empty: only on the stage
    stage::Extent extent;
    Staging staging = Staging::filling;
    bool pinned = false;    // a read fills the slab, or an upload sends from it
    bool uploaded = false;  // its block is stored: nobody will ask for it again, but after a lost block list

    bool evictable() const { return slab && staging == Staging::staged && !pinned; }
  };

  // What it holds: BatchWriter's, and unchanged once the chunk is complete.
  std::uint64_t batch_counter = 0;
  std::uint32_t index = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t checksum = 0;          // CRC-32C of the payload
  std::vector<PartitionRange> ranges;  // the positions that it completes
  std::uint64_t records = 0;
  std::uint64_t raw_bytes = 0;
  bool last = false;                     // of its batch
  std::uint32_t whole_record_bytes = 0;  // of the payload, up to the end of the last record that ends in it

  Place place;

  Bytes payload() const { return Bytes(place.slab.data() + stage::k_chunk_header_bytes, payload_bytes); }
  // Later batches, and later chunks of a batch, are uploaded later.
  std::pair<std::uint64_t, std::uint32_t> upload_order() const { return {batch_counter, index}; }
};

struct Block {
  lake::BlockRef ref;
  std::uint32_t first_chunk = 0;
  std::uint32_t chunk_count = 0;
  bool stored = false;  // Uploader's
};

}  // namespace penstock::pipeline
