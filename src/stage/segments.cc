// How it works. A segment is in one of four places, and a pointer moves between them:
//
//   free_  ->  preparing_  ->  ready_  ->  in use by the stage  ->  free_
//
// prepare_ahead() is called whenever something may be missing: a ready segment was taken, one was recycled,
// or the pause after a failure is over. It does nothing while a segment is ready or being prepared. A free
// segment needs one write, its header with the next sequence. With that write all chunks of its earlier
// life are void. Without a free segment, and below files_max, a new file is made: room reserved, zeros
// written through the loop, header, fdatasync.
//
// Worked case: segment-00000002 had sequence 7 and its last chunk was released. prepare_ahead() writes the
// header with sequence 12. The process is killed when one new chunk is written. Recovery reads the new
// chunk (sequence 12), then meets a whole chunk of sequence 7 behind it, and ends there.
//
// Zeros are written once in a file's life, so that every later write overwrites allocated blocks and
// changes no metadata of the file system. A segment that cannot be prepared is deleted: its room may be
// what another one needs. The next try comes after retry_after.
#include "stage/segments.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <unistd.h>

#include "base/check.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "stage/transfer.h"

namespace penstock::stage {

Segments::Segments(const SegmentsOptions& options, Directory directory, io::Loop& loop)
    : options_(options), directory_(std::move(directory)), loop_(loop), header_(std::make_unique<Block>()) {}

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
  encode_segment_header(
      {.sequence = segment.sequence, .segment_bytes = options_.segment_bytes, .state = FillState::filled},
      header_->bytes);
}

Result<void> Segments::prepare_now() {
  Segment* segment = nullptr;
  int error = 0;
  if (free_.empty()) {
    auto made = make();
    if (!made.ok()) {
      return made.error();
    }
    segment = *made;
    for (std::uint64_t at = k_block_bytes; at < options_.segment_bytes && error == 0;) {
      const Bytes piece = zeros().first(std::min<std::uint64_t>(zeros().size(), options_.segment_bytes - at));
      error = write_all_now(segment->fd.get(), piece, at);
      at += piece.size();
    }
  } else {
    segment = free_.back();
    free_.pop_back();
  }
  encode_next_header(*segment);
  if (error == 0) {
    error = write_all_now(segment->fd.get(), header_->bytes, 0);
  }
  if (error == 0 && ::fdatasync(segment->fd.get()) != 0) {
    error = errno;
  }
  if (error != 0) {
    const std::string what = concat("preparing the stage file ", path_of(*segment));
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
  if (closed_ || preparing_ != nullptr || !ready_.empty()) {
    return;
  }
  if (!free_.empty()) {
    preparing_ = free_.back();
    free_.pop_back();
    write_header(*preparing_);
    return;
  }
  if (segments_.size() >= options_.files_max || retry_timer_ != io::TimerId::none) {
    return;
  }
  auto made = make();
  if (!made.ok()) {
    note_failure(std::move(made).error());
    return;
  }
  preparing_ = *made;
  fill(*preparing_, k_block_bytes);
}

void Segments::fill(Segment& segment, std::uint64_t offset) {
  if (offset == options_.segment_bytes) {
    write_header(segment);
    return;
  }
  const Bytes piece = zeros().first(std::min<std::uint64_t>(zeros().size(), options_.segment_bytes - offset));
  write_all(loop_, segment.fd.get(), piece, offset,
            [self = shared_from_this(), &segment, next = offset + piece.size()](int error) {
              if (self->closed_) {
                return;
              }
              if (error != 0) {
                self->failed(segment, error);
                return;
              }
              self->fill(segment, next);
            });
}

void Segments::write_header(Segment& segment) {
  const bool is_new = segment.sequence == 0;
  encode_next_header(segment);
  write_all(loop_, segment.fd.get(), header_->bytes, 0,
            [self = shared_from_this(), &segment, is_new](int error) {
              if (self->closed_) {
                return;
              }
              if (error != 0) {
                self->failed(segment, error);
                return;
              }
              if (!is_new) {
                self->became_ready(segment);
                return;
              }
              // A new file's extents are marked written only in the journal: not again with every restart.
              self->loop_.sync_data(segment.fd.get(), [self, &segment](std::int32_t result) {
                if (self->closed_) {
                  return;
                }
                if (result < 0) {
                  self->failed(segment, -result);
                  return;
                }
                self->became_ready(segment);
              });
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
  Error error = os_error(error_number, concat("preparing the stage file ", path_of(segment)));
  discard(segment);  // a new one, or one that the device does not take: its room is worth more than its name
  note_failure(std::move(error));
}

void Segments::note_failure(Error error) {
  ++errors_;
  last_error_ = std::move(error);
  if (retry_timer_ != io::TimerId::none) {
    return;
  }
  retry_timer_ = loop_.start_timer(options_.retry_after, [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self != nullptr && !self->closed_) {
      self->retry_timer_ = io::TimerId::none;
      self->prepare_ahead();
    }
  });
}

}  // namespace penstock::stage
