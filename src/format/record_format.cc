#include "format/record_format.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "codec/blob_name.h"
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
