// Writes a Parquet file of a table and rows by chance, and beside it what readers must find: for
// test_columns.py.
//
//   made_table SEED FIELDS ROWS COMPRESSION GROUPS FILE.parquet FILE.jsonl
//
// GROUPS: `few`, or `many` where every few rows end a row group. A line of FILE.jsonl is the list of the
// table's columns of a row, then `_rescued`. Times are microseconds, a decimal is its digits without the
// point, bytes are hexadecimal digits, and a real is those of its 64 bits. A map is a list of pairs.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "base/json_string.h"
#include "unit/codec/random_table.h"
#include "unit/format/parquet_file.h"

namespace penstock {
namespace {

using codec::Field;
using codec::FieldType;
using codec::MadeValue;

std::string hex_of(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    text += digits;
  }
  return text;
}

std::string decimal_of(std::string_view bytes) {
  codec::Wide bits = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
  }
  const bool is_negative = bits >> 127 != 0;
  bits = is_negative ? 0 - bits : bits;
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(bits % 10)));
    bits /= 10;
  } while (bits != 0);
  return is_negative ? "-" + digits : digits;
}

std::string told(const Field& field, const MadeValue& value);

std::string told_items(const Field& field, const MadeValue& value) {
  std::string text = "[";
  const std::size_t parts = field.fields.size();
  for (std::size_t i = 0; i < value.members.size(); ++i) {
    text += i == 0 ? "" : ",";
    text += parts == 2 && i % 2 == 0 ? "[" : "";
    text += told(field.fields[i % parts], value.members[i]);
    text += parts == 2 && i % 2 == 1 ? "]" : "";
  }
  return text + "]";
}

std::string told(const Field& field, const MadeValue& value) {
  if (value.is_null) {
    return "null";
  }
  switch (field.type) {
    case FieldType::record: {
      std::string text = "{";
      for (std::size_t i = 0; i < field.fields.size(); ++i) {
        text += (i == 0 ? "" : ",") + json_string(field.fields[i].name) + ":" +
                told(field.fields[i], value.members[i]);
      }
      return text + "}";
    }
    case FieldType::list:
    case FieldType::map:
      return told_items(field, value);
    case FieldType::boolean:
      return value.number != 0 ? "true" : "false";
    case FieldType::text:
    case FieldType::json:
      return json_string(value.text);
    case FieldType::bytes:
      return "\"" + hex_of(value.text) + "\"";
    case FieldType::decimal:
      return decimal_of(value.text);
    case FieldType::float32:
    case FieldType::float64: {
      char digits[17];
      std::snprintf(digits, sizeof(digits), "%016llx",
                    static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(value.real)));
      return "\"" + std::string(digits) + "\"";
    }
    case FieldType::timestamp_millis:
    case FieldType::local_timestamp_millis:
      return std::to_string(value.number * 1'000);
    default:
      return std::to_string(value.number);
  }
}

std::string told_row(const codec::Table& table, const std::vector<MadeValue>& values,
                     std::string_view rescued) {
  std::string line = "[";
  for (std::size_t i = 0; i < table.fields.size(); ++i) {
    line += values.empty() ? "null" : told(table.fields[i], values[i]);
    line += ",";
  }
  return line + (rescued.empty() ? "null" : json_string(rescued)) + "]\n";
}

int run(char** arguments) {
  codec::TableRandom random(std::stoull(arguments[1]));
  const codec::Table table = codec::random_table(random, std::stoull(arguments[2]));
  const std::uint64_t rows = std::stoull(arguments[3]);
  const std::string compression_name = arguments[4];
  const auto compression = compression_name == "zstd"     ? codec::Compression::zstd
                           : compression_name == "snappy" ? codec::Compression::snappy
                                                          : codec::Compression::none;
  format::ParquetShared shared;
  shared.held_bytes = std::string_view(arguments[5]) == "many" ? format::ParquetShared::k_held_bytes_max : 0;
  auto shredded = std::make_shared<format::ShreddedValues>();
  shredded->make_shredder = [table](const auto& /*room*/) {
    return std::make_unique<codec::RandomShredder>(table);
  };
  format::ParquetFileMaker maker(compression, shared, 256 * 1024, 1 << 20, shredded);
  std::ofstream told(arguments[7], std::ios::binary);
  for (std::uint64_t row = 0; row < rows; ++row) {
    const std::string seed = codec::seeded_value(random());
    const bool is_tombstone = codec::one_in(random, 40);
    RecordView record{.offset = Offset{static_cast<std::int64_t>(row)},
                      .timestamp_ms = 1'764'432'000'000 + static_cast<std::int64_t>(row),
                      .key = {},
                      .value = is_tombstone ? Bytes() : as_bytes(seed),
                      .headers = {},
                      .timestamp_type = TimestampType::created};
    record.null_value = is_tombstone;
    maker.add(Partition{0}, record);
    const std::vector<MadeValue> values =
        is_tombstone ? std::vector<MadeValue>() : codec::RandomShredder::values_of(table, seed);
    told << told_row(table, values,
                     is_tombstone     ? R"({"_value":null})"
                     : values.empty() ? codec::RandomShredder::rescued_of(seed)
                                      : std::string());
  }
  const std::vector<std::byte> file = maker.end();
  std::ofstream(arguments[6], std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  return told.good() ? 0 : 1;
}

}  // namespace
}  // namespace penstock

int main(int count, char** arguments) {
  if (count != 8) {
    std::cerr << "usage: made_table SEED FIELDS ROWS COMPRESSION GROUPS FILE.parquet FILE.jsonl\n";
    return 2;
  }
  return penstock::run(arguments);
}
