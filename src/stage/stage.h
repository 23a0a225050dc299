// The stage of one worker: a log of chunks in recycled, fully written, fixed-size segment files.
//
// A chunk is what one slab holds of one batch: a header (k_chunk_header_bytes, filled in by the stage) and
// the payload behind it, written with one aligned O_DIRECT write. A segment holds chunks of many batches; it
// is recycled when the last of them is released. Bytes on the stage are never needed for correctness: they
// feed retries, ride out outages, and spare a refetch after a restart (protocol.md, R7).
//
// format.h has the layout on disk, recovery.h reads it back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "io/loop.h"
#include "mem/slab_pool.h"

namespace penstock::stage {

// The front of every slab that is to be staged belongs to the stage; payload begins here. A multiple of the
// alignment.
inline constexpr std::size_t k_chunk_header_bytes = 8192;

// The most partitions one batch may hold: so many ranges fit into a chunk's header and a blob's metadata.
inline constexpr std::size_t k_partitions_per_batch_max = 200;

struct ChunkRange {
  Partition partition;
  Range range;  // the positions that this chunk completes: records that end in it
};

struct ChunkInfo {
  BatchId batch;
  std::uint32_t index = 0;  // of the chunk within its batch, from 0 without holes
  std::string_view topic;
  std::span<const ChunkRange> ranges;  // at most k_partitions_per_batch_max
  std::uint64_t records = 0;           // that end in this chunk
  std::uint64_t raw_bytes = 0;         // uncompressed bytes that the payload stands for
  bool last = false;                   // the batch is sealed behind this chunk
};

// Where a chunk is. Value type; empty until the stage has placed it.
struct Extent {
  std::uint32_t segment = UINT32_MAX;
  std::uint64_t offset = 0;  // of the header
  std::uint32_t payload_bytes = 0;

  bool placed() const { return segment != UINT32_MAX; }
};

struct Options {
  std::string dir;              // made if absent, of this worker alone, locked while open
  std::uint64_t bytes_max = 0;  // of all segments together
  std::uint64_t segment_bytes = 64ULL << 20;
  bool direct = true;  // ask for O_DIRECT; where it is refused, buffered, and said in notes()
};

struct Counters {
  std::uint64_t written_bytes = 0;  // to the device, headers and padding included
  std::uint64_t read_bytes = 0;
  std::uint64_t write_errors = 0;
  std::uint64_t live_bytes = 0;     // placed and not released
  std::uint64_t segment_files = 0;  // on disk
};

class Stage {
 public:
  // Errors name the directory and what to do: not writable, read-only, no room for even two segments, locked
  // by another process. Segments found there are left alone until recover() or recycle_all() was called.
  static Result<std::unique_ptr<Stage>> open(const Options& options, io::Loop& loop, const Clock& clock);
  ~Stage();

  // Whether a chunk of `payload_bytes` would be placed now. False: the stage is full, or the next segment is
  // not ready yet.
  bool has_room(std::size_t payload_bytes) const;

  // Places and writes a chunk whose payload lies in `slab` behind k_chunk_header_bytes. Fills in the header
  // and the padding inside the slab. The slab stays untouched until `done` has run. Empty extent: no room,
  // nothing happened. An error in `done` means that the chunk is not on the stage; its extent is released by
  // the stage itself.
  Extent append(const ChunkInfo& info, mem::Slab& slab, std::size_t payload_bytes,
                std::function<void(Result<void>)> done);

  // Reads a chunk back, header and payload, into `slab`, and verifies both checksums. Error corrupt: these
  // are not its bytes.
  void read(const Extent& extent, const BatchId& batch, std::uint32_t index, mem::Slab& slab,
            std::function<void(Result<void>)> done);

  // The chunk is not needed any more. Its segment is recycled with its last chunk.
  void release(const Extent& extent);

  // `room` runs, from the loop, when has_room() may have become true again.
  void on_room(std::function<void()> room);

  const Counters& counters() const;

  // Whether O_DIRECT is in force, and why not.
  bool direct() const;
  const std::string& note() const;

 private:
  // (the stage's own state)
};

}  // namespace penstock::stage
