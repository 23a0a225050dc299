// The segments of a stage: which are free, which is being prepared, which are ready to be written.
//
// A segment's life: made (its room reserved, nothing written) or free; prepared (its header gets a new
// sequence, so that older chunks in it are void); ready; in use by the stage; free again.
// One ready segment is kept ahead of use, prepared through the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "io/loop.h"
#include "stage/directory.h"
#include "stage/recovery.h"
#include "stage/segment_file.h"
#include "stage/shortage.h"

namespace penstock::stage {

// One open segment file. Its address stays the same until the file is deleted.
struct Segment {
  // In its file's name.
  std::uint32_t number = 0;
  UniqueFd fd;

  // Of its present life; 0 before the first in this process.
  std::uint64_t sequence = 0;

  // Where the next chunk goes.
  std::uint64_t next_offset = 0;

  // Placed and not released.
  std::uint64_t live_chunks = 0;

  // Reads and writes of chunks that have not completed.
  std::uint32_t io_in_flight = 0;
};

struct SegmentsOptions {
  // Of each file.
  std::uint64_t segment_bytes = 0;
  std::size_t files_max = 2;
  Access access = Access::buffered;

  // The pause after a file could not be made or written.
  Duration retry_after{};

  // How long the writing of a header may take before the disk counts as one that does not answer.
  Duration answers_within{};
};

// A shortage with its error: full where there is no room for more, failed for all others.
Shortage shortage_of(Error error);

// Held by shared_ptr: an operation in flight keeps it, and with it the open files and the lock, until done.
class Segments : public std::enable_shared_from_this<Segments> {
 public:
  Segments(const SegmentsOptions& options, Directory directory, io::Loop& loop, const Clock& clock);

  // At the start, blocking

  // `greatest_sequence` is that of all segments that were found: each new life gets a greater one.
  void begin_after(std::uint64_t greatest_sequence) { last_sequence_ = greatest_sequence; }

  // Opens a segment of an earlier process that may be written again.
  Result<void> adopt(std::uint32_t number);

  // Opens one that holds chunks of an earlier process. It is in use until the last of them is released, and
  // is never written before.
  Result<void> keep(const KeptSegment& kept);

  // Makes a kept segment free, whatever lies in it.
  void free(Segment& kept);

  // Prepares one more segment. Error: the disk has no room for it; the file is deleted again.
  Result<void> prepare_now();

  // While the stage runs

  bool has_ready() const { return !ready_.empty(); }

  // Hands a ready segment to the stage and begins to prepare the next. Null: none is ready.
  Segment* take_ready();

  // Takes a segment back that has no live chunk and no operation in flight (CHECK).
  void recycle(Segment& segment);

  // Null: there is none of this number.
  Segment* find(std::uint32_t number);

  // A chunk could not be written. No segment is prepared before retry_after.
  void write_failed(Error error) { rest(Rest::all, std::move(error)); }

  // Why no segment is ready. None: one is.
  Shortage shortage() const;

  // Ends all preparing. What is in flight completes unheard.
  void close();

  // `ready` runs from the loop each time that a segment has become ready.
  void on_ready(std::function<void()> ready) { on_ready_ = std::move(ready); }

  std::size_t file_count() const { return segments_.size(); }

  // Segments that could not be prepared.
  std::uint64_t errors() const { return errors_; }

  std::string path_of(const Segment& segment) const;

 private:
  // What is not done before retry_after.
  enum class Rest : std::uint8_t { nothing, making, all };

  void prepare_ahead();
  void prepare(Segment& segment);
  void became_ready(Segment& segment);
  void failed(Segment& segment, int error_number);
  void rest(Rest rest, Error error);
  void encode_next_header(Segment& segment);
  Result<Segment*> make();
  Result<Segment*> open(std::uint32_t number);
  std::uint32_t unused_number() const;
  void discard(Segment& segment);

  SegmentsOptions options_;
  Directory directory_;
  io::Loop& loop_;
  const Clock& clock_;
  std::map<std::uint32_t, std::unique_ptr<Segment>> segments_;
  std::vector<Segment*> free_;
  std::vector<Segment*> ready_;
  Segment* preparing_ = nullptr;
  MonoTime preparing_since_{};
  std::unique_ptr<Block> header_;  // of the one that is being prepared
  std::uint64_t last_sequence_ = 0;
  Rest rest_ = Rest::nothing;
  std::optional<Error> rest_reason_;
  io::TimerId retry_timer_ = io::TimerId::none;
  std::function<void()> on_ready_;
  std::uint64_t errors_ = 0;
  bool closed_ = false;
};

}  // namespace penstock::stage
