#include "format/split_row.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/base64.h"
#include "format/capture_row.h"
#include "format/envelope.h"
#include "format/lines.h"
#include "format/parquet_rows.h"

namespace penstock::format {

SplitRow::SplitRow(const RowContext& context, const RecordView& record)
    : value_(record.value), tail_(k_line_end_text) {
  if (context.rows == RowFormat::envelope) {
    EnvelopeParts parts = envelope_parts(context, record);
    head_ = std::move(parts.head);
    value_ = parts.value;
    as_base64_ = parts.as_base64;
    tail_ = parts.tail;
    undecoded_ = parts.undecoded;
  } else if (context.rows == RowFormat::parquet) {
    SplitParquetRow row = split_parquet_row(context, record);
    head_ = std::move(row.front);
    value_ = row.value;
    verbatim_ = true;
    tail_ = {};
  } else if (context.rows == RowFormat::capture) {
    CaptureParts parts = capture_parts(context, record);
    head_ = std::move(parts.head);
    value_ = parts.value;
    repeated_ = parts.repeated;
    undecoded_ = parts.undecoded;
    verbatim_ = true;
    tail_ = {};
  }
  bytes_left_ = head_.size() + (as_base64_ ? base64_size(value_.size()) : value_.size()) + tail_.size();
}

std::size_t SplitRow::write(MutableBytes to) {
  const MutableBytes room = to.first(std::min(to.size(), bytes_left_));
  const std::size_t of_head = std::min(room.size(), head_.size() - head_written_);
  std::memcpy(room.data(), head_.data() + head_written_, of_head);
  head_written_ += of_head;
  const MutableBytes behind = room.subspan(of_head);
  const std::size_t of_value = as_base64_ ? write_base64(behind) : write_value(behind);
  const std::size_t of_tail = room.size() - of_head - of_value;
  const Bytes tail = as_bytes(tail_.substr(0, of_tail));
  std::copy(tail.begin(), tail.end(), room.data() + of_head + of_value);
  tail_.remove_prefix(of_tail);
  bytes_left_ -= room.size();
  return room.size();
}

std::size_t SplitRow::write_value(MutableBytes to) {
  const Bytes piece = value_.first(std::min(to.size(), value_.size()));
  if (verbatim_) {
    std::copy(piece.begin(), piece.end(), to.begin());
  } else {
    flattened_ = copy_flat(piece, to.data()) > 0 || flattened_;
  }
  value_ = value_.subspan(piece.size());
  return piece.size();
}

// Whole quads where they fit. One that does not is written in parts, made anew for each.
std::size_t SplitRow::write_base64(MutableBytes to) {
  std::size_t written = 0;
  while (written < to.size() && !value_.empty()) {
    const std::size_t quads = (to.size() - written) / 4;
    if (quad_written_ == 0 && quads > 0) {
      const Bytes piece = value_.first(std::min(value_.size(), quads * 3));
      base64_write(piece, reinterpret_cast<char*>(to.data()) + written);
      written += base64_size(piece.size());
      value_ = value_.subspan(piece.size());
      continue;
    }
    const Bytes three = value_.first(std::min<std::size_t>(value_.size(), 3));
    std::array<char, 4> quad{};
    base64_write(three, quad.data());
    const std::size_t count = std::min(quad.size() - quad_written_, to.size() - written);
    std::memcpy(to.data() + written, quad.data() + quad_written_, count);
    written += count;
    quad_written_ += count;
    if (quad_written_ == quad.size()) {
      quad_written_ = 0;
      value_ = value_.subspan(three.size());
    }
  }
  return written;
}

}  // namespace penstock::format
