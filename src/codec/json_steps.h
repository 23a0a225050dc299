// Inside: the fields of values with their columns, as JsonShredder looks for them and goes through them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/row_cells.h"
#include "codec/table.h"

namespace penstock::codec {

struct JsonStep {
  std::string name;
  std::string quoted;                // the name as it mostly stands in an object; empty: it needs escapes
  FieldType type = FieldType::json;  // of the column
  std::uint32_t precision = 0;
  std::uint32_t scale = 0;
  // The column is of another version of the schema: it cannot take any value, or not each number.
  bool has_conflict = false;
  bool is_narrower = false;
  CellPlace place;
  std::vector<JsonStep> inner;

  // Of a record.
  std::vector<CellPlace> absent;       // columns that the schema does not have
  std::vector<std::uint16_t> by_name;  // its fields, the shortest name first
  std::size_t guess = 0;               // the field that may come next
  // Of a field of a record: the last object that had it.
  std::uint64_t seen = 0;
};

struct JsonSteps {
  JsonStep root;                  // a record: the whole value
  std::vector<CellPlace> places;  // of the table's columns
};

// The arguments are those of make_json_shredder().
JsonSteps json_steps(const Table& written, const Table& table, std::string_view record);

// Null: the record has no such field.
JsonStep* find_field(JsonStep& record, std::string_view name);

}  // namespace penstock::codec
