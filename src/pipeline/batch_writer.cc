// How bytes get from records into chunks.
//
// A row is copied once, from the source's buffer into a slab. Of a plain format that slab is the chunk
// itself. Of a format that is encoded it is a raw slab: rows gather there, and when it is full the encoder
// turns them into payload in chunks.
//
//   plain      records ─► chunk ─► chunk ─► ...
//   encoded    records ─► raw slab ─► encoder ─► chunk ─► chunk ─► ...
//
// append() takes what fits into the open slab in one go (append_fitting), which is nearly always all. The
// record that does not fit is written piece by piece (append_across), which closes slabs and takes new ones.
// Before that it is made sure that as many slabs are free as this may take at most. So once a row is begun
// it is finished, and whatever happens no half row is left.
//
// For example, slabs of 1 MiB, plain lines, and a value of 2.5 MiB where 0.2 MiB are free in the open chunk.
// slabs_needed() says 3. If they cannot be had, append() answers no_room, nothing has changed, and the
// record is offered again. Otherwise the row fills the open chunk, two whole ones, and the beginning of a
// third. The two in the middle complete no record: their `whole_record_bytes` is 0.
//
// Of a format in units no row crosses into another raw slab, so that a raw slab can be announced as a whole:
// so many rows, so many bytes. A row that does not fit into the rest begins the next one. A row that is
// larger than a raw slab is announced alone, with its size, and then goes through it piece by piece. Of that
// row alone a part may cross blocks.
//
// A chunk is closed only when the next byte is to be written, or at the end. A chunk that ends with a record
// therefore tells of that record. A block is closed behind the chunk that fills it. An encoded block ends
// with a part, so that no part crosses blocks. That is why block_bytes is approximate there.
#include "pipeline/batch_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "codec/checksum.h"
#include "format/record_format.h"
#include "format/record_schema.h"

namespace penstock::pipeline {
namespace {

using format::Encoder;

std::size_t divided_up(std::size_t total, std::size_t part) {
  return (total + part - 1) / part;
}

// Chunks that ending a part may begin, behind the open one: what a raw slab becomes, and what the encoder
// holds.
std::size_t chunks_to_end_of(const BatchWriter::Options& options, std::size_t chunk_bytes) {
  return options.encoder_growth + divided_up(options.encoder_holds_bytes, chunk_bytes);
}

bool encoded(const Batch& batch) {
  return batch.plan->format.is_encoded();
}

// The file's end, which its encoder writes, would become too large.
bool is_full(const Batch& batch) {
  const Encoder* const encoder = batch.cut.filling.encoder;
  return encoder != nullptr && encoder->is_full();
}

// A record that would make the file too large begins the next one; alone it may be as large as it is.
bool too_large_with(const Batch& batch, std::size_t row_bytes) {
  return batch.cut.records > 0 &&
         (is_full(batch) || batch.cut.stored_estimate() + row_bytes > batch.plan->max_bytes);
}

MutableBytes payload_room(Chunk& chunk, std::size_t chunk_bytes) {
  return chunk.place.slab.bytes()
      .subspan(stage::k_chunk_header_bytes, chunk_bytes)
      .subspan(chunk.payload_bytes);
}

// Behind the payload lie `count` bytes more. They are summed now, while they are in the cache.
void extend(Chunk& chunk, std::size_t count) {
  const Bytes added(chunk.place.slab.data() + stage::k_chunk_header_bytes + chunk.payload_bytes, count);
  chunk.checksum = codec::crc32c(added, chunk.checksum);
  chunk.payload_bytes += static_cast<std::uint32_t>(count);
}

// `bytes` that the rows have in their slab.
void count_rows(Batch& batch, std::size_t rows, std::size_t bytes) {
  BatchCut& cut = batch.cut;
  const std::size_t told = bytes - rows * format::row_bytes_beside(batch.plan->format.rows);
  cut.records += rows;
  cut.filling.records += rows;
  cut.raw_bytes += told;
  cut.filling.raw_bytes += told;
}

void count_skipped(BatchCut& cut, std::size_t records) {
  cut.skipped += records;
  cut.filling.skipped += records;
}

bool part_open(const Batch& batch) {
  return batch.cut.filling.in_part || batch.cut.filling.raw_used > 0;
}

// Sealing writes a file's end, where it has one. Without rows there is no file.
bool end_open(const Batch& batch) {
  return batch.plan->format.has_end() && batch.cut.records > 0;
}

// What has been written so far ends with a record: so the open chunk ends whole, until more is appended to
// it.
void mark_whole(Filling& filling) {
  if (filling.chunk != nullptr) {
    filling.chunk->whole_record_bytes = filling.chunk->payload_bytes;
    filling.chunk->whole_record_checksum = filling.chunk->checksum;
  }
}

}  // namespace

BatchWriter::BatchWriter(const Options& options, ChunkStore& store, obs::WorkerMetrics& metrics,
                         std::function<void(const BatchPtr&, std::uint32_t)> block_ready)
    : options_(options),
      plain_(plain_sizes(options)),
      encoded_(encoded_sizes(options)),
      store_(store),
      metrics_(metrics),
      block_ready_(std::move(block_ready)) {
  encoders_.schemas()->bound_texts(options.schema_texts_bytes);
}

// A block's bytes are exact: slabs larger than a block are not filled.
BatchWriter::Sizes BatchWriter::plain_sizes(const Options& options) {
  const std::size_t chunk_bytes = static_cast<std::size_t>(
      std::min<std::uint64_t>(options.slab_bytes - stage::k_chunk_header_bytes, options.block_bytes));
  return {chunk_bytes, static_cast<std::uint32_t>(options.block_bytes / chunk_bytes)};
}

// Chunks are whole slabs, so that what an encoder holds fits into one of those that a worker has.
BatchWriter::Sizes BatchWriter::encoded_sizes(const Options& options) {
  const std::size_t chunk_bytes = options.slab_bytes - stage::k_chunk_header_bytes;
  return {chunk_bytes,
          static_cast<std::uint32_t>(std::max<std::uint64_t>(options.block_bytes / chunk_bytes, 1))};
}

// Chunks that hold what an encoder holds.
std::size_t BatchWriter::held_chunks() const {
  return divided_up(options_.encoder_holds_bytes, encoded_.chunk_bytes);
}

std::size_t BatchWriter::chunks_to_end() const {
  return options_.encoder_growth + held_chunks();
}

const BatchWriter::Sizes& BatchWriter::sizes_of(const Batch& batch) const {
  return encoded(batch) ? encoded_ : plain_;
}

// An encoded block: before a raw slab is encoded it has fewer than block_chunks_max chunks and the open one,
// none at all where that is 1. Then those of the raw slab come, and the block is closed. Ending a batch that
// has no encoder may end another's part first.
ChunkStore::Reserve BatchWriter::reserve_for(const Options& options) {
  const Sizes sizes = encoded_sizes(options);
  const std::size_t ending = chunks_to_end_of(options, sizes.chunk_bytes);
  const std::size_t encoded_block = ending + (sizes.block_chunks_max == 1 ? 0 : sizes.block_chunks_max);
  return {.to_load = std::max<std::size_t>(plain_sizes(options).block_chunks_max, encoded_block),
          .to_end = 2 * ending};
}

BatchWriter::Taken BatchWriter::append(const BatchPtr& batch, Share& share,
                                       std::span<const RecordView> records) {
  return batch->plan->rules.any() ? append_judged(batch, share, records)
                                  : append_rows(batch, context_of(*batch, share.partition), share, records);
}

BatchWriter::Taken BatchWriter::append_rows(const BatchPtr& batch, const format::RowContext& context,
                                            Share& share, std::span<const RecordView> records) {
  Taken taken;
  for (;;) {
    append_fitting(*batch, context, share, records.subspan(taken.records), taken);
    if (taken.records == records.size()) {
      return taken;
    }
    // Nothing is open, or what is open cannot hold the next one, or that one waits.
    const RecordView& record = records[taken.records];
    if (format::awaits_schema(context, record)) {
      taken.stop = Taken::Stop::no_schema;
      return taken;
    }
    if (!format::admit_schema(context, record, batch->cut.filling.encoder, batch->cut.records > 0)) {
      taken.stop = Taken::Stop::other_columns;
      return taken;
    }
    format::SplitRow row(context, record);
    if (too_large_with(*batch, row.bytes_left())) {
      taken.stop = Taken::Stop::batch_full;
      return taken;
    }
    if (format::makes_no_row(context.rows, record)) {
      ++taken.empty;
      count_skipped(batch->cut, 1);
    } else {
      const std::size_t needed = slabs_needed(*batch, row.bytes_left());
      if (needed > 0 && !store_.make_room(needed)) {
        taken.stop = Taken::Stop::no_room;
        return taken;
      }
      append_across(batch, row);
      count_undecoded(context.topic, context.partition, row.undecoded() ? 1 : 0);
      taken.value_bytes += record.value.size();
    }
    metrics_.undated_records.add(tells_time(record.timestamp_ms) ? 0 : 1);
    batch->cut.oldest_timestamp_ms = format::older(batch->cut.oldest_timestamp_ms, record.timestamp_ms);
    move_share(batch->cut, share, after(record.offset), 1);
    ++taken.records;
  }
}

// What lies open: the rest of the chunk, or of the raw slab. Empty between two of them.
MutableBytes BatchWriter::open_room(Batch& batch) const {
  Filling& filling = batch.cut.filling;
  const std::size_t chunk_bytes = sizes_of(batch).chunk_bytes;
  if (encoded(batch)) {
    return filling.raw ? filling.raw.bytes().first(chunk_bytes).subspan(filling.raw_used) : MutableBytes();
  }
  return filling.chunk != nullptr ? payload_room(*filling.chunk, chunk_bytes) : MutableBytes();
}

// The usual case: records from the front whose rows fit into what is open, and into the batch.
void BatchWriter::append_fitting(Batch& batch, const format::RowContext& context, Share& share,
                                 std::span<const RecordView> records, Taken& taken) {
  const MutableBytes room = open_room(batch);
  BatchCut& cut = batch.cut;
  const std::uint64_t stored = cut.stored_estimate();
  const std::uint64_t allowed =
      batch.plan->max_bytes > stored && !is_full(batch) ? batch.plan->max_bytes - stored : 0;
  const format::Framed framed = format::frame(
      context, records, room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), allowed))));
  if (framed.records == 0) {
    return;
  }
  move_share(cut, share, after(records[framed.records - 1].offset), framed.records);
  cut.oldest_timestamp_ms = format::older(cut.oldest_timestamp_ms, framed.oldest_timestamp_ms);
  if (encoded(batch)) {
    cut.filling.raw_used += framed.bytes;
    cut.filling.raw_rows += framed.rows;
  } else {
    extend(*cut.filling.chunk, framed.bytes);
    mark_whole(cut.filling);
  }
  count_rows(batch, framed.rows, framed.bytes);
  count_skipped(cut, framed.skipped);
  metrics_.lines_flattened.add(framed.flattened);
  metrics_.headers_repeated.add(framed.repeated);
  count_undecoded(context.topic, context.partition, framed.undecoded);
  metrics_.undated_records.add(framed.undated);
  taken.records += framed.records;
  taken.empty += framed.skipped;
  taken.value_bytes += framed.value_bytes;
}

// What else the share moves over, the log did not give.
void BatchWriter::move_share(BatchCut& cut, Share& share, Position next, std::size_t records) {
  const auto holes = static_cast<std::uint64_t>(next.value - share.range.next.value) - records;
  cut.holes += holes;
  cut.filling.holes += holes;
  share.range.next = next;
}

void BatchWriter::pass_over(Batch& batch, Share& share, Position next) {
  move_share(batch.cut, share, next, 0);
}

// One row that begins a chunk or a raw slab, or crosses into the next.
void BatchWriter::append_across(const BatchPtr& batch, format::SplitRow& row) {
  const std::size_t bytes = row.bytes_left();
  if (encoded(*batch)) {
    append_raw(batch, row);
  } else {
    while (!row.done()) {
      const std::size_t count = row.write(chunk_room(batch));
      extend(*batch->cut.filling.chunk, count);
    }
    mark_whole(batch->cut.filling);
  }
  count_rows(*batch, 1, bytes);
  metrics_.lines_flattened.add(row.flattened() ? 1 : 0);
  metrics_.headers_repeated.add(row.repeated());
}

void BatchWriter::append_raw(const BatchPtr& batch, format::SplitRow& row) {
  Filling& filling = batch->cut.filling;
  const bool in_units = batch->plan->format.in_units();
  if (in_units && filling.raw_used > 0 && filling.raw_used + row.bytes_left() > encoded_.chunk_bytes) {
    end_unit(batch);
  }
  if (in_units && row.bytes_left() > encoded_.chunk_bytes) {
    lend_encoder(batch).begin_unit(1, row.bytes_left());
    filling.in_unit = true;
  }
  while (!row.done()) {
    filling.raw_used += row.write(raw_room(batch));
  }
  filling.raw_rows += 1;
  if (filling.in_unit) {
    end_unit(batch);
  }
}

// Slabs that appending may take, at most. Encoded: each time the raw slab is emptied, it may fill two (its
// bytes may not shrink, and a block that ends leaves the rest of a chunk), or more where they may grow. The
// first time also what the encoder held may come, or, to get an encoder, the end of another batch's part.
std::size_t BatchWriter::slabs_needed(const Batch& batch, std::size_t row_bytes) const {
  const Filling& filling = batch.cut.filling;
  const std::size_t chunk_bytes = sizes_of(batch).chunk_bytes;
  if (!encoded(batch)) {
    const std::size_t room = filling.chunk != nullptr ? chunk_bytes - filling.chunk->payload_bytes : 0;
    return row_bytes <= room ? 0 : divided_up(row_bytes - room, chunk_bytes);
  }
  const std::size_t emptied = raw_slabs_to_empty(batch, row_bytes);
  if (emptied == 0) {
    return 0;
  }
  const std::size_t first = filling.encoder != nullptr ? held_chunks() : chunks_to_end();
  return (1 + options_.encoder_growth) * emptied + first;
}

// 0: the row fits into the open one. A raw slab that is only begun counts as one.
std::size_t BatchWriter::raw_slabs_to_empty(const Batch& batch, std::size_t row_bytes) const {
  const Filling& filling = batch.cut.filling;
  const std::size_t room = filling.raw ? encoded_.chunk_bytes - filling.raw_used : 0;
  if (row_bytes <= room) {
    return 0;
  }
  if (!batch.plan->format.in_units()) {
    return divided_up(row_bytes - room, encoded_.chunk_bytes);
  }
  const std::size_t before = filling.raw_used > 0 ? 1 : 0;
  return row_bytes > encoded_.chunk_bytes ? before + divided_up(row_bytes, encoded_.chunk_bytes) : 1;
}

bool BatchWriter::fits_with_all_free(const Batch& batch, std::size_t row_bytes) const {
  const std::size_t chunk_bytes = sizes_of(batch).chunk_bytes;
  const std::size_t chunks = divided_up(row_bytes, chunk_bytes);
  const std::size_t emptied = chunks + (batch.plan->format.in_units() ? 1 : 0);
  const std::size_t needed =
      encoded(batch) ? (1 + options_.encoder_growth) * emptied + chunks_to_end() : chunks;
  return needed <= store_.slabs_for_records();
}

// The free part of the open chunk, never empty: a full chunk is closed first, an absent one begun. Closing is
// put off until here, so that a chunk that ends with a record tells of that record.
MutableBytes BatchWriter::chunk_room(const BatchPtr& batch) {
  Filling& filling = batch->cut.filling;
  const Sizes& sizes = sizes_of(*batch);
  if (filling.chunk != nullptr && filling.chunk->payload_bytes == sizes.chunk_bytes) {
    close_chunk(batch, !encoded(*batch));
    if (filling.block.chunk_count >= sizes.block_chunks_max && !encoded(*batch)) {
      close_block(batch);
    }
  }
  if (filling.chunk == nullptr) {
    CHECK(store_.make_room_to_end(1));
    Chunk& chunk = batch->cut.chunks.emplace_back();
    chunk.batch_counter = batch->id.counter;
    chunk.index = static_cast<std::uint32_t>(batch->cut.chunks.size() - 1);
    chunk.place.slab = store_.take();
    filling.chunk = &chunk;
  }
  return payload_room(*filling.chunk, sizes.chunk_bytes);
}

// The free part of the raw slab, never empty: a full one is encoded first, an absent one taken.
MutableBytes BatchWriter::raw_room(const BatchPtr& batch) {
  Filling& filling = batch->cut.filling;
  if (!filling.raw) {
    filling.raw = store_.take();
  }
  if (filling.raw_used == encoded_.chunk_bytes) {
    encode_raw(batch, Encoder::End::more);
    close_full_block(batch);
  }
  return filling.raw.bytes().first(encoded_.chunk_bytes).subspan(filling.raw_used);
}

void BatchWriter::encode_raw(const BatchPtr& batch, Encoder::End end) {
  Filling& filling = batch->cut.filling;
  const format::RecordFormat& format = batch->plan->format;
  Encoder& encoder = lend_encoder(batch);
  if (format.in_units() && !filling.in_unit && filling.raw_used > 0) {
    encoder.begin_unit(filling.raw_rows, filling.raw_used);
  }
  Bytes rows = filling.raw_used > 0 ? filling.raw.bytes().first(filling.raw_used) : MutableBytes();
  for (bool done = false; !done;) {
    const MutableBytes to = chunk_room(batch);
    const Encoder::Step step = encoder.encode(rows, to, end);
    rows = rows.subspan(step.consumed);
    extend(*filling.chunk, step.produced);
    count_undecoded(batch->plan->topic, step.undecoded_in, step.undecoded);
    count_conflicts(batch->plan->topic, step.conflicts_in, step.conflicts);
    done = end == Encoder::End::more ? rows.empty() : step.ended;
  }
  filling.raw_used = 0;
  filling.raw_rows = 0;
  filling.in_part = end == Encoder::End::more;
  if (end == Encoder::End::file || (end == Encoder::End::part && !format.has_end())) {
    encoders_.give_back(*batch);
  }
}

// The batch's, or one that another batch's part is ended for.
Encoder& BatchWriter::lend_encoder(const BatchPtr& batch) {
  return encoders_.lend(*batch, [this](Batch& other) {
    const BatchPtr robbed = other.shared_from_this();
    end_part(robbed);
    mark_whole(robbed->cut.filling);
    close_full_block(robbed);
  });
}

// The next raw slab may fill as much again: ends the block while it still fits. Within a row that is a unit
// the part goes on in the next block.
void BatchWriter::close_full_block(const BatchPtr& batch) {
  const Filling& filling = batch->cut.filling;
  const std::uint64_t block_bytes = filling.block.ref.bytes + filling.chunk->payload_bytes;
  const bool is_held = filling.chunk->payload_bytes == 0 && batch->plan->format.has_end();  // by the encoder
  const bool is_full = block_bytes + encoded_.chunk_bytes > options_.block_bytes ||
                       filling.block.chunk_count >= encoded_.block_chunks_max;
  if (block_bytes > 0 && !is_held && is_full) {
    if (!filling.in_unit) {
      end_part(batch);
    }
    close_chunk(batch, !filling.in_unit);
    close_block(batch);
  }
}

void BatchWriter::end_part(const BatchPtr& batch) {
  if (!batch->plan->format.has_end()) {
    if (part_open(*batch)) {
      encode_raw(batch, Encoder::End::part);
    }
  } else if (batch->cut.filling.raw_used > 0) {  // such a file has no parts, and units end by themselves
    encode_raw(batch, Encoder::End::more);
  }
}

void BatchWriter::end_unit(const BatchPtr& batch) {
  encode_raw(batch, batch->plan->format.has_end() ? Encoder::End::more : Encoder::End::part);
  batch->cut.filling.in_unit = false;
  close_full_block(batch);
}

void BatchWriter::end_file(const BatchPtr& batch) {
  if (end_open(*batch)) {
    lend_encoder(batch).tell(file_metadata(*batch, options_.group));
    encode_raw(batch, Encoder::End::file);
  } else {
    end_part(batch);
  }
}

void BatchWriter::close_chunk(const BatchPtr& batch, bool tells_records) {
  Filling& filling = batch->cut.filling;
  Chunk& chunk = *filling.chunk;
  filling.chunk = nullptr;
  CHECK(chunk.payload_bytes > 0u);
  if (tells_records) {
    for (Share& share : batch->ranges.shares) {
      if (share.chunked < share.range.next) {
        chunk.ranges.push_back({share.partition, Range{share.chunked, share.range.next}});
        share.chunked = share.range.next;
      }
    }
    chunk.records = std::exchange(filling.records, 0);
    chunk.skipped = std::exchange(filling.skipped, 0);
    chunk.holes = std::exchange(filling.holes, 0);
    chunk.raw_bytes = std::exchange(filling.raw_bytes, 0);
  }
  chunk.last = batch->cut.sealed;
  if (filling.block.chunk_count == 0) {
    filling.block.first_chunk = chunk.index;
  }
  ++filling.block.chunk_count;
  filling.block.ref.bytes += chunk.payload_bytes;
  batch->cut.payload_bytes += chunk.payload_bytes;
  batch->cut.checksum = codec::crc32c_joined(batch->cut.checksum, chunk.checksum, chunk.payload_bytes);
  store_.keep(batch, chunk);
}

void BatchWriter::close_block(const BatchPtr& batch) {
  Filling& filling = batch->cut.filling;
  batch->cut.blocks.push_back(filling.block);
  const lake::BlockRef next{.index = static_cast<std::uint32_t>(batch->cut.blocks.size()),
                            .offset = filling.block.ref.offset + filling.block.ref.bytes,
                            .bytes = 0};
  filling.block = Block{.ref = next};
  block_ready_(batch, static_cast<std::uint32_t>(batch->cut.blocks.size() - 1));
}

bool BatchWriter::can_end(const Batch& batch) {
  if (!part_open(batch) && !end_open(batch)) {
    return true;
  }
  const std::size_t ending = chunks_to_end();
  return store_.make_room_to_end(batch.cut.filling.encoder != nullptr ? ending : 2 * ending);
}

void BatchWriter::spill(const BatchPtr& batch) {
  Filling& filling = batch->cut.filling;
  end_part(batch);
  filling.raw.reset();
  if (filling.chunk != nullptr && filling.chunk->payload_bytes == 0) {  // the encoder holds all of the rows
    filling.chunk = nullptr;
    batch->cut.chunks.pop_back();
  } else if (filling.chunk != nullptr) {
    mark_whole(filling);
    close_chunk(batch, true);
    if (filling.block.chunk_count >= sizes_of(*batch).block_chunks_max) {
      close_block(batch);
    }
  }
}

void BatchWriter::seal(const BatchPtr& batch) {
  Filling& filling = batch->cut.filling;
  end_file(batch);
  batch->cut.filling.columns.reset();
  batch->cut.sealed = true;  // only now: the chunk that is closed next is the last
  filling.raw.reset();
  if (filling.chunk != nullptr) {
    mark_whole(filling);
    close_chunk(batch, true);
  }
  if (filling.block.chunk_count > 0) {
    close_block(batch);
  }
  seal_quarantine(batch);
}

std::size_t BatchWriter::short_chunks(const Batch& batch) const {
  const std::size_t full =
      divided_up(static_cast<std::size_t>(batch.cut.payload_bytes), sizes_of(batch).chunk_bytes);
  return batch.cut.chunks.size() - full;
}

// As close_chunk() has it: a block ends with a chunk that tells of records, in an encoded file a part's end.
bool BatchWriter::restore_blocks(Batch& batch) const {
  const Sizes& sizes = sizes_of(batch);
  const std::size_t chunks_max = reserve_for(options_).to_load;
  Block block;
  for (const Chunk& chunk : batch.cut.chunks) {
    if (stage::k_chunk_header_bytes + chunk.place.extent.payload_bytes > options_.slab_bytes) {
      return false;
    }
    block.chunk_count += 1;
    block.ref.bytes += chunk.payload_bytes;
    batch.cut.payload_bytes += chunk.payload_bytes;
    const bool may_end = !encoded(batch) || !chunk.ranges.empty();
    const bool is_full = block.chunk_count >= sizes.block_chunks_max ||
                         (encoded(batch) && block.ref.bytes + sizes.chunk_bytes > options_.block_bytes);
    if (&chunk != &batch.cut.chunks.back() && !(may_end && is_full)) {
      continue;
    }
    if (block.chunk_count > chunks_max) {
      return false;
    }
    batch.cut.blocks.push_back(block);
    block = Block{.ref = {.index = static_cast<std::uint32_t>(batch.cut.blocks.size()),
                          .offset = block.ref.offset + block.ref.bytes,
                          .bytes = 0},
                  .first_chunk = chunk.index + 1};
  }
  batch.cut.sealed = true;
  return !batch.cut.blocks.empty();
}

void BatchWriter::abandon(Batch& batch) {
  Filling& filling = batch.cut.filling;
  encoders_.give_back(batch);
  batch.cut.filling.columns.reset();
  filling.raw.reset();
  if (filling.chunk != nullptr) {
    filling.chunk->place.slab.reset();
    filling.chunk = nullptr;
  }
  if (batch.quarantine.batch) {
    abandon(*batch.quarantine.batch);
  }
}

}  // namespace penstock::pipeline
