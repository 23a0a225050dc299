// Where the bytes of chunks are: in a slab, on the stage, or both; and who may have the next slab.
//
// Every complete chunk is written to the stage. Its slab is kept as long as nobody needs it, so that an
// upload normally sends from memory; when slabs run short, chunks that are staged lose theirs, the latest
// first, as they are uploaded last. A few slabs are never given to new records: some of them only to end what
// is open, the others only to read a block back from the stage, whatever else is stuck.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include <penstock/result.h>

#include "pipeline/batch.h"

namespace penstock::pipeline {

class ChunkStore {
 public:
  struct Reserve {
    std::size_t to_load = 0;  // the chunks of the largest block
    std::size_t to_end = 0;   // what ending a batch may take, at most
  };
  ChunkStore(mem::SlabPool& pool, stage::Stage& stage, const Reserve& reserve);

  // Whether `count` slabs can be had for new records now; if so, they are free when this returns.
  bool make_room(std::size_t count);
  // The same from the reserve: to end what is open already, never to begin more.
  bool make_room_to_end(std::size_t count) { return free_at_least(count + reserve_.to_load); }
  mem::Slab take();  // only after one of the two
  std::size_t slabs_for_records() const { return pool_.slab_count() - reserve_.to_load - reserve_.to_end; }

  // A complete chunk: stages it, now or as soon as there is room.
  void keep(const BatchPtr& batch, Chunk& chunk);

  // Brings every chunk of the block into memory and pins it there until unpin(). Waits for slabs if it must.
  // An error: its bytes cannot be read back.
  void load(const BatchPtr& batch, std::uint32_t block, std::function<void(Result<void>)> done);
  void unpin(Batch& batch, std::uint32_t block);

  // Published or dropped (Uploader::abandon() calls this): marks the batch as forgotten. Its slabs and its
  // room on the stage are free, at the latest when what is in flight has ended. What BatchWriter holds open
  // is not among them: it is given up before.
  void forget(Batch& batch);

  // Chunks of an earlier process that no batch takes over.
  void release(std::span<const stage::RecoveredChunk> chunks);

  // Tries again what the stage refused, and the loads that wait: called about once a second.
  void retry_staging();

  std::size_t waiting_count() const { return waiting_.size(); }  // chunks that the stage has no place for
  std::size_t writing_count() const { return writing_count_; }
  // Why chunks wait for the stage. None: no chunk does.
  stage::Shortage shortage() const { return waiting_.empty() ? stage::Shortage{} : stage_.shortage(); }

 private:
  struct Waiting {
    BatchPtr batch;
    Chunk* chunk;
  };
  struct Load {
    BatchPtr batch;
    std::uint32_t block;
    std::function<void(Result<void>)> done;
    std::size_t reads_left = 0;
    Result<void> result = {};
  };

  void stage_waiting();
  bool stage_chunk(const BatchPtr& batch, Chunk& chunk);
  void staged(const BatchPtr& batch, Chunk& chunk, Result<void> result);
  bool evict_one();
  bool free_at_least(std::size_t count);
  void drop_slab(Chunk& chunk);
  void drop_if_done(Chunk& chunk);
  void start_loads();
  void cancel_load(Load& load);
  void read_chunks(std::shared_ptr<Load> load);
  void read_done(const std::shared_ptr<Load>& load, Result<void> result);

  mem::SlabPool& pool_;
  stage::Stage& stage_;
  Reserve reserve_;
  std::deque<Waiting> waiting_;
  std::deque<std::shared_ptr<Load>> loads_;
  std::vector<Chunk*> resident_;  // complete chunks with a slab, in no order; at most pool_.slab_count()
  std::size_t writing_count_ = 0;
};

}  // namespace penstock::pipeline
