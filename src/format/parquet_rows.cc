// How it works. What stands in a row as its value is decided first (value_of), then the row is written.
//
// For example, values whose ids name their schemas, in Confluent's framing:
//
//   00 00 00 00 07 0e    schema 7 is version 2 of the file         the value is 0e, and the version 2
//   00 00 00 00 08 0e    8 is known, not one of the file's         the framer stops for admit_schema()
//   00 00 00 00 09 0e    9 is not known yet                        the framer stops: it waits
//   00 00 00 00 63 0e    the registry has no schema 99             "schema-unknown: ...", and all six bytes
//   7b 7d                is no framing                             "does not begin with ...", and both bytes
#include "format/parquet_rows.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "base/check.h"
#include "format/envelope.h"
#include "format/file_columns.h"
#include "format/record_schema.h"
#include "format/schema_source.h"
#include "format/shredded_values.h"

namespace penstock::format {
namespace {

namespace parquet = codec::parquet;

static_assert(k_schema_fault_bytes_max <= UINT8_MAX);

bool is_held(std::int64_t timestamp_ms) {
  return timestamp_ms >= k_parquet_time_min_ms && timestamp_ms <= k_parquet_time_max_ms;
}

struct RowValue {
  Bytes bytes;
  std::string_view fault = {};
  std::uint16_t version = 0;
  bool stops = false;  // its schema is not known, or not one of the file's
  bool waits = false;  // not known
};

RowValue value_of(const RowContext& context, const RecordView& record) {
  if (context.shredded == nullptr || record.null_value) {
    return {.bytes = record.value};
  }
  const codec::FramedBody body = codec::framed_body(context.shredded->framing, record);
  if (!body.fault.empty()) {
    return {.bytes = record.value, .fault = body.fault};
  }
  if (context.columns == nullptr) {
    return {.bytes = body.bytes};
  }
  if (!body.id) {
    return {.bytes = record.value, .fault = k_no_schema_id};
  }
  if (const std::optional<std::uint16_t> version = context.columns->find(*body.id)) {
    return {.bytes = body.bytes, .version = *version};
  }
  CHECK(context.schemas != nullptr);
  const SchemaAnswer answer = context.schemas->find(context.topic, *body.id);
  return {.bytes = record.value,
          .fault = answer.fault,
          .stops = answer.state != SchemaAnswer::State::none,
          .waits = answer.state == SchemaAnswer::State::waits};
}

// parquet_row_bytes_max() are free. Returns the row's end.
std::byte* write_front(Partition partition, const RecordView& record, const RowValue& value,
                       std::uint32_t page_crc, std::byte* const row) {
  std::byte* const headers = row + sizeof(ParquetRow) + record.key.size();
  std::byte* end = headers;
  if (!record.headers.empty()) {
    end = reinterpret_cast<std::byte*>(write_headers_json(record, reinterpret_cast<char*>(headers)));
  }
  const auto value_bytes = static_cast<std::uint32_t>(value.fault.size() + value.bytes.size());
  new (row) ParquetRow{.key_bytes = static_cast<std::uint32_t>(record.key.size()),
                       .headers_bytes = static_cast<std::uint32_t>(end - headers),
                       .value_bytes = value_bytes,
                       .page_crc = page_crc,
                       .offset = record.offset.value,
                       .timestamp_ms = is_held(record.timestamp_ms) ? record.timestamp_ms : -1,
                       .partition = partition.value,
                       .null_key = record.null_key,
                       .null_value = record.null_value,
                       .timestamp_type = record.timestamp_type,
                       .fault_bytes = static_cast<std::uint8_t>(value.fault.size()),
                       .version = value.version};
  if (!record.key.empty()) {
    std::memcpy(row + sizeof(ParquetRow), record.key.data(), record.key.size());
  }
  for (unsigned i = 0; i < sizeof(value_bytes); ++i) {
    *end++ = static_cast<std::byte>(value_bytes >> (8 * i));
  }
  const Bytes fault = as_bytes(value.fault);
  return std::copy(fault.begin(), fault.end(), end);
}

}  // namespace

const ParquetRow& parquet_row_at(Bytes rows) {
  CHECK(rows.size() >= sizeof(ParquetRow));
  return *std::launder(reinterpret_cast<const ParquetRow*>(rows.data()));
}

Framed frame_parquet_rows(const RowContext& context, std::span<const RecordView> records, MutableBytes room) {
  std::byte* to = room.data();
  const std::byte* const end = to + room.size();
  Framed framed;
  for (const RecordView& record : records) {
    if (parquet_row_bytes_max(context, record) > static_cast<std::size_t>(end - to)) {
      break;
    }
    const RowValue value = value_of(context, record);
    if (value.stops) {
      framed.waits = value.waits;
      break;
    }
    to = write_front(context.partition, record, value, 0, to);
    if (!value.bytes.empty()) {
      std::memcpy(to, value.bytes.data(), value.bytes.size());
      to += value.bytes.size();
    }
    framed.value_bytes += record.value.size();
    framed.undated += tells_time(record.timestamp_ms) ? 0 : 1;
    framed.oldest_timestamp_ms = older(framed.oldest_timestamp_ms, record.timestamp_ms);
    ++framed.records;
  }
  framed.rows = framed.records;
  framed.bytes = room.size() - static_cast<std::size_t>(end - to);
  return framed;
}

std::size_t parquet_row_bytes_max(const RowContext& context, const RecordView& record) {
  const std::size_t headers = record.headers.empty() ? 0 : headers_json_bytes_max(record);
  const std::size_t fault = context.shredded == nullptr ? 0 : k_schema_fault_bytes_max;
  return k_parquet_row_beside + record.key.size() + headers + fault + record.value.size();
}

SplitParquetRow split_parquet_row(const RowContext& context, const RecordView& record) {
  const RowValue value = value_of(context, record);
  std::uint32_t page_crc = 0;
  if (context.shredded == nullptr) {
    const parquet::Buffer page_front =
        parquet_lone_value_front(record.null_value, static_cast<std::uint32_t>(record.value.size()));
    const parquet::StoredBody page(parquet_codec(context.compression),
                                   static_cast<std::uint32_t>(page_front.size() + record.value.size()));
    page_crc = page.crc(page_front, record.value);
  }
  SplitParquetRow row{
      .front = std::string(parquet_row_bytes_max(context, record) - record.value.size(), '\0'),
      .value = value.bytes};
  auto* const begin = reinterpret_cast<std::byte*>(row.front.data());
  const std::byte* const end = write_front(context.partition, record, value, page_crc, begin);
  row.front.resize(static_cast<std::size_t>(end - begin));
  return row;
}

codec::parquet::Buffer parquet_lone_value_front(bool null_value, std::uint32_t value_bytes) {
  parquet::Buffer levels;
  parquet::Runs::append_run(levels, 1, !null_value);
  parquet::Buffer front;
  parquet::append_uint32(front, static_cast<std::uint32_t>(levels.size()));
  front.insert(front.end(), levels.begin(), levels.end());
  if (!null_value) {
    parquet::append_uint32(front, value_bytes);
  }
  return front;
}

codec::parquet::Codec parquet_codec(codec::Compression compression) {
  switch (compression) {
    case codec::Compression::none:
      return parquet::Codec::none;
    case codec::Compression::snappy:
      return parquet::Codec::snappy;
    case codec::Compression::zstd:
      return parquet::Codec::zstd;
    case codec::Compression::gzip:
    case codec::Compression::deflate:
      break;
  }
  CHECK(false);
  return parquet::Codec::none;
}

}  // namespace penstock::format
