// A batch: what becomes one blob. Records of one topic, read by one worker in one epoch.
//
//   batch  ─┬─ block 0 ─┬─ chunk 0   a slab's payload: in memory, on the stage, or both
//           │           └─ chunk 1
//           └─ block 1 ─── chunk 2   a block is what one Put Block carries
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/partition_range.h"
#include "base/types.h"
#include "codec/blob_name.h"
#include "codec/compressor.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "mem/slab_pool.h"
#include "stage/stage.h"

namespace penstock::pipeline {

// How the batches of one topic are made.
struct TopicPlan {
  std::string topic;
  Duration max_age{};
  std::uint64_t max_bytes = 0;
  bool by_partition = false;  // a batch of its own for each partition
  codec::Compression compression = codec::Compression::none;
  codec::PathTemplate path;

  // What its bytes depend on, as a number: only a batch that was made alike may be used again after a restart.
  // 0: none may.
  std::uint64_t made_as = 0;
};

// For TopicPlan::made_as.
std::uint64_t made_as(const TopicPlan& plan, std::string_view group, std::string_view sink);

struct Chunk {
  enum class Staging : std::uint8_t {
    filling,  // open, or not handed to the stage yet
    waiting,  // complete; the stage has no room yet
    writing,
    staged,
  };

  std::uint64_t batch_counter = 0;
  std::uint32_t index = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t checksum = 0;  // CRC-32C of the payload
  mem::Slab slab;              // empty: only on the stage
  stage::Extent extent;
  Staging staging = Staging::filling;
  bool pinned = false;    // a read fills the slab, or an upload sends from it
  bool uploaded = false;  // its block is stored: nobody will ask for it again, but after a lost block list

  // Written into its header.
  std::vector<PartitionRange> ranges;
  std::uint64_t records = 0;
  std::uint64_t raw_bytes = 0;
  bool last = false;
  std::uint32_t whole_bytes = 0;  // up to the end of the last record that ends in it

  Bytes payload() const { return Bytes(slab.data() + stage::k_chunk_header_bytes, payload_bytes); }
  // Later batches, and later chunks of a batch, are uploaded later.
  std::pair<std::uint64_t, std::uint32_t> upload_order() const { return {batch_counter, index}; }
  bool evictable() const { return slab && staging == Staging::staged && !pinned; }
};

struct Block {
  lake::BlockRef ref;
  std::uint32_t first_chunk = 0;
  std::uint32_t chunk_count = 0;
  bool stored = false;
};

// One partition's share of a batch.
struct Share {
  Partition partition;
  Range range;
  Position chunked;  // up to here, complete chunks hold the records
};

// The part of a batch that exists only while records are added to it.
struct Filling {
  Block block;                // the block that the next chunk goes to
  Chunk* chunk = nullptr;     // the chunk that is being filled; null between chunks
  std::uint64_t records = 0;  // since the last chunk that could tell its records
  std::uint64_t raw_bytes = 0;
  mem::Slab raw;  // compression only: framed bytes that wait for the compressor
  std::size_t raw_used = 0;
  codec::Compressor* compressor = nullptr;  // lent by CompressorPool while a member is open
  io::TimerId age_timer = io::TimerId::none;
};

struct Batch : std::enable_shared_from_this<Batch> {
  BatchId id;
  std::optional<BatchId> recovered_as;  // its chunks are those of a batch of an earlier process
  const TopicPlan* plan = nullptr;
  std::string name;     // of the blob
  std::string attempt;  // random, the same for every try to publish it
  MonoTime opened{};
  MonoTime sealed_at{};
  std::int64_t oldest_timestamp_ms = -1;  // of its records; -1 none known

  std::vector<Share> shares;
  std::vector<PartitionRange> lost;  // positions that were not in the log any more (on_data_loss: continue)
  std::deque<Chunk> chunks;          // a deque: addresses are stable
  std::vector<Block> blocks;
  std::uint64_t records = 0;
  std::uint64_t raw_bytes = 0;      // uncompressed
  std::uint64_t payload_bytes = 0;  // of complete chunks: what the blob will have

  Filling filling;
  bool sealed = false;
  bool goes_whole = false;  // as one Put Blob
  bool publishing = false;  // the uploader was told to make the blob
  bool abandoned = false;   // dropped: whatever still runs for it only cleans up
  std::uint32_t blocks_stored = 0;

  BatchId id_on_stage() const { return recovered_as.value_or(id); }
  // Slabs that only this open batch holds, and what is in them.
  std::size_t held_slabs() const { return (filling.chunk != nullptr ? 1 : 0) + (filling.raw ? 1 : 0); }
  std::uint64_t held_bytes() const {
    return (filling.chunk != nullptr ? filling.chunk->payload_bytes : 0) + filling.raw_used;
  }
  void note_timestamp(std::int64_t timestamp_ms) {
    if (timestamp_ms >= 0 && (oldest_timestamp_ms < 0 || timestamp_ms < oldest_timestamp_ms)) {
      oldest_timestamp_ms = timestamp_ms;
    }
  }
  // The blob's size, if it were sealed now and what waits for the compressor did not shrink.
  std::uint64_t stored_estimate() const { return payload_bytes + held_bytes(); }
};

using BatchPtr = std::shared_ptr<Batch>;

// The metadata of the blob: what a reader needs to tile the ranges, and what tells our own earlier success
// from another's.
lake::Metadata blob_metadata(const Batch& batch, const std::string& group);

// The metadata of a tombstone: a blob that stands where a claimed batch can never be published any more.
lake::Metadata tombstone_metadata(const std::string& group);

bool has(const lake::Metadata& metadata, std::string_view key, std::string_view value);
bool is_tombstone(const lake::Metadata& metadata);

}  // namespace penstock::pipeline
