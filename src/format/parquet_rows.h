// The framer of Parquet: a record as it lies in a raw slab until the encoder takes it (parquet_encoder.h).
// Nobody else sees these rows. Pure.
//
//   42 bytes   ParquetRow, as the machine has it
//   key        its bytes
//   headers    as an envelope has them (envelope.h); nothing of a record without headers
//   4 bytes    the value's length, little-endian, and the value: as they stand in a page of the file
//
// Of a value that is taken apart into columns (shredded_values.h) the bytes before its Avro are left out.
// Where that cannot be done, why stands in front of the value as it came.
//
// A row is longer than what the file tells of the record by k_parquet_row_beside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/record_view.h"
#include "base/types.h"
#include "codec/parquet_pages.h"
#include "format/record_format.h"

namespace penstock::format {

// It lies at any address: read and written where it is, as a copy of it costs more than all that is read.
struct [[gnu::packed]] ParquetRow {
  std::uint32_t key_bytes = 0;
  std::uint32_t headers_bytes = 0;
  std::uint32_t value_bytes = 0;
  // Of a row that is larger than a raw slab: the checksum of the page that it becomes.
  std::uint32_t page_crc = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::int32_t partition = 0;
  bool null_key = true;
  bool null_value = true;
  TimestampType timestamp_type = TimestampType::unknown;
  // Of a value that is to be taken apart and cannot be: in front of it are so many letters that say why.
  std::uint8_t fault_bytes = 0;
  // Of one that is, where ids name the schemas: which of the file's (FileColumns).
  std::uint16_t version = 0;

  std::size_t front_bytes() const { return sizeof(ParquetRow) + key_bytes + headers_bytes; }
  std::size_t bytes() const { return front_bytes() + sizeof(std::uint32_t) + value_bytes; }

  // What follows the row in memory. The value stands behind its length.
  std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_bytes}; }
  std::string_view headers() const { return {key().data() + key_bytes, headers_bytes}; }
  Bytes value() const {
    return {reinterpret_cast<const std::byte*>(this) + front_bytes(), sizeof(std::uint32_t) + value_bytes};
  }
};
static_assert(sizeof(ParquetRow) == 42);

// The row at the front of these bytes.
const ParquetRow& parquet_row_at(Bytes rows);

inline constexpr std::size_t k_parquet_row_beside = sizeof(ParquetRow) + sizeof(std::uint32_t);

// A time that readers can hold: from the year 1 to 9999. Others are null in the file.
inline constexpr std::int64_t k_parquet_time_min_ms = -62'135'596'800'000;
inline constexpr std::int64_t k_parquet_time_max_ms = 253'402'300'799'999;

// frame() for RowFormat::parquet.
Framed frame_parquet_rows(const RowContext& context, std::span<const RecordView> records, MutableBytes room);

// row_bytes_max() for RowFormat::parquet.
std::size_t parquet_row_bytes_max(const RowContext& context, const RecordView& record);

// A row as its bytes before those of its value, and these, which lie in the record.
struct SplitParquetRow {
  std::string front;
  Bytes value;
};
SplitParquetRow split_parquet_row(const RowContext& context, const RecordView& record);

// What stands in front of a value that has a page of its own: definition levels and the value's length. Of
// one that is null it is all.
codec::parquet::Buffer parquet_lone_value_front(bool null_value, std::uint32_t value_bytes);

codec::parquet::Codec parquet_codec(codec::Compression compression);

}  // namespace penstock::format
