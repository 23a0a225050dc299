// How it works. What the encoder makes by itself (the header, a block's count and size, its sync marker, and
// with deflate its compressed rows) goes into pending_, and is drained from there before rows are taken. With
// codec null rows go straight from the raw slab into the chunk.
//
// For example a unit of 3 rows and 700 bytes, the first of its file, and a chunk with 600 bytes of room:
//
// 1. begin_file() makes the header pending, 490 bytes, and begin_unit() notes 3 and 700.
// 2. encode() adds count and size, 3 bytes: 493 are drained, and 107 bytes of the rows are copied. The chunk
//    is full.
// 3. The next call gets the other 593 bytes of the rows, and a new chunk. It copies them, makes the sync
//    marker pending, drains it, and tells that the part has ended.
#include "format/capture_file.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/varint.h"

namespace penstock::format {
namespace {

// The most that a stored block of deflate holds, and what stands in front of it (RFC 1951, 3.2.4).
constexpr std::uint32_t k_stored_bytes_max = 65'535;
constexpr std::uint64_t k_stored_header_bytes = 5;

// The header, count and size: what may be pending in front of compressed rows.
constexpr std::size_t k_front_bytes = 1024;

// What compressing may take beyond the rows at first. More is taken when it is not enough.
constexpr std::size_t k_spare_bytes = 4096;

constexpr std::string_view k_sync_of_empty_files = "penstock-no-rows";
static_assert(k_sync_of_empty_files.size() == k_sync_bytes);

void append_string(std::string& out, std::string_view text) {
  std::array<char, k_varint_bytes_max> length;
  out.append(length.data(), put_zigzag_length(length.data(), text.size()));
  out += text;
}

void append_long(std::vector<std::byte>& out, std::int64_t number) {
  std::array<char, k_varint_bytes_max> digits;
  const Bytes bytes = std::as_bytes(std::span<const char>(digits.data(), put_zigzag(digits.data(), number)));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

int digit_of(char hex) {
  if (hex >= '0' && hex <= '9') {
    return hex - '0';
  }
  return hex >= 'a' && hex <= 'f' ? hex - 'a' + 10 : 0;
}

// Of 32 hex digits their 16 bytes.
void read_sync(std::string_view attempt, std::array<std::byte, k_sync_bytes>& sync) {
  CHECK(attempt.size() == 2 * k_sync_bytes);
  for (std::size_t i = 0; i < k_sync_bytes; ++i) {
    sync[i] = static_cast<std::byte>(digit_of(attempt[2 * i]) << 4 | digit_of(attempt[2 * i + 1]));
  }
}

std::uint64_t stored_size(std::uint64_t bytes) {
  return bytes + (bytes + k_stored_bytes_max - 1) / k_stored_bytes_max * k_stored_header_bytes;
}

}  // namespace

std::string capture_header(codec::Compression codec) {
  CHECK((codec == codec::Compression::none || codec == codec::Compression::deflate));
  std::string header = "Obj\x01\x04";
  append_string(header, "avro.codec");
  append_string(header, codec == codec::Compression::none ? "null" : "deflate");
  append_string(header, "avro.schema");
  append_string(header, k_capture_schema);
  header += '\0';
  return header;
}

std::vector<std::byte> empty_capture_file() {
  std::string file = capture_header(codec::Compression::none);
  file += k_sync_of_empty_files;
  file += std::string(2, '\0');  // no rows, no bytes
  file += k_sync_of_empty_files;
  const Bytes bytes = as_bytes(file);
  return {bytes.begin(), bytes.end()};
}

CaptureBlocks::CaptureBlocks(codec::Compression codec) : codec_(codec) {
  if (codec_ == codec::Compression::deflate) {
    compressor_ = codec::make_compressor(codec_);
  }
}

void CaptureBlocks::begin_file(const EncodedFile& file) {
  CHECK(pending_.empty());
  read_sync(file.attempt, sync_);
  if (!file.begun) {
    pend(as_bytes(capture_header(codec_)));
    pend(sync_);
  }
}

void CaptureBlocks::begin_unit(std::size_t rows, std::uint64_t bytes) {
  CHECK(!in_unit_);
  in_unit_ = true;
  unit_begun_ = false;
  unit_rows_ = rows;
  unit_left_ = bytes;
}

Encoder::Step CaptureBlocks::encode(Bytes rows, MutableBytes output, End end) {
  Step step;
  if (in_unit_ && !unit_begun_) {
    unit_begun_ = true;
    append_long(pending_, static_cast<std::int64_t>(unit_rows_));
    if (codec_ == codec::Compression::none) {
      append_long(pending_, static_cast<std::int64_t>(unit_left_));
    } else if (rows.size() == unit_left_) {
      compress(rows);
      step.consumed = rows.size();
      end_unit();
    } else {
      append_long(pending_, static_cast<std::int64_t>(stored_size(unit_left_)));
    }
  }
  bool more = true;
  while (more) {
    if (in_unit_ && stored_left_ == 0 && codec_ == codec::Compression::deflate && pending_.empty()) {
      begin_stored_block();
    }
    const std::size_t drained = drain(output.subspan(step.produced));
    step.produced += drained;
    const std::size_t copied = copy(rows.subspan(step.consumed), output.subspan(step.produced));
    step.consumed += copied;
    step.produced += copied;
    if (in_unit_ && unit_left_ == 0) {
      end_unit();
    }
    more = drained + copied > 0;
  }
  step.ended = end != End::more && !in_unit_ && pending_.empty();
  return step;
}

void CaptureBlocks::reset() {
  in_unit_ = false;
  stored_left_ = 0;
  pending_.clear();
  drained_ = 0;
}

void CaptureBlocks::pend(Bytes bytes) {
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
}

// The rows stand behind their size, which is known only afterwards. So there is room in front of them, and
// what is pending already is moved up to them.
void CaptureBlocks::compress(Bytes rows) {
  CHECK(drained_ == 0U);
  std::vector<std::byte> front(pending_);
  pending_.resize(k_front_bytes + rows.size() + k_spare_bytes);
  std::size_t end = k_front_bytes;
  for (codec::Compressor::Step step; !step.member_ended; end += step.produced) {
    if (end == pending_.size()) {
      pending_.resize(2 * pending_.size());
    }
    step = compressor_->compress(rows, MutableBytes(pending_).subspan(end), codec::Compressor::End::member);
    rows = rows.subspan(step.consumed);
  }
  pending_.resize(end);
  append_long(front, static_cast<std::int64_t>(end - k_front_bytes));
  CHECK(front.size() <= k_front_bytes);
  drained_ = k_front_bytes - front.size();
  std::memcpy(pending_.data() + drained_, front.data(), front.size());
  unit_left_ = 0;
}

std::size_t CaptureBlocks::drain(MutableBytes output) {
  const std::size_t count = std::min(output.size(), pending_.size() - drained_);
  if (count > 0) {
    std::memcpy(output.data(), pending_.data() + drained_, count);
    drained_ += count;
  }
  if (drained_ == pending_.size()) {
    pending_.clear();
    drained_ = 0;
  }
  return count;
}

// Rows as they are, once nothing is pending.
std::size_t CaptureBlocks::copy(Bytes rows, MutableBytes output) {
  if (!in_unit_ || !pending_.empty()) {
    return 0;
  }
  std::uint64_t count = std::min<std::uint64_t>({rows.size(), output.size(), unit_left_});
  if (codec_ == codec::Compression::deflate) {
    count = std::min<std::uint64_t>(count, stored_left_);
    stored_left_ -= static_cast<std::uint32_t>(count);
  }
  if (count > 0) {
    std::memcpy(output.data(), rows.data(), static_cast<std::size_t>(count));
    unit_left_ -= count;
  }
  return static_cast<std::size_t>(count);
}

// Whether it is the last, then its length, and the length's complement, little-endian.
void CaptureBlocks::begin_stored_block() {
  stored_left_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(unit_left_, k_stored_bytes_max));
  const bool last = stored_left_ == unit_left_;
  const std::uint32_t complement = ~stored_left_;
  const std::array<std::byte, k_stored_header_bytes> header{
      static_cast<std::byte>(last ? 1 : 0), static_cast<std::byte>(stored_left_),
      static_cast<std::byte>(stored_left_ >> 8), static_cast<std::byte>(complement),
      static_cast<std::byte>(complement >> 8)};
  pend(header);
}

void CaptureBlocks::end_unit() {
  in_unit_ = false;
  pend(sync_);
}

}  // namespace penstock::format
