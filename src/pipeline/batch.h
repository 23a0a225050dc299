// A batch: what becomes one blob. Records of one topic, read by one worker in one epoch.
//
//   batch  ─┬─ block 0 ─┬─ chunk 0   a slab's payload: in memory, on the stage, or both
//           │           └─ chunk 1
//           └─ block 1 ─── chunk 2   a block is what one Put Block carries
//
// A batch is passed from hand to hand, and every group of its members has one owner, who alone changes it:
//
//   batch.ranges         Batcher      which positions it covers
//   batch.place          Batcher      that it counts among those that wait for the storage
//   batch.cut            BatchWriter  how its bytes are cut into chunks and blocks
//   batch.cut.*.place    ChunkStore   where the bytes of a chunk are
//   batch.quarantine     BatchWriter  records that do not go into its file, and the batch that has them
//   batch.upload         Uploader     how far it has got to the store
//   batch.forgotten      ChunkStore   whether it is over
//
// Two moves cross these lines. BatchWriter moves the share that Batcher lends it behind the records that it
// took. ClaimDriver fills in ranges and chunks of a batch that an earlier process staged, before anybody
// else has seen it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/metadata.h"
#include "base/partition_range.h"
#include "base/quarantine_reason.h"
#include "base/types.h"
#include "format/file_columns.h"
#include "format/record_format.h"
#include "mem/slab_pool.h"
#include "pipeline/backlog.h"
#include "pipeline/chunk.h"
#include "pipeline/topic_plan.h"

namespace penstock::pipeline {

// One partition's share of a batch.
struct Share {
  Partition partition;
  Range range;
  Position chunked;  // BatchWriter's: up to here, complete chunks hold the records
  std::optional<Position> bare_from =
      {};  // from here to `range` nothing makes a row, and no blob tells of it
};

struct BatchRanges {
  std::vector<Share> shares;
  std::vector<PartitionRange> lost;  // positions that were not in the log any more (on_data_loss: continue)
  std::size_t text_bytes_max = 0;    // what all of it may take in the blob's metadata
};

// The part of a cut that exists only while records are added.
struct Filling {
  Block block;                // the block that the next chunk goes to
  Chunk* chunk = nullptr;     // the chunk that is being filled; null between chunks
  std::uint64_t records = 0;  // these four: since the last chunk that could tell its records
  std::uint64_t skipped = 0;
  std::uint64_t holes = 0;
  std::uint64_t raw_bytes = 0;
  mem::Slab raw;  // only of a format that is encoded: rows that wait for the encoder
  std::size_t raw_used = 0;
  std::size_t raw_rows = 0;            // of a format in units: how many rows these bytes are
  bool in_part = false;                // the encoder has rows of a part that is not ended
  bool in_unit = false;                // of one row that is larger than a raw slab: not all of it is encoded
  format::Encoder* encoder = nullptr;  // lent by EncoderPool: while a part is open, or for the whole file
  // Of the file, where it is of Parquet and ids name the schemas of its values.
  std::shared_ptr<format::FileColumns> columns = {};
};

struct BatchCut {
  Chunks chunks;
  std::vector<Block> blocks;
  std::uint64_t records = 0;              // those that make rows
  std::uint64_t skipped = 0;              // positions of records that make none
  std::uint64_t holes = 0;                // positions that the log did not give
  std::uint64_t raw_bytes = 0;            // of rows, before they are encoded
  std::uint64_t payload_bytes = 0;        // of complete chunks: what the blob will have
  std::uint32_t checksum = 0;             // CRC-32C of these
  std::int64_t oldest_timestamp_ms = -1;  // of records whose timestamp tells a time; -1: none
  bool sealed = false;                    // nothing is added any more
  std::vector<std::byte> empty_file;      // the blob, where all records are in the quarantine
  Filling filling;

  // Slabs that only this open batch holds, and what is in them.
  std::size_t held_slabs() const { return (filling.chunk != nullptr ? 1 : 0) + (filling.raw ? 1 : 0); }
  std::uint64_t held_bytes() const {
    return (filling.chunk != nullptr ? filling.chunk->payload_bytes : 0) + filling.raw_used;
  }
  // The blob's size, if it were sealed now and what waits for the encoder did not shrink.
  std::uint64_t stored_estimate() const {
    return payload_bytes + held_bytes() + (filling.encoder != nullptr ? filling.encoder->held_bytes() : 0);
  }
};

struct Batch;

// Records that do not go into the file, as they are not what the plan's rules want (format/quarantine.h).
// They are the rows of a batch of their own, which is treated as one more block of this one: it is sealed
// with it, and durable before it is claimed.
struct BatchQuarantine {
  struct First {
    Partition partition;
    Offset offset;
    QuarantineReason reason{};
  };
  std::shared_ptr<Batch> batch;  // null: the plan has no rules, or they were met until the seal
  std::array<std::uint64_t, k_quarantine_reasons> records{};  // by reason
  std::optional<First> first;

  std::uint64_t record_count() const {
    return std::accumulate(records.begin(), records.end(), std::uint64_t{0});
  }
};

struct BatchUpload {
  MonoTime put_until{};                           // no call that could make the blob begins later
  std::optional<MonoTime> publishing_since = {};  // when the uploader was told to make the blob, first
  bool blocks_gone = false;                       // the store has dropped them: they are put again first
  bool holds_slot = false;                        // it was late, and goes on before all others
  std::uint32_t attempt = 1;                      // of the call that makes the blob
  std::uint32_t blocks_stored = 0;
  bool as_one_put = false;  // the whole blob in one Put Blob
  bool stored = false;      // ClaimDriver's: only the blob is left to make
  bool published = false;   // ClaimDriver's, of a quarantine: the blob is there
  bool publishing = false;  // the uploader was told to make the blob
};

struct Batch : std::enable_shared_from_this<Batch> {
  BatchId id;
  std::optional<BatchId> recovered_as;  // its chunks are those of a batch of an earlier process
  const TopicPlan* plan = nullptr;
  std::string name;      // of the blob
  std::string attempt;   // random, the same for every try to publish it
  std::string topic_id;  // where it is known
  // Of a quarantine: the batch whose records these are too. It alone is known to the ledger.
  std::optional<BatchId> beside;
  std::string of = {};  // and its attempt
  // Of what an earlier process staged for it, to be used again; 0: it is not.
  std::uint64_t recipe_hash = 0;

  BatchRanges ranges;
  BatchCut cut;
  BatchQuarantine quarantine;
  BatchUpload upload;
  Backlog::Place place;    // since it was sealed
  bool forgotten = false;  // published or dropped: whatever still runs for it only cleans up

  BatchId id_on_stage() const { return recovered_as.value_or(id); }
  // Whether a blob is made of it: not of skipped records and holes alone.
  bool makes_blob() const { return cut.records > 0 || quarantine.record_count() > 0; }
};

using BatchPtr = std::shared_ptr<Batch>;

// The metadata of the batch's blob (format/blob_metadata.h).
Metadata blob_metadata(const Batch& batch, const std::string& group);

// What the file tells of itself in its end: the same, but for the checksum of the whole. Each key begins with
// "penstock.".
Metadata file_metadata(const Batch& batch, const std::string& group);

// What the share may take there at most.
std::size_t text_bytes_max_of(const Share& share);

}  // namespace penstock::pipeline
