#include "format/record_format.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "codec/blob_name.h"
#include "crypto/base64.h"
#include "format/envelope.h"
#include "format/lines.h"

namespace penstock::format {
namespace {

struct Known {
  RecordFormat format;
  std::string_view extension;
};

constexpr std::array<Known, 6> k_known{{
    {{RowFormat::lines, codec::Compression::gzip}, ".txt.gz"},
    {{RowFormat::lines, codec::Compression::zstd}, ".txt.zst"},
    {{RowFormat::lines, codec::Compression::none}, ".txt"},
    {{RowFormat::envelope, codec::Compression::gzip}, ".json.gz"},
    {{RowFormat::envelope, codec::Compression::zstd}, ".json.zst"},
    {{RowFormat::envelope, codec::Compression::none}, ".json"},
}};

static_assert(std::all_of(k_known.begin(), k_known.end(), [](const Known& known) {
  return known.extension.size() <= codec::k_extension_bytes_max;
}));

// An empty gzip member takes 20 bytes and an empty zstd frame 13.
constexpr std::size_t k_empty_file_bytes_max = 256;

}  // namespace

std::string_view to_string(RowFormat rows) {
  switch (rows) {
    case RowFormat::lines:
      return "lines";
    case RowFormat::envelope:
      return "envelope";
  }
  return "?";
}

std::string_view file_extension(const RecordFormat& format) {
  const auto* found = std::find_if(k_known.begin(), k_known.end(),
                                   [&format](const Known& known) { return known.format == format; });
  CHECK((found != k_known.end()));
  return found->extension;
}

RecordFormat format_of(std::string_view file_name) {
  for (const Known& known : k_known) {
    if (file_name.ends_with(known.extension)) {
      return known.format;
    }
  }
  for (const Known& known : k_known) {
    if (known.format.is_encoded() &&
        file_name.ends_with(known.extension.substr(known.extension.rfind('.')))) {
      return {.compression = known.format.compression};
    }
  }
  return {};
}

std::vector<std::byte> empty_file(const RecordFormat& format) {
  std::vector<std::byte> bytes;
  if (format.is_encoded()) {
    bytes.resize(k_empty_file_bytes_max);
    const Encoder::Step step = make_encoder(format)->compress({}, bytes, Encoder::End::member);
    CHECK(step.member_ended);
    bytes.resize(step.produced);
  }
  return bytes;
}

Framed frame(const RowContext& context, std::span<const RecordView> records, MutableBytes room) {
  switch (context.rows) {
    case RowFormat::lines:
      return frame_lines(records, room);
    case RowFormat::envelope:
      CHECK(context.json != nullptr);
      return frame_envelopes(context, records, room);
  }
  return {};
}

bool makes_no_row(RowFormat rows, const RecordView& record) {
  switch (rows) {
    case RowFormat::lines:
      return record.value.empty();
    case RowFormat::envelope:
      break;
  }
  return false;
}

std::size_t row_bytes_max(const RowContext& context, const RecordView& record) {
  switch (context.rows) {
    case RowFormat::lines:
      return record.value.size() + k_line_end_bytes;
    case RowFormat::envelope:
      return envelope_bytes_max(context, record);
  }
  return 0;
}

// Rows in pieces

SplitRow::SplitRow(const RowContext& context, const RecordView& record)
    : value_(record.value), tail_(k_line_end_text), bytes_left_(record.value.size() + tail_.size()) {
  if (context.rows == RowFormat::envelope) {
    EnvelopeParts parts = envelope_parts(context, record);
    head_ = std::move(parts.head);
    value_ = parts.value;
    as_base64_ = parts.as_base64;
    tail_ = parts.tail;
    bytes_left_ =
        head_.size() + (as_base64_ ? crypto::base64_size(value_.size()) : value_.size()) + tail_.size();
  }
}

std::size_t SplitRow::write(MutableBytes to) {
  const MutableBytes room = to.first(std::min(to.size(), bytes_left_));
  const std::size_t of_head = std::min(room.size(), head_.size() - head_written_);
  std::memcpy(room.data(), head_.data() + head_written_, of_head);
  head_written_ += of_head;
  const MutableBytes behind = room.subspan(of_head);
  const std::size_t of_value = as_base64_ ? write_base64(behind) : write_value(behind);
  const std::size_t of_tail = room.size() - of_head - of_value;
  std::memcpy(room.data() + of_head + of_value, tail_.data(), of_tail);
  tail_.remove_prefix(of_tail);
  bytes_left_ -= room.size();
  return room.size();
}

std::size_t SplitRow::write_value(MutableBytes to) {
  const Bytes piece = value_.first(std::min(to.size(), value_.size()));
  flattened_ = copy_flat(piece, to.data()) > 0 || flattened_;
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
      crypto::base64_write(piece, reinterpret_cast<char*>(to.data()) + written);
      written += crypto::base64_size(piece.size());
      value_ = value_.subspan(piece.size());
      continue;
    }
    const Bytes three = value_.first(std::min<std::size_t>(value_.size(), 3));
    std::array<char, 4> quad{};
    crypto::base64_write(three, quad.data());
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

// Whole files

std::unique_ptr<Encoder> make_encoder(const RecordFormat& format) {
  return codec::make_compressor(format.compression);
}

void RowCounter::add(Bytes plain) {
  if (!plain.empty()) {
    rows_ += static_cast<std::uint64_t>(std::count(plain.begin(), plain.end(), k_line_end));
    last_ = plain.back();
  }
}

}  // namespace penstock::format
