// Writes records into a batch: the format's rows, copied once into slabs, encoded if the format asks for it,
// cut into chunks and blocks. It owns `batch.cut`. How a row looks is the format's (format/record_format.h).
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "base/record_view.h"
#include "codec/json_check.h"
#include "format/record_format.h"
#include "format/split_row.h"
#include "obs/worker_metrics.h"
#include "pipeline/batch.h"
#include "pipeline/chunk_store.h"
#include "pipeline/encoder_pool.h"

namespace penstock::pipeline {

class BatchWriter {
 public:
  struct Options {
    std::size_t slab_bytes = 0;
    std::uint64_t block_bytes = 0;  // of an encoded block approximately: it ends with a part
    std::string group = {};         // as files with an end tell it
    // The most that an encoder holds, of all formats that may come (format::encoder_holds_max).
    std::size_t encoder_holds_bytes = format::k_encoder_holds_max;
    std::size_t schema_texts_bytes = std::size_t{8} << 20;
    std::size_t encoder_growth = 1;  // likewise format::encoder_growth_max
    // Knows the schemas of plans that leave them to the records' ids. Outlives the writer.
    format::SchemaSource* schemas = nullptr;
  };
  // The slabs that must be kept from records, so that every batch can be ended and every block be read back.
  static ChunkStore::Reserve reserve_for(const Options& options);

  // `block_ready` takes a block that is complete; its chunks are with the store.
  BatchWriter(const Options& options, ChunkStore& store, obs::WorkerMetrics& metrics,
              std::function<void(const BatchPtr&, std::uint32_t block)> block_ready);

  // What a batch took of a run of records.
  struct Taken {
    enum class Stop : std::uint8_t {
      end,            // it took all
      batch_full,     // the next record would make it too large
      other_columns,  // the next record needs a file with other columns
      no_room,        // no slab is free; the rest is offered again when one is
      no_schema,      // the next record waits for its schema, and the rest with it
    };
    std::size_t records = 0;  // from the front
    std::size_t empty = 0;    // of these make no row
    std::uint64_t value_bytes = 0;
    Stop stop = Stop::end;
  };

  // Appends records of one partition, from the front, and moves `share` of that partition behind those that
  // it took. The first record of a batch may be as large as it is. What does not meet the plan's rules goes
  // to the batch's quarantine.
  Taken append(const BatchPtr& batch, Share& share, std::span<const RecordView> records);

  // Whether append() would take nothing, as the record waits for its schema. `open`: the batch that it would
  // go to, whose file may know it; null: none is open.
  bool awaits_schema(const TopicPlan& plan, const Batch* open, const RecordView& record);

  // As format::ask_for_schemas(), of records behind such a one.
  void ask_for_schemas(const TopicPlan& plan, std::span<const RecordView> records);

  // Moves the share over positions that the log did not give.
  static void pass_over(Batch& batch, Share& share, Position next);

  // Of the last value that was to be decoded, and could not be.
  struct Origin {
    std::string topic;
    Partition partition;
  };
  const Origin& last_undecoded() const { return undecoded_; }
  // Of the last one with a field whose column is of another version of its schema.
  const Origin& last_in_conflict() const { return in_conflict_; }

  // Whether this record of the partition can ever be appended to the batch, with every slab free.
  bool can_ever_take(const Batch& batch, Partition partition, const RecordView& record);

  // Whether there are slabs to spill or seal the batch now: ending a part may take some.
  bool can_end(const Batch& batch);

  // Gives up the slabs that the batch holds open: what is in them goes to the stage as a short chunk. Needs
  // can_end().
  void spill(const BatchPtr& batch);

  // Completes the last chunk and block, and those of its quarantine. Nothing is appended afterwards. Needs
  // can_end().
  void seal(const BatchPtr& batch);

  // How many chunks the batch has beyond those that its bytes would fill.
  std::size_t short_chunks(const Batch& batch) const;

  // The blocks of a batch whose chunks an earlier process wrote; it is sealed then. False: its pieces are
  // larger than those that this writer makes, and cannot be read back.
  bool restore_blocks(Batch& batch) const;

  // The batch is dropped: its encoder and the slabs that it and its quarantine hold open are free again.
  void abandon(Batch& batch);

 private:
  // Of the pieces of a batch; encoded ones and others differ.
  struct Sizes {
    std::size_t chunk_bytes;  // of payload, at most
    std::uint32_t block_chunks_max;
  };
  static Sizes plain_sizes(const Options& options);
  static Sizes encoded_sizes(const Options& options);
  std::size_t held_chunks() const;
  std::size_t chunks_to_end() const;
  const Sizes& sizes_of(const Batch& batch) const;

  Taken append_rows(const BatchPtr& batch, const format::RowContext& context, Share& share,
                    std::span<const RecordView> records);
  Taken append_judged(const BatchPtr& batch, Share& share, std::span<const RecordView> records);
  Taken append_quarantine(const BatchPtr& batch, Share& share, std::span<const RecordView> records,
                          QuarantineReason reason);
  void seal_quarantine(const BatchPtr& batch);
  void count_undecoded(std::string_view topic, Partition partition, std::size_t values);
  void count_conflicts(std::string_view topic, Partition partition, std::size_t values);
  // Behind `records` more.
  static void move_share(BatchCut& cut, Share& share, Position next, std::size_t records);
  format::RowContext context_of(const TopicPlan& plan, Partition partition);
  format::RowContext context_of(Batch& batch, Partition partition);
  bool fits_with_all_free(const Batch& batch, std::size_t row_bytes) const;
  std::size_t slabs_needed(const Batch& batch, std::size_t row_bytes) const;
  std::size_t raw_slabs_to_empty(const Batch& batch, std::size_t row_bytes) const;
  MutableBytes open_room(Batch& batch) const;
  void append_fitting(Batch& batch, const format::RowContext& context, Share& share,
                      std::span<const RecordView> records, Taken& taken);
  void append_across(const BatchPtr& batch, format::SplitRow& row);
  void append_raw(const BatchPtr& batch, format::SplitRow& row);
  void encode_raw(const BatchPtr& batch, format::Encoder::End end);
  format::Encoder& lend_encoder(const BatchPtr& batch);
  void end_part(const BatchPtr& batch);
  void end_unit(const BatchPtr& batch);
  void end_file(const BatchPtr& batch);
  MutableBytes raw_room(const BatchPtr& batch);
  MutableBytes chunk_room(const BatchPtr& batch);
  void close_chunk(const BatchPtr& batch, bool tells_records);
  void close_full_block(const BatchPtr& batch);
  void close_block(const BatchPtr& batch);

  Options options_;
  Sizes plain_;
  Sizes encoded_;
  ChunkStore& store_;
  obs::WorkerMetrics& metrics_;
  EncoderPool encoders_;
  codec::JsonCheck json_;
  Origin undecoded_;
  Origin in_conflict_;
  std::function<void(const BatchPtr&, std::uint32_t)> block_ready_;
};

}  // namespace penstock::pipeline
