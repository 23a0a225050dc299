// The stage of one worker: a log of chunks in segment files of one size, which are made once and recycled.
//
// A chunk is what one slab holds of one batch: a header (k_chunk_header_bytes, filled in by the stage) and
// the payload behind it, written with one aligned O_DIRECT write. A segment holds chunks of many batches; it
// is recycled when the last of them is released. Bytes on the stage are never needed for correctness: they
// feed retries, ride out outages, and spare a refetch after a restart (PROTOCOL.md, R7).
//
// format.h has the layout on disk, recovery.h reads it back.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "io/loop.h"
#include "mem/slab_pool.h"
#include "stage/chunk.h"
#include "stage/recovery.h"
#include "stage/shortage.h"

namespace penstock::stage {

struct Options {
  // Made if absent. It belongs to this worker alone and is locked while the stage is open.
  std::string dir;

  // The most bytes of all segment files together.
  std::uint64_t bytes_max = 0;

  // Of one segment file. Where two of them do not fit into bytes_max, a quarter of bytes_max instead, but
  // never less than one slab and the segment's own header.
  std::uint64_t segment_bytes = 64ULL << 20;

  // The largest slab that is ever appended, the chunk's header included.
  std::size_t slab_bytes = (std::size_t{8} << 20) + k_chunk_header_bytes;

  // What an earlier process left stays in use until it is released. Otherwise its segments are free at once.
  bool keep_recovered = false;

  // Ask for O_DIRECT. Where it is refused the stage writes through the page cache, and note() says why.
  bool direct = true;

  // The pause before a further segment is tried again, after the disk had no room for it or a write failed.
  Duration retry_after = std::chrono::seconds(5);

  // A disk that has not written a segment's header by then counts as one that does not answer.
  Duration answers_within = std::chrono::seconds(10);
};

// Totals since open(); live_bytes and segment_files are of now. Bytes include headers and padding.
struct Counters {
  std::uint64_t written_bytes = 0;
  std::uint64_t read_bytes = 0;

  // Chunks that could not be written, and segments that could not be prepared.
  std::uint64_t write_errors = 0;

  // Placed and not released.
  std::uint64_t live_bytes = 0;

  // On the disk, whatever they hold.
  std::uint64_t segment_files = 0;
};

// One thread, that of the loop, owns a stage. No callback runs inside the call that was given it.
class Stage {
 public:
  // Blocking. Errors name the directory and what to do: not writable, read-only, no room for even two
  // segments, locked by another process. What an earlier process left is read into recovered(), and its
  // segments are then free; with keep_recovered each of its chunks is live until release(), but for those
  // of the latest segments where bytes_max, or the disk, leaves no room for two more. Files that are not
  // ours, or damaged, are moved to <dir>/aside/; segments that no longer fit (bytes_max, segment_bytes) are
  // removed.
  static Result<std::unique_ptr<Stage>> open(const Options& options, io::Loop& loop, const Clock& clock);

  // Best when nothing is in flight. What is completes unheard: no `done` runs any more, the slabs must
  // outlive it, and the directory stays locked until then. The loop outlives the stage.
  ~Stage();

  // The headers found at open, payloads not verified: read() does that. Without keep_recovered the extents
  // are of segments that are in use again. forget_recovered() frees the memory, and releases nothing.
  const Recovered& recovered() const;
  void forget_recovered();

  // Whether a chunk of `payload_bytes` would be placed now. Where it would not, shortage() says why.
  bool has_room(std::size_t payload_bytes) const;

  // Why chunks have to wait. That the last write failed is told until one succeeds.
  Shortage shortage() const;

  // Places and writes a chunk whose payload lies in `slab` behind k_chunk_header_bytes. Fills in the header
  // and the padding inside the slab. The slab stays untouched until `done` has run. Empty extent: no room,
  // nothing happened. An error in `done` means that the chunk is not on the stage; its extent is released by
  // the stage itself.
  Extent append(const ChunkInfo& info, mem::Slab& slab, const Payload& payload,
                std::function<void(Result<void>)> done);

  // Reads a chunk back, header and payload, into `slab`, and verifies both checksums. Error corrupt: these
  // are not its bytes. Its append is done, and it is not released before `done` has run.
  void read(const Extent& extent, const BatchId& batch, std::uint32_t index, mem::Slab& slab,
            std::function<void(Result<void>)> done);

  // The chunk is not needed any more; allowed while it is still being written. Its segment is recycled with
  // its last chunk.
  void release(const Extent& extent);

  // `room` runs, from the loop, when has_room() may have become true again.
  void on_room(std::function<void()> room);

  Counters counters() const;

  // Whether O_DIRECT is in force, and why not.
  bool direct() const;
  const std::string& note() const;

 private:
  struct State;
  explicit Stage(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;  // shared with the operations in flight
};

}  // namespace penstock::stage
