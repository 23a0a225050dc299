// How it works. One table has what may be written with what, and how such a file is called. The rest is a
// switch of each format's own parts.
//
// For example, an envelope with gzip is `.json.gz`. Read the other way, `orders-1.json.gz` ends in that, so
// its rows are envelopes and it is unpacked by gzip.
#include "format/record_format.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "codec/blob_name.h"
#include "format/capture_file.h"
#include "format/capture_row.h"
#include "format/compressed_rows.h"
#include "format/envelope.h"
#include "format/lines.h"
#include "format/parquet_encoder.h"
#include "format/parquet_rows.h"
#include "format/parquet_table.h"
#include "format/parquet_table_encoder.h"

namespace penstock::format {
namespace {

struct Known {
  RecordFormat format;
  std::string_view extension;
};

constexpr std::array<Known, 11> k_known{{
    {{RowFormat::lines, codec::Compression::gzip}, ".txt.gz"},
    {{RowFormat::lines, codec::Compression::zstd}, ".txt.zst"},
    {{RowFormat::lines, codec::Compression::none}, ".txt"},
    {{RowFormat::envelope, codec::Compression::gzip}, ".json.gz"},
    {{RowFormat::envelope, codec::Compression::zstd}, ".json.zst"},
    {{RowFormat::envelope, codec::Compression::none}, ".json"},
    {{RowFormat::parquet, codec::Compression::none}, ".parquet"},
    {{RowFormat::parquet, codec::Compression::snappy}, ".parquet"},
    {{RowFormat::parquet, codec::Compression::zstd}, ".parquet"},
    {{RowFormat::capture, codec::Compression::none}, ".avro"},
    {{RowFormat::capture, codec::Compression::deflate}, ".avro"},
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
    case RowFormat::parquet:
      return "parquet";
    case RowFormat::capture:
      return "capture-avro";
  }
  return "?";
}

std::string_view file_extension(const RecordFormat& format) {
  const auto* found = std::find_if(k_known.begin(), k_known.end(), [&format](const Known& known) {
    return known.format.rows == format.rows && known.format.compression == format.compression;
  });
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
    if (known.format.compression != codec::Compression::none && known.format.rows != RowFormat::parquet &&
        file_name.ends_with(known.extension.substr(known.extension.rfind('.')))) {
      return {.compression = known.format.compression};
    }
  }
  return {};
}

std::vector<std::byte> empty_file(const RecordFormat& format, const ShreddedValues* shredded) {
  if (format.rows == RowFormat::capture) {
    return empty_capture_file();
  }
  if (format.rows == RowFormat::parquet) {
    return empty_parquet_file(shredded, format.text_values);
  }
  std::vector<std::byte> bytes;
  if (format.is_encoded()) {
    bytes.resize(k_empty_file_bytes_max);
    const Encoder::Step step = make_encoder(format)->encode({}, bytes, Encoder::End::part);
    CHECK(step.ended);
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
    case RowFormat::parquet:
      return frame_parquet_rows(context, records, room);
    case RowFormat::capture:
      return frame_capture(context, records, room);
  }
  return {};
}

bool makes_no_row(RowFormat rows, const RecordView& record) {
  switch (rows) {
    case RowFormat::lines:
      return record.value.empty();
    case RowFormat::envelope:
    case RowFormat::parquet:
    case RowFormat::capture:
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
    case RowFormat::parquet:
      return parquet_row_bytes_max(context, record);
    case RowFormat::capture:
      return capture_bytes_max(context, record);
  }
  return 0;
}

std::size_t encoder_holds_max(const RecordFormat& format, bool shreds) {
  if (format.rows != RowFormat::parquet) {
    return k_encoder_holds_max;
  }
  return shreds ? k_parquet_table_holds_max : k_parquet_holds_max;
}

std::size_t encoder_growth_max(bool shreds) {
  return shreds ? k_parquet_growth_max : 1;
}

std::size_t row_bytes_beside(RowFormat rows) {
  return rows == RowFormat::parquet ? k_parquet_row_beside : 0;
}

std::unique_ptr<Encoder> make_encoder(const RecordFormat& format) {
  CHECK(!format.has_end());
  if (format.rows == RowFormat::capture) {
    return std::make_unique<CaptureBlocks>(format.compression);
  }
  return std::make_unique<CompressedRows>(format.compression);
}

std::unique_ptr<Encoder> make_file_encoder(const RecordFormat& format, ParquetShared& shared,
                                           std::shared_ptr<const ShreddedValues> shredded,
                                           std::shared_ptr<FileColumns> columns) {
  CHECK(format.has_end());
  return shredded
             ? make_parquet_table_encoder(format.compression, shared, std::move(shredded), std::move(columns))
             : make_parquet_encoder(format.compression, shared, format.text_values);
}

void RowCounter::add(Bytes plain) {
  if (!plain.empty()) {
    rows_ += static_cast<std::uint64_t>(std::count(plain.begin(), plain.end(), k_line_end));
    last_ = plain.back();
  }
}

}  // namespace penstock::format
