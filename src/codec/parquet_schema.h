// The columns of a Parquet file, what a table's are, and how a footer tells them.
//
// A file's schema is a tree of groups with columns as leaves. Here it is the list of the columns, each with
// the groups that it lies in: columns that follow each other share the groups that are equal. Lists and maps
// have the form that every reader knows.
//
//   lines: a list of records with a sku          optional group lines (LIST) {
//                                                  repeated group list {
//                                                    optional group element {
//                                                      optional binary sku (STRING) }}}
//   tags: a map of numbers                       optional group tags (MAP) {
//                                                  repeated group key_value {
//                                                    required binary key (STRING);
//                                                    optional int64 value }}
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "codec/parquet_pages.h"
#include "codec/parquet_thrift.h"
#include "codec/table.h"

namespace penstock::codec::parquet {

// As the format numbers them.
enum class Type : std::uint8_t {
  boolean = 0,
  int32 = 1,
  int64 = 2,
  float32 = 4,
  float64 = 5,
  byte_array = 6,
  fixed = 7,  // byte arrays of one length
};
enum class Repetition : std::uint8_t { required = 0, optional = 1, repeated = 2 };

// What a column's values are, beyond their type.
enum class Meaning : std::uint8_t {
  none,
  text,
  date,
  time_ms,  // UTC
  time_us,
  local_time_ms,  // of no time zone
  local_time_us,
  decimal,
};
enum class GroupMeaning : std::uint8_t { none, list, map };

struct Group {
  std::string name;
  Repetition repetition = Repetition::optional;
  GroupMeaning meaning = GroupMeaning::none;

  friend bool operator==(const Group&, const Group&) = default;
};

struct Column {
  std::string name;
  Type type = Type::byte_array;
  bool optional = false;
  Meaning meaning = Meaning::none;
  std::uint32_t precision = 0;  // of a decimal
  std::uint32_t scale = 0;
  std::uint32_t length = 0;        // of Type::fixed
  std::vector<Group> groups = {};  // that it lies in, the outermost first

  // The greatest levels of a cell (table.h).
  std::uint8_t definition_max() const;
  std::uint8_t repetition_max() const;

  friend bool operator==(const Column&, const Column&) = default;
};
using Schema = std::vector<Column>;

// As a file may have at most, with its groups.
inline constexpr std::size_t k_elements_max = 8'192;
// In how many groups a column may lie.
inline constexpr std::size_t k_group_depth_max = 64;

// How many bits a level takes, of which this is the greatest.
unsigned level_bits(std::uint8_t greatest);

// The least number of bytes that holds every decimal of the precision, which is 1 to 38.
std::uint32_t decimal_bytes(std::uint32_t precision);

// The table's leaves, in their order.
Schema columns_of(const Table& table);

// How pages of a column's values are encoded. Byte arrays of a chunk with a dictionary are also PLAIN, once
// it is full.
Encoding encoding_of(Type type, bool has_dictionary);

// FileMetaData.schema, the field 2.
void write_schema(ThriftWriter& out, const Schema& schema);
// False: it has what penstock does not write.
bool read_schema(ThriftReader& in, const ThriftReader::Field& field, Schema& schema);

}  // namespace penstock::codec::parquet
