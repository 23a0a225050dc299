// The segments of a stage: which are free, which is being prepared, which are ready to be written.
//
// A segment's life: made (zeros written once, so that every later write overwrites) or free; prepared (its
// header gets a new sequence, so that older chunks in it are void); ready; in use by the stage; free again.
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

namespace penstock::stage {

struct Segment {
  std::uint32_t number = 0;
  UniqueFd fd;
  std::uint64_t sequence = 0;
  std::uint64_t next_offset = 0;  // where the next chunk goes
  std::uint64_t live_chunks = 0;  // placed and not released
  std::uint32_t io_in_flight = 0;
};

struct SegmentsOptions {
  std::uint64_t segment_bytes = 0;
  std::size_t files_max = 2;
  Access access = Access::buffered;
  Duration retry_after{};  // when a segment could not be prepared
};

// Held by shared_ptr: an operation in flight keeps it, and with it the open files and the lock, until done.
class Segments : public std::enable_shared_from_this<Segments> {
 public:
  Segments(const SegmentsOptions& options, Directory directory, io::Loop& loop);

  // At the start, blocking. `greatest_sequence` of all that were found; then the files that may be reused.
  void begin_after(std::uint64_t greatest_sequence) { last_sequence_ = greatest_sequence; }
  Result<void> adopt(std::uint32_t number);
  // One that holds chunks of an earlier process: in use until the last of them is released, and never
  // written.
  Result<void> keep(const KeptSegment& kept);
  Result<void> prepare_now();  // one more ready segment

  bool has_ready() const { return !ready_.empty(); }
  Segment* take_ready();  // null: none is. Starts to prepare the next
  void recycle(Segment& segment);
  void free(Segment& kept);  // at the start: whatever lies in it
  Segment* find(std::uint32_t number);

  // Ends all preparing. What is in flight completes unheard.
  void close();

  void on_ready(std::function<void()> ready) { on_ready_ = std::move(ready); }
  std::size_t file_count() const { return segments_.size(); }
  std::uint64_t errors() const { return errors_; }
  const std::optional<Error>& last_error() const { return last_error_; }
  std::string path_of(const Segment& segment) const;

 private:
  void prepare_ahead();
  void fill(Segment& segment, std::uint64_t offset);
  void write_header(Segment& segment);
  void became_ready(Segment& segment);
  void failed(Segment& segment, int error_number);
  void note_failure(Error error);
  void encode_next_header(Segment& segment);
  Result<Segment*> make();
  Result<Segment*> open(std::uint32_t number);
  std::uint32_t unused_number() const;
  void discard(Segment& segment);

  SegmentsOptions options_;
  Directory directory_;
  io::Loop& loop_;
  std::map<std::uint32_t, std::unique_ptr<Segment>> segments_;
  std::vector<Segment*> free_;
  std::vector<Segment*> ready_;
  Segment* preparing_ = nullptr;
  std::unique_ptr<Block> header_;  // of the one that is being prepared
  std::uint64_t last_sequence_ = 0;
  io::TimerId retry_timer_ = io::TimerId::none;
  std::function<void()> on_ready_;
  std::optional<Error> last_error_;
  std::uint64_t errors_ = 0;
  bool closed_ = false;
};

}  // namespace penstock::stage
