#include "pipeline/batch_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "codec/ndjson.h"

namespace penstock::pipeline {
namespace {

constexpr std::byte k_newline{'\n'};

std::size_t divided_up(std::size_t total, std::size_t part) {
  return (total + part - 1) / part;
}

bool compressed(const Batch& batch) {
  return batch.plan->compression != codec::Compression::none;
}

}  // namespace

BatchWriter::BatchWriter(const Options& options, ChunkStore& store, obs::WorkerMetrics& metrics,
                         std::function<void(const BatchPtr&, std::uint32_t)> block_ready)
    : options_(options),
      payload_capacity_(static_cast<std::size_t>(
          std::min<std::uint64_t>(options.slab_bytes - stage::k_chunk_header_bytes, options.block_bytes))),
      chunks_per_block_max_(
          static_cast<std::uint32_t>(std::max<std::uint64_t>(options.block_bytes / payload_capacity_, 1))),
      store_(store),
      metrics_(metrics),
      block_ready_(std::move(block_ready)) {}

BatchWriter::Outcome BatchWriter::append(const BatchPtr& batch, Bytes value) {
  const std::size_t needed = slabs_needed(*batch, value.size() + 1);
  if (needed > 0 && !store_.make_room(needed)) {
    return Outcome::no_room;
  }
  const std::size_t replaced = compressed(*batch) ? write_raw(batch, value) : write_plain(batch, value);
  metrics_.lines_flattened.add(replaced > 0 ? 1 : 0);
  ++batch->records;
  ++batch->filling.records;
  batch->raw_bytes += value.size() + 1;
  batch->filling.raw_bytes += value.size() + 1;
  return Outcome::taken;
}

// Slabs that appending may take, at most. Compression: each time the raw slab is emptied, the compressor may
// fill up to two (what it held back, and bytes that do not shrink), and lending it may end another batch's
// member (one more, and its tail).
std::size_t BatchWriter::slabs_needed(const Batch& batch, std::size_t framed_bytes) const {
  const Filling& filling = batch.filling;
  if (!compressed(batch)) {
    const std::size_t room = filling.chunk != nullptr ? payload_capacity_ - filling.chunk->payload_bytes : 0;
    return framed_bytes <= room ? 0 : divided_up(framed_bytes - room, payload_capacity_);
  }
  const std::size_t room = filling.raw ? payload_capacity_ - filling.raw_used : 0;
  if (framed_bytes <= room) {
    return 0;
  }
  return 3 + 2 * divided_up(framed_bytes - room, payload_capacity_);
}

bool BatchWriter::can_ever_take(std::size_t value_bytes) const {
  return 5 + 2 * divided_up(value_bytes + 1, payload_capacity_) <= store_.slabs_for_records();
}

std::size_t BatchWriter::write_plain(const BatchPtr& batch, Bytes value) {
  std::size_t replaced = 0;
  while (!value.empty()) {
    const MutableBytes to = free_part(batch);
    const std::size_t count = std::min(to.size(), value.size());
    replaced += codec::copy_flat(value.first(count), to.data());
    batch->filling.chunk->payload_bytes += static_cast<std::uint32_t>(count);
    value = value.subspan(count);
  }
  free_part(batch)[0] = k_newline;
  batch->filling.chunk->payload_bytes += 1;
  return replaced;
}

// The free part of the open chunk, never empty: a full chunk is closed first, an absent one begun. Closing is
// put off until here, so that a chunk that ends with a record tells of that record.
MutableBytes BatchWriter::free_part(const BatchPtr& batch) {
  Filling& filling = batch->filling;
  if (filling.chunk != nullptr && filling.chunk->payload_bytes == payload_capacity_) {
    close_chunk(batch, !compressed(*batch));
    if (filling.block.chunk_count >= chunks_per_block_max_ && !compressed(*batch)) {
      close_block(batch);
    }
  }
  if (filling.chunk == nullptr) {
    CHECK(store_.make_room_from_reserve(1));
    Chunk& chunk = batch->chunks.emplace_back();
    chunk.batch_counter = batch->id.counter;
    chunk.index = static_cast<std::uint32_t>(batch->chunks.size() - 1);
    chunk.slab = store_.take();
    filling.chunk = &chunk;
  }
  return filling.chunk->slab.bytes()
      .subspan(stage::k_chunk_header_bytes, payload_capacity_)
      .subspan(filling.chunk->payload_bytes);
}

std::size_t BatchWriter::write_raw(const BatchPtr& batch, Bytes value) {
  std::size_t replaced = 0;
  Filling& filling = batch->filling;
  const auto room = [&] {
    if (!filling.raw) {
      filling.raw = store_.take();
    }
    if (filling.raw_used == payload_capacity_) {
      compress_raw(batch, codec::Compressor::End::more);
    }
    return filling.raw.bytes().first(payload_capacity_).subspan(filling.raw_used);
  };
  while (!value.empty()) {
    const MutableBytes to = room();
    const std::size_t count = std::min(to.size(), value.size());
    replaced += codec::copy_flat(value.first(count), to.data());
    filling.raw_used += count;
    value = value.subspan(count);
  }
  room()[0] = k_newline;
  ++filling.raw_used;
  return replaced;
}

void BatchWriter::compress_raw(const BatchPtr& batch, codec::Compressor::End end) {
  Filling& filling = batch->filling;
  codec::Compressor& compressor =
      compressors_.lend(*batch, [this](Batch& other) { end_member(other.shared_from_this()); });
  Bytes input = filling.raw.bytes().first(filling.raw_used);
  for (bool done = false; !done;) {
    const MutableBytes to = free_part(batch);
    const codec::Compressor::Step step = compressor.compress(input, to, end);
    input = input.subspan(step.consumed);
    filling.chunk->payload_bytes += static_cast<std::uint32_t>(step.produced);
    done = end == codec::Compressor::End::member ? step.member_ended : input.empty();
  }
  filling.raw_used = 0;
  if (end == codec::Compressor::End::member) {
    compressors_.give_back(*batch);
    return;
  }
  // The next raw slab may fill as much again: end the block while it still fits.
  const std::uint64_t block_bytes = filling.block.ref.bytes + filling.chunk->payload_bytes;
  if (block_bytes + payload_capacity_ > options_.block_bytes ||
      filling.block.chunk_count >= chunks_per_block_max_) {
    end_member(batch);
    close_chunk(batch, true);
    close_block(batch);
  }
}

void BatchWriter::end_member(const BatchPtr& batch) {
  if (batch->filling.compressor != nullptr || batch->filling.raw_used > 0) {
    compress_raw(batch, codec::Compressor::End::member);
  }
}

void BatchWriter::close_chunk(const BatchPtr& batch, bool tells_records) {
  Filling& filling = batch->filling;
  Chunk& chunk = *filling.chunk;
  filling.chunk = nullptr;
  CHECK(chunk.payload_bytes > 0u);
  if (tells_records) {
    for (Share& share : batch->shares) {
      if (share.chunked < share.range.next) {
        chunk.ranges.push_back({share.partition, Range{share.chunked, share.range.next}});
        share.chunked = share.range.next;
      }
    }
    chunk.records = std::exchange(filling.records, 0);
    chunk.raw_bytes = std::exchange(filling.raw_bytes, 0);
  }
  chunk.last = batch->sealed;
  if (filling.block.chunk_count == 0) {
    filling.block.first_chunk = chunk.index;
  }
  ++filling.block.chunk_count;
  filling.block.ref.bytes += chunk.payload_bytes;
  batch->payload_bytes += chunk.payload_bytes;
  store_.keep(batch, chunk);
}

void BatchWriter::close_block(const BatchPtr& batch) {
  Filling& filling = batch->filling;
  batch->blocks.push_back(filling.block);
  const lake::BlockRef next{.index = static_cast<std::uint32_t>(batch->blocks.size()),
                            .offset = filling.block.ref.offset + filling.block.ref.bytes,
                            .bytes = 0};
  filling.block = Block{.ref = next};
  block_ready_(batch, static_cast<std::uint32_t>(batch->blocks.size() - 1));
}

bool BatchWriter::can_end(const Batch& batch) {
  // What the raw slab and the compressor hold fits into the open chunk and two more.
  constexpr std::size_t k_slabs_to_end = 2;
  const bool member_open = batch.filling.compressor != nullptr || batch.filling.raw_used > 0;
  return !member_open || store_.make_room_from_reserve(k_slabs_to_end);
}

void BatchWriter::spill(const BatchPtr& batch) {
  end_member(batch);
  batch->filling.raw.reset();
  if (batch->filling.chunk != nullptr) {
    close_chunk(batch, true);
    if (batch->filling.block.chunk_count >= chunks_per_block_max_) {
      close_block(batch);
    }
  }
}

void BatchWriter::seal(const BatchPtr& batch) {
  batch->sealed = true;
  end_member(batch);
  batch->filling.raw.reset();
  if (batch->filling.chunk != nullptr) {
    close_chunk(batch, true);
  }
  if (batch->filling.block.chunk_count > 0) {
    close_block(batch);
  }
}

void BatchWriter::abandon(Batch& batch) {
  compressors_.give_back(batch);
  batch.filling.raw.reset();
  if (batch.filling.chunk != nullptr) {
    batch.filling.chunk->slab.reset();
    batch.filling.chunk = nullptr;
  }
}

}  // namespace penstock::pipeline
