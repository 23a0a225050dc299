// Writes records into a batch: framed, copied once into slabs, compressed if asked, cut into chunks and
// blocks.
//
// A chunk is closed when its slab is full, a block when another chunk would not fit. With compression, framed
// bytes gather in a raw slab, which is compressed when it is full; a block ends with a member, so that no
// member crosses blocks.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/record_view.h"
#include "obs/worker_metrics.h"
#include "pipeline/batch.h"
#include "pipeline/chunk_store.h"
#include "pipeline/compressor_pool.h"

namespace penstock::pipeline {

class BatchWriter {
 public:
  struct Options {
    std::size_t slab_bytes = 0;
    std::uint64_t block_bytes = 0;  // of a compressed block approximately: it ends with a member
  };
  // The slabs that must be kept from records, so that every batch can be ended and every block be read back.
  static ChunkStore::Reserve reserve_for(const Options& options);

  // `block_ready` takes a block that is complete; its chunks are with the store.
  BatchWriter(const Options& options, ChunkStore& store, obs::WorkerMetrics& metrics,
              std::function<void(const BatchPtr&, std::uint32_t block)> block_ready);

  // What a batch took of a run of records.
  struct Taken {
    enum class Stop : std::uint8_t {
      end,         // it took all
      batch_full,  // the next record would make it too large
      no_room,     // no slab is free; the rest is offered again when one is
    };
    std::size_t records = 0;  // from the front
    std::size_t empty = 0;    // of these have no value, and make no line
    std::uint64_t value_bytes = 0;
    Stop stop = Stop::end;
  };

  // Appends the values of records of one partition, framed, and moves `share` of that partition behind them. The first
  // record of a batch may be as large as it is.
  Taken append(const BatchPtr& batch, Share& share, std::span<const RecordView> records);

  // Whether a value of this size can ever be appended to the batch, with every slab free.
  bool can_ever_take(const Batch& batch, std::size_t value_bytes) const;

  // Whether there are slabs to spill or seal the batch now: ending a compressed member may take some.
  bool can_end(const Batch& batch);

  // Gives up the slabs that the batch holds open: what is in them goes to the stage as a short chunk. Needs
  // can_end().
  void spill(const BatchPtr& batch);

  // Completes the last chunk and block. Nothing is appended afterwards. Needs can_end().
  void seal(const BatchPtr& batch);

  // The blocks of a batch whose chunks an earlier process wrote. False: its pieces are larger than those that
  // this writer makes, and cannot be read back.
  bool restore_blocks(Batch& batch) const;

  // The batch is dropped: its compressor is free again.
  void abandon(Batch& batch);

 private:
  // How the batches of one kind, compressed or not, are cut.
  struct Cut {
    std::size_t chunk_bytes;  // of payload, at most
    std::uint32_t block_chunks_max;
  };
  static Cut plain_cut(const Options& options);
  static Cut compressed_cut(const Options& options);
  const Cut& cut_of(const Batch& batch) const;

  std::size_t slabs_needed(const Batch& batch, std::size_t framed_bytes) const;
  MutableBytes open_room(Batch& batch) const;
  void append_fitting(Batch& batch, Share& share, std::span<const RecordView> records, Taken& taken);
  void append_across(const BatchPtr& batch, Bytes value);
  // Both return how many line breaks became spaces.
  std::size_t write_plain(const BatchPtr& batch, Bytes value);
  std::size_t write_raw(const BatchPtr& batch, Bytes value);
  void compress_raw(const BatchPtr& batch, codec::Compressor::End end);
  void end_member(const BatchPtr& batch);
  MutableBytes free_part(const BatchPtr& batch);
  void close_chunk(const BatchPtr& batch, bool tells_records);
  void close_full_block(const BatchPtr& batch);
  void close_block(const BatchPtr& batch);

  Options options_;
  Cut plain_;
  Cut compressed_;
  ChunkStore& store_;
  obs::WorkerMetrics& metrics_;
  CompressorPool compressors_;
  std::function<void(const BatchPtr&, std::uint32_t)> block_ready_;
};

}  // namespace penstock::pipeline
