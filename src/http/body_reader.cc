#include "http/body_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock::http {

namespace {

// What is copied in one step and then shown to on_taken. Both ends of the copy fit into the cache next to the
// core.
constexpr std::size_t k_step_bytes = std::size_t{64} * 1024;

}  // namespace

BodyReader::BodyReader(std::vector<Bytes> pieces, OnBodyTaken on_taken)
    : pieces_(std::move(pieces)), on_taken_(std::move(on_taken)) {
  for (const Bytes piece : pieces_) {
    size_ += piece.size();
  }
}

std::size_t BodyReader::read(MutableBytes to) {
  std::size_t copied = 0;
  while (copied < to.size() && piece_ < pieces_.size()) {
    const Bytes rest = pieces_[piece_].subspan(within_);
    const std::size_t bytes = std::min({rest.size(), to.size() - copied, k_step_bytes});
    if (bytes > 0) {
      std::memcpy(to.data() + copied, rest.data(), bytes);
      if (on_taken_) {
        on_taken_(offset_, rest.first(bytes));
      }
    }
    copied += bytes;
    offset_ += bytes;
    within_ += bytes;
    if (within_ == pieces_[piece_].size()) {
      ++piece_;
      within_ = 0;
    }
  }
  return copied;
}

bool BodyReader::seek(std::uint64_t offset) {
  if (offset > size_) {
    return false;
  }
  offset_ = offset;
  piece_ = 0;
  while (piece_ < pieces_.size() && offset >= pieces_[piece_].size()) {
    offset -= pieces_[piece_].size();
    ++piece_;
  }
  within_ = static_cast<std::size_t>(offset);
  return true;
}

}  // namespace penstock::http
