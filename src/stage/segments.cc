// How it works. A segment is in one of four places, and a pointer moves between them:
//
//   free_  ->  preparing_  ->  ready_  ->  in use by the stage  ->  free_
//
// prepare_ahead() is called whenever something may be missing: a ready segment was taken, one was recycled,
// or the pause after a failure is over. It does nothing while a segment is ready or being prepared. A free
// segment needs one write, its header with the next sequence. With that write all chunks of its earlier
// life are void. Without a free segment, and below files_max, a new file is made. Its room is reserved, and
// then it needs the same one write: what was never written reads as zeros, and is no chunk.
//
// Worked case: segment-00000002 had sequence 7 and its last chunk was released. prepare_ahead() writes the
// header with sequence 12. The process is killed when one new chunk is written. Recovery reads the new
// chunk (sequence 12), then meets a whole chunk of sequence 7 behind it, and ends there.
//
// Nothing is synced. A power failure may take back a header that was written, and the file then has its
// earlier one, or none.
//
// When no file can be made, freed segments are still prepared, and the next file is tried after retry_after.
// When a write fails, of a header or of a chunk, nothing at all is prepared before retry_after: a device that
// takes headers and no chunks, or a disk that fills where room cannot be reserved, would else be asked again
// and again without a pause. A segment whose header could not be written is deleted: its room may be what
// another one needs.
#include "stage/segments.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <unistd.h>

#include "base/check.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "stage/transfer.h"

namespace penstock::stage {
namespace {

std::string preparing(const std::string& path) {
  return concat("preparing the stage file ", path);
}

}  // namespace

Shortage shortage_of(Error error) {
  const auto kind = error.kind == ErrorKind::no_space ? Shortage::Kind::full : Shortage::Kind::failed;
  return {.kind = kind, .error = std::move(error)};
}

Segments::Segments(const SegmentsOptions& options, Directory directory, io::Loop& loop, const Clock& clock)
    : options_(options),
      directory_(std::move(directory)),
      loop_(loop),
      clock_(clock),
      header_(std::make_unique<Block>()) {}

std::string Segments::path_of(const Segment& segment) const {
  return directory_.path_of(segment_name(segment.number));
}

Segment* Segments::find(std::uint32_t number) {
  const auto found = segments_.find(number);
  return found == segments_.end() ? nullptr : found->second.get();
}

Result<Segment*> Segments::open(std::uint32_t number) {
  auto segment = std::make_unique<Segment>();
  segment->number = number;
  auto fd = open_segment_file(path_of(*segment), options_.access);
  if (!fd.ok()) {
    return fd.error();
  }
  segment->fd = std::move(fd).value();
  Segment* opened = segment.get();
  segments_.emplace(number, std::move(segment));
  return opened;
}

Result<void> Segments::adopt(std::uint32_t number) {
  auto segment = open(number);
  if (!segment.ok()) {
    return segment.error();
  }
  free_.push_back(*segment);
  return {};
}

Result<void> Segments::keep(const KeptSegment& kept) {
  auto segment = open(kept.number);
  if (!segment.ok()) {
    return segment.error();
  }
  (*segment)->sequence = kept.sequence;
  (*segment)->next_offset = options_.segment_bytes;
  (*segment)->live_chunks = kept.chunk_count;
  return {};
}

std::uint32_t Segments::unused_number() const {
  std::uint32_t number = 1;
  for (const auto& [used, segment] : segments_) {
    if (used > number) {
      break;
    }
    number = used + 1;
  }
  return number;
}

Result<Segment*> Segments::make() {
  auto segment = std::make_unique<Segment>();
  segment->number = unused_number();
  auto fd = make_segment_file(path_of(*segment), options_.segment_bytes, options_.access);
  if (!fd.ok()) {
    return fd.error();
  }
  segment->fd = std::move(fd).value();
  Segment* made = segment.get();
  segments_.emplace(made->number, std::move(segment));
  return made;
}

void Segments::discard(Segment& segment) {
  ::unlink(path_of(segment).c_str());
  segments_.erase(segment.number);
}

void Segments::encode_next_header(Segment& segment) {
  segment.sequence = ++last_sequence_;
  segment.next_offset = k_block_bytes;
  encode_segment_header({.sequence = segment.sequence, .segment_bytes = options_.segment_bytes},
                        header_->bytes);
}

Result<void> Segments::prepare_now() {
  Segment* segment = nullptr;
  if (free_.empty()) {
    auto made = make();
    if (!made.ok()) {
      return made.error();
    }
    segment = *made;
  } else {
    segment = free_.back();
    free_.pop_back();
  }
  encode_next_header(*segment);
  if (const int error = write_all_now(segment->fd.get(), header_->bytes, 0); error != 0) {
    const std::string what = preparing(path_of(*segment));
    discard(*segment);
    return os_error(error, what);
  }
  ready_.push_back(segment);
  return {};
}

Segment* Segments::take_ready() {
  if (ready_.empty()) {
    return nullptr;
  }
  Segment* segment = ready_.back();
  ready_.pop_back();
  prepare_ahead();
  return segment;
}

void Segments::recycle(Segment& segment) {
  CHECK(segment.live_chunks == 0U);
  CHECK(segment.io_in_flight == 0U);
  free_.push_back(&segment);
  prepare_ahead();
}

void Segments::free(Segment& kept) {
  kept.live_chunks = 0;
  free_.push_back(&kept);
}

void Segments::close() {
  closed_ = true;
  loop_.cancel_timer(std::exchange(retry_timer_, io::TimerId::none));
}

void Segments::prepare_ahead() {
  if (closed_ || preparing_ != nullptr || !ready_.empty() || rest_ == Rest::all) {
    return;
  }
  if (!free_.empty()) {
    Segment* segment = free_.back();
    free_.pop_back();
    prepare(*segment);
    return;
  }
  if (segments_.size() >= options_.files_max || rest_ == Rest::making) {
    return;
  }
  auto made = make();
  if (!made.ok()) {
    ++errors_;
    rest(Rest::making, std::move(made).error());
    return;
  }
  prepare(**made);
}

void Segments::prepare(Segment& segment) {
  preparing_ = &segment;
  preparing_since_ = clock_.now();
  encode_next_header(segment);
  write_all(loop_, segment.fd.get(), header_->bytes, 0, [self = shared_from_this(), &segment](int error) {
    if (self->closed_) {
      return;
    }
    if (error != 0) {
      self->failed(segment, error);
      return;
    }
    self->became_ready(segment);
  });
}

void Segments::became_ready(Segment& segment) {
  preparing_ = nullptr;
  ready_.push_back(&segment);
  if (on_ready_) {
    on_ready_();
  }
}

void Segments::failed(Segment& segment, int error_number) {
  preparing_ = nullptr;
  Error error = os_error(error_number, preparing(path_of(segment)));
  discard(segment);  // a new one, or one that the device does not take: its room is worth more than its name
  ++errors_;
  rest(Rest::all, std::move(error));
}

void Segments::rest(Rest rest, Error error) {
  rest_ = std::max(rest_, rest);
  rest_reason_ = std::move(error);
  if (retry_timer_ != io::TimerId::none || closed_) {
    return;
  }
  retry_timer_ = loop_.start_timer(options_.retry_after, [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self != nullptr && !self->closed_) {
      self->retry_timer_ = io::TimerId::none;
      self->rest_ = Rest::nothing;
      self->prepare_ahead();
    }
  });
}

Shortage Segments::shortage() const {
  if (!ready_.empty()) {
    return {};
  }
  if (preparing_ != nullptr) {
    const Duration since = clock_.now() - preparing_since_;
    if (since < options_.answers_within) {
      return {.kind = Shortage::Kind::preparing, .error = {}};
    }
    return shortage_of(make_error(ErrorKind::timed_out, Action::retry,
                                  concat(preparing(path_of(*preparing_)), ": the disk has not answered for ",
                                         std::chrono::floor<std::chrono::seconds>(since).count(), " s")));
  }
  if (rest_ != Rest::nothing) {
    return shortage_of(*rest_reason_);
  }
  return {.kind = Shortage::Kind::full, .error = {}};
}

}  // namespace penstock::stage
