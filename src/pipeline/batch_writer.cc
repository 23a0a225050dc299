#include "pipeline/batch_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "codec/checksum.h"
#include "format/lines.h"

namespace penstock::pipeline {
namespace {

constexpr std::byte k_newline{'\n'};

// What a compressor still gives for bytes that it has taken: 131 KB measured at most, of random bytes and of
// short repeats, with either library; the rest is for headers, and for what does not shrink.
constexpr std::size_t k_compressor_holds_max = 160 * 1024;

std::size_t divided_up(std::size_t total, std::size_t part) {
  return (total + part - 1) / part;
}

// Chunks that hold what a compressor holds.
std::size_t held_chunks(std::size_t chunk_bytes) {
  return divided_up(k_compressor_holds_max, chunk_bytes);
}

// Chunks that ending a member may begin, behind the open one: a raw slab, and what the compressor holds.
std::size_t chunks_to_end(std::size_t chunk_bytes) {
  return 1 + held_chunks(chunk_bytes);
}

bool compressed(const Batch& batch) {
  return batch.plan->compression != codec::Compression::none;
}

// A record that would make the file too large begins the next one; alone it may be as large as it is.
bool too_large_with(const Batch& batch, std::size_t framed_bytes) {
  return batch.records > 0 && batch.stored_estimate() + framed_bytes > batch.plan->max_bytes;
}

MutableBytes payload_room(Chunk& chunk, std::size_t chunk_bytes) {
  return chunk.slab.bytes().subspan(stage::k_chunk_header_bytes, chunk_bytes).subspan(chunk.payload_bytes);
}

// Behind the payload lie `count` bytes more. They are summed now, while they are in the cache.
void extend(Chunk& chunk, std::size_t count) {
  const Bytes added(chunk.slab.data() + stage::k_chunk_header_bytes + chunk.payload_bytes, count);
  chunk.checksum = codec::crc32c(added, chunk.checksum);
  chunk.payload_bytes += static_cast<std::uint32_t>(count);
}

void count_lines(Batch& batch, std::size_t lines, std::size_t bytes) {
  batch.records += lines;
  batch.filling.records += lines;
  batch.raw_bytes += bytes;
  batch.filling.raw_bytes += bytes;
}

bool member_open(const Batch& batch) {
  return batch.filling.compressor != nullptr || batch.filling.raw_used > 0;
}

}  // namespace

BatchWriter::BatchWriter(const Options& options, ChunkStore& store, obs::WorkerMetrics& metrics,
                         std::function<void(const BatchPtr&, std::uint32_t)> block_ready)
    : options_(options),
      plain_(plain_cut(options)),
      compressed_(compressed_cut(options)),
      store_(store),
      metrics_(metrics),
      block_ready_(std::move(block_ready)) {}

// A block's bytes are exact: slabs larger than a block are not filled.
BatchWriter::Cut BatchWriter::plain_cut(const Options& options) {
  const std::size_t chunk_bytes = static_cast<std::size_t>(
      std::min<std::uint64_t>(options.slab_bytes - stage::k_chunk_header_bytes, options.block_bytes));
  return {chunk_bytes, static_cast<std::uint32_t>(options.block_bytes / chunk_bytes)};
}

// Chunks are whole slabs, so that what a compressor holds fits into one of those that a worker has.
BatchWriter::Cut BatchWriter::compressed_cut(const Options& options) {
  const std::size_t chunk_bytes = options.slab_bytes - stage::k_chunk_header_bytes;
  return {chunk_bytes,
          static_cast<std::uint32_t>(std::max<std::uint64_t>(options.block_bytes / chunk_bytes, 1))};
}

const BatchWriter::Cut& BatchWriter::cut_of(const Batch& batch) const {
  return compressed(batch) ? compressed_ : plain_;
}

// A compressed block: before a raw slab is compressed it has fewer than block_chunks_max chunks and the open
// one, none at all where that is 1; then those of the raw slab come, and the block is closed. Ending a batch
// that has no compressor may end another's member first.
ChunkStore::Reserve BatchWriter::reserve_for(const Options& options) {
  const Cut cut = compressed_cut(options);
  const std::size_t ending = chunks_to_end(cut.chunk_bytes);
  const std::size_t compressed_block = ending + (cut.block_chunks_max == 1 ? 0 : cut.block_chunks_max);
  return {.to_load = std::max<std::size_t>(plain_cut(options).block_chunks_max, compressed_block),
          .to_end = 2 * ending};
}

BatchWriter::Taken BatchWriter::append(const BatchPtr& batch, Share& share,
                                       std::span<const RecordView> records) {
  Taken taken;
  for (;;) {
    append_fitting(*batch, share, records.subspan(taken.records), taken);
    if (taken.records == records.size()) {
      return taken;
    }
    // Nothing is open, or what is open cannot hold the next one.
    const RecordView& record = records[taken.records];
    if (too_large_with(*batch, record.value.size() + 1)) {
      taken.stop = Taken::Stop::batch_full;
      return taken;
    }
    if (record.value.empty()) {
      ++taken.empty;
    } else {
      const std::size_t needed = slabs_needed(*batch, record.value.size() + 1);
      if (needed > 0 && !store_.make_room(needed)) {
        taken.stop = Taken::Stop::no_room;
        return taken;
      }
      append_across(batch, record.value);
      taken.value_bytes += record.value.size();
    }
    batch->note_timestamp(record.timestamp_ms);
    share.range.next = after(record.offset);
    ++taken.records;
  }
}

// What lies open: the rest of the chunk, or with compression of the raw slab. Empty between two of them.
MutableBytes BatchWriter::open_room(Batch& batch) const {
  Filling& filling = batch.filling;
  const std::size_t chunk_bytes = cut_of(batch).chunk_bytes;
  if (compressed(batch)) {
    return filling.raw ? filling.raw.bytes().first(chunk_bytes).subspan(filling.raw_used) : MutableBytes();
  }
  return filling.chunk != nullptr ? payload_room(*filling.chunk, chunk_bytes) : MutableBytes();
}

// The usual case, a few instructions a record: those from the front that fit into what is open, and into the batch.
void BatchWriter::append_fitting(Batch& batch, Share& share, std::span<const RecordView> records,
                                 Taken& taken) {
  const MutableBytes room = open_room(batch);
  const std::uint64_t stored = batch.stored_estimate();
  const std::uint64_t allowed = batch.plan->max_bytes > stored ? batch.plan->max_bytes - stored : 0;
  std::byte* to = room.data();
  const std::byte* const end = to + std::min<std::uint64_t>(room.size(), allowed);
  std::size_t count = 0;
  std::size_t empty = 0;
  std::size_t flattened = 0;
  for (; count < records.size(); ++count) {
    const RecordView& record = records[count];
    const std::size_t size = record.value.size();
    if (size >= static_cast<std::size_t>(end - to)) {
      break;
    }
    batch.note_timestamp(record.timestamp_ms);
    if (size == 0) {
      ++empty;
      continue;
    }
    flattened += format::copy_flat(record.value, to) > 0 ? 1 : 0;
    to[size] = k_newline;
    to += size + 1;
  }
  if (count == 0) {
    return;
  }
  const auto bytes = static_cast<std::size_t>(to - room.data());
  const std::size_t lines = count - empty;
  share.range.next = after(records[count - 1].offset);
  if (compressed(batch)) {
    batch.filling.raw_used += bytes;
  } else {
    extend(*batch.filling.chunk, bytes);
    batch.filling.chunk->whole_bytes = batch.filling.chunk->payload_bytes;
  }
  count_lines(batch, lines, bytes);
  metrics_.lines_flattened.add(flattened);
  taken.records += count;
  taken.empty += empty;
  taken.value_bytes += bytes - lines;
}

// One value that begins a chunk or a raw slab, or crosses into the next.
void BatchWriter::append_across(const BatchPtr& batch, Bytes value) {
  const std::size_t replaced = compressed(*batch) ? write_raw(batch, value) : write_plain(batch, value);
  if (!compressed(*batch)) {
    batch->filling.chunk->whole_bytes = batch->filling.chunk->payload_bytes;
  }
  count_lines(*batch, 1, value.size() + 1);
  metrics_.lines_flattened.add(replaced > 0 ? 1 : 0);
}

// Slabs that appending may take, at most. Compression: each time the raw slab is emptied, it may fill two (its
// bytes may not shrink, and a block that ends leaves the rest of a chunk); the first time also what the
// compressor held, or, to get a compressor, the end of another batch's member.
std::size_t BatchWriter::slabs_needed(const Batch& batch, std::size_t framed_bytes) const {
  const Filling& filling = batch.filling;
  const std::size_t chunk_bytes = cut_of(batch).chunk_bytes;
  if (!compressed(batch)) {
    const std::size_t room = filling.chunk != nullptr ? chunk_bytes - filling.chunk->payload_bytes : 0;
    return framed_bytes <= room ? 0 : divided_up(framed_bytes - room, chunk_bytes);
  }
  const std::size_t room = filling.raw ? chunk_bytes - filling.raw_used : 0;
  if (framed_bytes <= room) {
    return 0;
  }
  const std::size_t first =
      filling.compressor != nullptr ? held_chunks(chunk_bytes) : chunks_to_end(chunk_bytes);
  return 2 * divided_up(framed_bytes - room, chunk_bytes) + first;
}

bool BatchWriter::can_ever_take(const Batch& batch, std::size_t value_bytes) const {
  const std::size_t chunk_bytes = cut_of(batch).chunk_bytes;
  const std::size_t chunks = divided_up(value_bytes + 1, chunk_bytes);
  const std::size_t needed = compressed(batch) ? 2 * chunks + chunks_to_end(chunk_bytes) : chunks;
  return needed <= store_.slabs_for_records();
}

std::size_t BatchWriter::write_plain(const BatchPtr& batch, Bytes value) {
  std::size_t replaced = 0;
  while (!value.empty()) {
    const MutableBytes to = free_part(batch);
    const std::size_t count = std::min(to.size(), value.size());
    replaced += format::copy_flat(value.first(count), to.data());
    extend(*batch->filling.chunk, count);
    value = value.subspan(count);
  }
  free_part(batch)[0] = k_newline;
  extend(*batch->filling.chunk, 1);
  return replaced;
}

// The free part of the open chunk, never empty: a full chunk is closed first, an absent one begun. Closing is
// put off until here, so that a chunk that ends with a record tells of that record.
MutableBytes BatchWriter::free_part(const BatchPtr& batch) {
  Filling& filling = batch->filling;
  const Cut& cut = cut_of(*batch);
  if (filling.chunk != nullptr && filling.chunk->payload_bytes == cut.chunk_bytes) {
    close_chunk(batch, !compressed(*batch));
    if (filling.block.chunk_count >= cut.block_chunks_max && !compressed(*batch)) {
      close_block(batch);
    }
  }
  if (filling.chunk == nullptr) {
    CHECK(store_.make_room_to_end(1));
    Chunk& chunk = batch->chunks.emplace_back();
    chunk.batch_counter = batch->id.counter;
    chunk.index = static_cast<std::uint32_t>(batch->chunks.size() - 1);
    chunk.slab = store_.take();
    filling.chunk = &chunk;
  }
  return payload_room(*filling.chunk, cut.chunk_bytes);
}

std::size_t BatchWriter::write_raw(const BatchPtr& batch, Bytes value) {
  std::size_t replaced = 0;
  Filling& filling = batch->filling;
  const auto room = [&] {
    if (!filling.raw) {
      filling.raw = store_.take();
    }
    if (filling.raw_used == compressed_.chunk_bytes) {
      compress_raw(batch, codec::Compressor::End::more);
    }
    return filling.raw.bytes().first(compressed_.chunk_bytes).subspan(filling.raw_used);
  };
  while (!value.empty()) {
    const MutableBytes to = room();
    const std::size_t count = std::min(to.size(), value.size());
    replaced += format::copy_flat(value.first(count), to.data());
    filling.raw_used += count;
    value = value.subspan(count);
  }
  room()[0] = k_newline;
  ++filling.raw_used;
  return replaced;
}

void BatchWriter::compress_raw(const BatchPtr& batch, codec::Compressor::End end) {
  Filling& filling = batch->filling;
  codec::Compressor& compressor = compressors_.lend(*batch, [this](Batch& other) {
    const BatchPtr robbed = other.shared_from_this();
    end_member(robbed);
    if (Chunk* chunk = robbed->filling.chunk; chunk != nullptr) {
      chunk->whole_bytes = chunk->payload_bytes;  // until more is appended to it
    }
    close_full_block(robbed);
  });
  Bytes input = filling.raw.bytes().first(filling.raw_used);
  for (bool done = false; !done;) {
    const MutableBytes to = free_part(batch);
    const codec::Compressor::Step step = compressor.compress(input, to, end);
    input = input.subspan(step.consumed);
    extend(*filling.chunk, step.produced);
    done = end == codec::Compressor::End::member ? step.member_ended : input.empty();
  }
  filling.raw_used = 0;
  if (end == codec::Compressor::End::member) {
    compressors_.give_back(*batch);
    return;
  }
  close_full_block(batch);
}

// The next raw slab may fill as much again: ends the block while it still fits.
void BatchWriter::close_full_block(const BatchPtr& batch) {
  const Filling& filling = batch->filling;
  const std::uint64_t block_bytes = filling.block.ref.bytes + filling.chunk->payload_bytes;
  if (block_bytes > 0 && (block_bytes + compressed_.chunk_bytes > options_.block_bytes ||
                          filling.block.chunk_count >= compressed_.block_chunks_max)) {
    end_member(batch);
    close_chunk(batch, true);
    close_block(batch);
  }
}

void BatchWriter::end_member(const BatchPtr& batch) {
  if (member_open(*batch)) {
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
  if (!member_open(batch)) {
    return true;
  }
  const std::size_t ending = chunks_to_end(compressed_.chunk_bytes);
  return store_.make_room_to_end(batch.filling.compressor != nullptr ? ending : 2 * ending);
}

void BatchWriter::spill(const BatchPtr& batch) {
  end_member(batch);
  batch->filling.raw.reset();
  if (Chunk* chunk = batch->filling.chunk; chunk != nullptr) {
    chunk->whole_bytes = chunk->payload_bytes;
    close_chunk(batch, true);
    if (batch->filling.block.chunk_count >= cut_of(*batch).block_chunks_max) {
      close_block(batch);
    }
  }
}

void BatchWriter::seal(const BatchPtr& batch) {
  end_member(batch);
  batch->sealed = true;  // only now: the chunk that is closed next is the last
  batch->filling.raw.reset();
  if (Chunk* chunk = batch->filling.chunk; chunk != nullptr) {
    chunk->whole_bytes = chunk->payload_bytes;
    close_chunk(batch, true);
  }
  if (batch->filling.block.chunk_count > 0) {
    close_block(batch);
  }
}

// As close_chunk() and free_part() would have it: a block ends with a chunk that tells of records, which with
// compression is the end of a member, and not necessarily of a record.
bool BatchWriter::restore_blocks(Batch& batch) const {
  const Cut& cut = cut_of(batch);
  const std::size_t chunks_max = reserve_for(options_).to_load;
  Block block;
  for (const Chunk& chunk : batch.chunks) {
    if (stage::k_chunk_header_bytes + chunk.extent.payload_bytes > options_.slab_bytes) {
      return false;
    }
    block.chunk_count += 1;
    block.ref.bytes += chunk.payload_bytes;
    batch.payload_bytes += chunk.payload_bytes;
    const bool is_last = &chunk == &batch.chunks.back();
    const bool may_end = !compressed(batch) || !chunk.ranges.empty();
    const bool is_full = block.chunk_count >= cut.block_chunks_max ||
                         (compressed(batch) && block.ref.bytes + cut.chunk_bytes > options_.block_bytes);
    if (!is_last && !(may_end && is_full)) {
      continue;
    }
    if (block.chunk_count > chunks_max) {
      return false;
    }
    batch.blocks.push_back(block);
    block = Block{.ref = {.index = static_cast<std::uint32_t>(batch.blocks.size()),
                          .offset = block.ref.offset + block.ref.bytes,
                          .bytes = 0},
                  .first_chunk = chunk.index + 1};
  }
  return !batch.blocks.empty();
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
