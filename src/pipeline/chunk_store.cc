// How few slabs hold many chunks.
//
// A complete chunk goes the way filling, waiting, writing, staged. It keeps its slab all the way, and behind
// it: the stage is written so that the slab *can* be taken, not because it must. When somebody needs a slab
// and none is free, evict_one() takes it from the staged chunk that will be uploaded last. An upload of a
// chunk whose slab is gone reads it back first, into a slab that is kept free for that.
//
// For example, 10 slabs, of which 4 are kept to load a block and 1 to end a batch. Records may use 5. Two
// batches of 2 chunks each are staged and 1 slab is free for records. A record needs 3: chunk 1 and then
// chunk 0 of the later batch lose their slabs. When that batch is uploaded, load() pins both, takes 2 of the
// 4 slabs, and reads.
//
//   make_room()          for records      what is left when both reserves are full
//   make_room_to_end()   to end a batch   may use the reserve to end, not that to load
//   free_at_least()      to load a block  may use everything
//
// The order is the point: uploads free slabs and stage, ending batches makes uploads possible, and records
// come last. Loads are served in their order, one block at a time, so two of them never hold half of what
// both need.
//
// A chunk whose write or read is in flight cannot be given up. forget() leaves it, and staged() or unpin()
// comes back for it.
#include "pipeline/chunk_store.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace penstock::pipeline {

namespace {

// Whether what follows from the chunks of the batch is all that there is to tell of its positions. Of those
// that were lost it is not, nor of those in the quarantine.
bool told_by_chunks(const Batch& batch) {
  return batch.ranges.lost.empty() && batch.quarantine.record_count() == 0;
}

}  // namespace

ChunkStore::ChunkStore(mem::SlabPool& pool, stage::Stage& stage, const Reserve& reserve)
    : pool_(pool), stage_(stage), reserve_(reserve) {
  CHECK(reserve_.to_load + reserve_.to_end < pool_.slab_count());
  resident_.reserve(pool_.slab_count());
  stage_.on_room([this] { stage_waiting(); });
}

bool ChunkStore::make_room(std::size_t count) {
  return free_at_least(count + reserve_.to_load + reserve_.to_end);
}

mem::Slab ChunkStore::take() {
  mem::Slab slab = pool_.acquire();
  CHECK(static_cast<bool>(slab));
  return slab;
}

bool ChunkStore::free_at_least(std::size_t count) {
  while (pool_.free_count() < count) {
    if (!evict_one()) {
      return false;
    }
  }
  return true;
}

// The chunk that will be uploaded last goes first: of the latest batch, the highest index.
bool ChunkStore::evict_one() {
  Chunk* victim = nullptr;
  for (Chunk* chunk : resident_) {
    if (chunk->place.evictable() && (victim == nullptr || chunk->upload_order() > victim->upload_order())) {
      victim = chunk;
    }
  }
  if (victim == nullptr) {
    return false;
  }
  drop_slab(*victim);
  return true;
}

void ChunkStore::drop_slab(Chunk& chunk) {
  if (!chunk.place.slab) {
    return;
  }
  chunk.place.slab.reset();
  std::erase(resident_, &chunk);
}

// The slab that was used last is the next one lent: so the fewer are held, the more of them stay in the
// cache.
void ChunkStore::drop_if_done(Chunk& chunk) {
  if (chunk.place.uploaded && chunk.place.evictable()) {
    drop_slab(chunk);
  }
}

void ChunkStore::keep(const BatchPtr& batch, Chunk& chunk) {
  resident_.push_back(&chunk);
  chunk.place.staging = Chunk::Staging::waiting;
  waiting_.push_back(Waiting{batch, &chunk});
  stage_waiting();
}

void ChunkStore::release(std::span<const stage::RecoveredChunk> chunks) {
  for (const stage::RecoveredChunk& chunk : chunks) {
    stage_.release(chunk.extent);
  }
}

void ChunkStore::retry_staging() {
  stage_waiting();
  start_loads();
}

void ChunkStore::stage_waiting() {
  while (!waiting_.empty() && stage_chunk(waiting_.front().batch, *waiting_.front().chunk)) {
    waiting_.pop_front();
  }
}

bool ChunkStore::stage_chunk(const BatchPtr& batch, Chunk& chunk) {
  const stage::ChunkInfo info{.batch = batch->id,
                              .index = chunk.index,
                              .topic = batch->plan->topic,
                              .ranges = chunk.ranges,
                              .records = chunk.records,
                              .skipped = chunk.skipped,
                              .holes = chunk.holes,
                              .raw_bytes = chunk.raw_bytes,
                              .last = chunk.last,
                              .whole_record_bytes = chunk.whole_record_bytes,
                              .whole_record_checksum = chunk.whole_record_checksum,
                              .recipe_hash = told_by_chunks(*batch) ? batch->recipe_hash : 0};
  chunk.place.extent =
      stage_.append(info, chunk.place.slab, {.bytes = chunk.payload_bytes, .checksum = chunk.checksum},
                    [this, batch, &chunk](Result<void> result) { staged(batch, chunk, std::move(result)); });
  if (!chunk.place.extent.placed()) {
    return false;
  }
  chunk.place.staging = Chunk::Staging::writing;
  ++writing_count_;
  return true;
}

void ChunkStore::staged(const BatchPtr& batch, Chunk& chunk, Result<void> result) {
  --writing_count_;
  if (result.ok()) {
    chunk.place.staging = Chunk::Staging::staged;
    drop_if_done(chunk);
  } else {
    // The stage has released the extent. The slab keeps the bytes; another place is tried when there is one.
    chunk.place.extent = {};
    chunk.place.staging = Chunk::Staging::waiting;
  }
  if (batch->forgotten) {
    forget(*batch);
  } else if (!result.ok()) {
    waiting_.push_back(Waiting{batch, &chunk});
  }
  start_loads();
}

void ChunkStore::load(const BatchPtr& batch, std::uint32_t block, std::function<void(Result<void>)> done) {
  loads_.push_back(std::make_shared<Load>(Load{.batch = batch, .block = block, .done = std::move(done)}));
  start_loads();
}

void ChunkStore::start_loads() {
  while (!loads_.empty()) {
    const std::shared_ptr<Load> load = loads_.front();
    if (load->batch->forgotten) {
      loads_.pop_front();
      cancel_load(*load);
      continue;
    }
    const Block& block = load->batch->cut.blocks[load->block];
    std::size_t missing = 0;
    for (std::uint32_t i = 0; i < block.chunk_count; ++i) {
      Chunk& chunk = load->batch->cut.chunks[block.first_chunk + i];
      missing += chunk.place.slab ? 0 : 1;
      chunk.place.pinned = true;  // what is there stays there while the rest is awaited
    }
    if (!free_at_least(missing)) {
      return;
    }
    loads_.pop_front();
    read_chunks(load);
  }
}

void ChunkStore::cancel_load(Load& load) {
  const Block& block = load.batch->cut.blocks[load.block];
  for (std::uint32_t i = 0; i < block.chunk_count; ++i) {
    load.batch->cut.chunks[block.first_chunk + i].place.pinned = false;
  }
  load.done(make_error(ErrorKind::canceled, Action::give_up, "the batch was dropped"));
}

void ChunkStore::read_chunks(std::shared_ptr<Load> load) {
  const Block& block = load->batch->cut.blocks[load->block];
  load->reads_left = 1;  // held by this function, so that the last read cannot end it early
  for (std::uint32_t i = 0; i < block.chunk_count; ++i) {
    Chunk& chunk = load->batch->cut.chunks[block.first_chunk + i];
    if (chunk.place.slab) {
      continue;
    }
    chunk.place.slab = take();
    resident_.push_back(&chunk);
    ++load->reads_left;
    stage_.read(chunk.place.extent, load->batch->id_on_stage(), chunk.index, chunk.place.slab,
                [this, load, &chunk](Result<void> result) {
                  if (!result.ok()) {
                    drop_slab(chunk);  // what is in it are not the chunk's bytes
                  }
                  read_done(load, std::move(result));
                });
  }
  read_done(load, {});
}

void ChunkStore::read_done(const std::shared_ptr<Load>& load, Result<void> result) {
  if (!result.ok()) {
    load->result = std::move(result);
  }
  if (--load->reads_left == 0) {
    load->done(std::move(load->result));
  }
}

void ChunkStore::unpin(Batch& batch, std::uint32_t block_index) {
  const Block& block = batch.cut.blocks[block_index];
  for (std::uint32_t i = 0; i < block.chunk_count; ++i) {
    Chunk& chunk = batch.cut.chunks[block.first_chunk + i];
    chunk.place.pinned = false;
    chunk.place.uploaded = block.stored;
    drop_if_done(chunk);
  }
  if (batch.forgotten) {
    forget(batch);
  }
  start_loads();
}

void ChunkStore::forget(Batch& batch) {
  batch.forgotten = true;
  std::erase_if(waiting_, [&batch](const Waiting& waiting) { return waiting.batch.get() == &batch; });
  for (Chunk& chunk : batch.cut.chunks) {
    if (chunk.place.staging == Chunk::Staging::writing || chunk.place.pinned) {
      continue;  // staged() or unpin() comes back here
    }
    if (chunk.place.extent.placed()) {
      stage_.release(chunk.place.extent);
      chunk.place.extent = {};
    }
    drop_slab(chunk);
  }
  start_loads();
}

}  // namespace penstock::pipeline
