// How it works. feed() goes from one state to the next, and each takes its bytes from the front:
//
//   header ─► sync_of_file ─► count ─► size ─► data ─► sync ─► count ...
//
// A file may end only where a count may begin. The header is compared with the two that there are, byte by
// byte. For example a file with codec deflate: its bytes are those of codec null up to `avro.codec`, behind
// which the length of the codec's name differs. There the header of deflate takes over, and data go through a
// decompressor, a new one for each block. The rows themselves are counted by CaptureRows.
#include "format/capture_reader.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/concat.h"

namespace penstock::format {
namespace {

Error damaged(std::string_view what) {
  return make_error(ErrorKind::corrupt, Action::give_up, concat("it is no sound capture-avro: ", what));
}

Bytes take_front(Bytes& bytes, std::uint64_t count) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(count, bytes.size()));
  const Bytes front = bytes.first(size);
  bytes = bytes.subspan(size);
  return front;
}

}  // namespace

CaptureReader::CaptureReader() : header_(capture_header(codec::Compression::none)) {}

Result<void> CaptureReader::feed(Bytes stored) {
  while (!stored.empty()) {
    Result<void> taken;
    switch (state_) {
      case State::header:
        taken = take_header(stored);
        break;
      case State::sync_of_file:
      case State::sync:
        taken = take_sync(stored);
        break;
      case State::count:
      case State::size:
        taken = take_number(stored);
        break;
      case State::data:
        taken = take_data(stored);
        break;
    }
    if (!taken.ok()) {
      return taken;
    }
  }
  return {};
}

Result<void> CaptureReader::end() const {
  if (state_ != State::count || !number_.empty()) {
    return damaged("it ends within its header or a block");
  }
  return {};
}

// The two headers differ from where the codec is named.
Result<void> CaptureReader::take_header(Bytes& stored) {
  const auto next = static_cast<char>(take_front(stored, 1).front());
  if (next != header_[taken_] && !inflate_) {
    std::string other = capture_header(codec::Compression::deflate);
    if (other.compare(0, taken_, header_, 0, taken_) == 0) {
      header_ = std::move(other);
      inflate_ = std::make_unique<codec::StreamDecompressor>(codec::Compression::deflate);
    }
  }
  if (next != header_[taken_]) {
    return damaged("its header is not the one of such files");
  }
  ++taken_;
  if (taken_ == header_.size()) {
    taken_ = 0;
    state_ = State::sync_of_file;
  }
  return {};
}

Result<void> CaptureReader::take_sync(Bytes& stored) {
  const Bytes piece = take_front(stored, sync_.size() - taken_);
  auto* const at = sync_.begin() + static_cast<std::ptrdiff_t>(taken_);
  if (state_ == State::sync_of_file) {
    std::copy(piece.begin(), piece.end(), at);
  } else if (!std::equal(piece.begin(), piece.end(), at)) {
    return damaged("a block does not end with the sync marker of the file");
  }
  taken_ += piece.size();
  if (taken_ == sync_.size()) {
    taken_ = 0;
    state_ = State::count;
  }
  return {};
}

Result<void> CaptureReader::take_number(Bytes& stored) {
  const VarintReader::Taken taken = number_.add(take_front(stored, 1).front());
  if (taken == VarintReader::Taken::more) {
    return {};
  }
  const std::int64_t number = taken == VarintReader::Taken::whole ? unzigzag(number_.value()) : -1;
  if (number < 0) {
    return damaged("a block has a count or a size that none can have");
  }
  if (state_ == State::count) {
    block_rows_ = number;
    state_ = State::size;
    return {};
  }
  data_left_ = static_cast<std::uint64_t>(number);
  rows_before_ = rows_.rows();
  state_ = State::data;
  return data_left_ == 0 ? end_data() : Result<void>();
}

Result<void> CaptureReader::take_data(Bytes& stored) {
  const Bytes piece = take_front(stored, data_left_);
  data_left_ -= piece.size();
  Result<void> taken;
  if (inflate_) {
    Result<void> fed = inflate_->feed(piece, [&](Bytes plain) {
      if (taken.ok()) {
        taken = take_rows(plain);
      }
    });
    if (!fed.ok()) {
      return fed;
    }
  } else {
    taken = take_rows(piece);
  }
  return taken.ok() && data_left_ == 0 ? end_data() : std::move(taken);
}

Result<void> CaptureReader::take_rows(Bytes plain) {
  plain_bytes_ += plain.size();
  return rows_.add(plain) ? Result<void>() : damaged("a block holds bytes that are no rows of its schema");
}

Result<void> CaptureReader::end_data() {
  if (inflate_ && block_rows_ > 0) {
    if (Result<void> whole = inflate_->end(); !whole.ok()) {
      return whole;
    }
    inflate_ = std::make_unique<codec::StreamDecompressor>(codec::Compression::deflate);
  }
  const std::uint64_t found = rows_.rows() - rows_before_;
  if (found != static_cast<std::uint64_t>(block_rows_) || !rows_.ends_whole()) {
    return damaged(concat("a block says that it holds ", block_rows_, " rows, and holds ", found));
  }
  state_ = State::sync;
  return {};
}

}  // namespace penstock::format
