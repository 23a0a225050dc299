// A table that values become: its columns, as a tree, and the cells of one row. Between who reads a value
// (Shredder) and who writes columns. Pure.
//
// Columns that have no columns in them are *leaves*. They are numbered in the order of the tree. A cell is
// one value of one leaf, or the place where there is none, with Dremel's two levels:
//
//   definition   how many of the fields on the leaf's path that may be missing are there. A list or a map
//                counts once for being there, and once more for having an item.
//   repetition   at which list or map of the path this cell goes on; 0: a new row
//
// For example, the table `id INT64, lines LIST<RECORD<sku TEXT>>` with everything optional has two leaves: id
// (definition at most 1) and lines.list.element.sku (definition at most 4, repetition at most 1). The value
// {"id":7,"lines":[{"sku":"a"},{}]} has three cells:
//
//   leaf 0   repetition 0   definition 1   7
//   leaf 1   repetition 0   definition 4   "a"
//   leaf 1   repetition 1   definition 3
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace penstock::codec {

enum class FieldType : std::uint8_t {
  boolean,
  int32,
  int64,
  float32,
  float64,
  bytes,
  text,
  json,                    // text that is JSON: of a value that has no one type
  date,                    // days since 1970
  timestamp_millis,        // since 1970, UTC
  timestamp_micros,        // likewise
  local_timestamp_millis,  // of no time zone
  local_timestamp_micros,  // likewise
  decimal,
  record,
  list,
  map,
};

struct Field {
  std::string name;
  FieldType type = FieldType::text;
  bool optional = true;
  std::uint32_t precision = 0;  // of a decimal, at most 38
  std::uint32_t scale = 0;      // of a decimal
  // Of a record its fields, at least one; of a list its item; of a map its key, which is text and never
  // missing, and its value.
  std::vector<Field> fields = {};
  // Of a table that a schema makes: it can be no column (table_rules.h), so no other table has it.
  bool left_out = false;

  friend bool operator==(const Field&, const Field&) = default;
};

struct Table {
  std::vector<Field> fields;  // optional, all of them: a record may have no value

  friend bool operator==(const Table&, const Table&) = default;
};

struct Cell {
  std::uint16_t leaf = 0;
  std::uint8_t repetition = 0;
  std::uint8_t definition = 0;  // the leaf's greatest: there is a value
  std::uint32_t bytes = 0;      // of text
  union {
    std::int64_t number = 0;  // of boolean, int32, int64, date and the timestamps
    double real;              // of float32 and float64
    // Of text, json and bytes, and of a decimal: its unscaled value in 16 bytes, two's complement, the
    // highest first.
    const char* text;
  };
};

// The cells of one record's value. Of each leaf there is at least one. Those of one leaf are in order, those
// of several may lie between each other.
struct Row {
  std::vector<Cell> cells;
  // What does not fit the table, as one JSON object. Empty: nothing.
  std::string rescued;
};

// Takes values apart. One of a worker's, for one schema of the values.
class Shredder {
 public:
  virtual ~Shredder() = default;
  virtual const Table& table() const = 0;

  // The row of a value. It is valid while the value is, until the next call of this shredder or of another in
  // the same room (shred_room.h). Never fails: of a value that is not of the schema all columns are null, and
  // `rescued` has all of it.
  virtual const Row& shred(Bytes value) = 0;
  // The same row, without those fields whose lists have columns that other versions of the schema brought:
  // nulls of them would be in each item. `rescued` has these fields, as JSON or as the bytes that they were.
  // Null: there are none.
  enum class Narrow : std::uint8_t { json, bytes };
  virtual const Row* shred_narrow(Bytes /*value*/, Narrow /*form*/) { return nullptr; }
  // Whether the last value was not of the schema.
  virtual bool was_undecoded() const = 0;
  // Whether a field of it is rescued for what other versions of the schema made of its column, or of the
  // table.
  virtual bool was_in_conflict() const { return false; }
};

}  // namespace penstock::codec
