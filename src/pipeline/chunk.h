// The pieces of a batch: a chunk is a slab's payload, a block is what one Put Block carries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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
  std::uint64_t skipped = 0;  // of `ranges`: what makes no row
  std::uint64_t holes = 0;    // of `ranges`: what the log did not give
  std::uint64_t raw_bytes = 0;
  bool last = false;                     // of its batch
  std::uint32_t whole_record_bytes = 0;  // of the payload, up to the end of the last record that ends in it
  std::uint32_t whole_record_checksum = 0;  // of these

  Place place;

  Bytes payload() const { return Bytes(place.slab.data() + stage::k_chunk_header_bytes, payload_bytes); }
  // Later batches, and later chunks of a batch, are uploaded later.
  std::pair<std::uint64_t, std::uint32_t> upload_order() const { return {batch_counter, index}; }
};

// The chunks of a batch, in order. Their addresses are stable. A deque would do, but takes 600 bytes for the
// one chunk that most batches have.
class Chunks {
 public:
  template <class Value>
  struct Iterator {
    const std::unique_ptr<Chunk>* at;

    Value& operator*() const { return **at; }
    Iterator& operator++() {
      ++at;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;
  };

  Chunk& emplace_back() { return *owned_.emplace_back(std::make_unique<Chunk>()); }
  void pop_back() { owned_.pop_back(); }
  std::size_t size() const { return owned_.size(); }
  Chunk& operator[](std::size_t index) { return *owned_[index]; }
  const Chunk& operator[](std::size_t index) const { return *owned_[index]; }
  Chunk& back() { return *owned_.back(); }
  const Chunk& back() const { return *owned_.back(); }

  Iterator<Chunk> begin() { return {owned_.data()}; }
  Iterator<Chunk> end() { return {owned_.data() + owned_.size()}; }
  Iterator<const Chunk> begin() const { return {owned_.data()}; }
  Iterator<const Chunk> end() const { return {owned_.data() + owned_.size()}; }

 private:
  std::vector<std::unique_ptr<Chunk>> owned_;
};

struct Block {
  lake::BlockRef ref;
  std::uint32_t first_chunk = 0;
  std::uint32_t chunk_count = 0;
  bool stored = false;  // Uploader's
};

}  // namespace penstock::pipeline
