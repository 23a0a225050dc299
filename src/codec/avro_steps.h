// A schema and a table, compiled: what a shredder of Avro walks over a value by. Inside.
//
// It is a tree of steps, one for each field that the schema writes, in its order, as the bytes are. A step
// knows which type its value is read as, and which leaves and levels of the table its cells have.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "codec/avro_schema.h"
#include "codec/row_cells.h"
#include "codec/table.h"

namespace penstock::codec {

struct AvroStep {
  const AvroSchema::Node* written = nullptr;  // as in the schema, perhaps a union
  const AvroSchema::Node* node = nullptr;     // what its value is read as
  FieldType type = FieldType::json;           // of the schema's own table
  FieldType column = FieldType::json;
  std::uint32_t precision = 0;  // of the column, which is a decimal
  bool optional = false;
  bool in_choice = false;
  std::uint32_t branch = 0;  // of the choice: that of `node`
  CellPlace place;
  std::vector<AvroStep> inner;
  std::vector<CellPlace> absent = {};  // of a record: columns that the schema does not have
};

// Why a field is rescued for what the table is.
enum class Misplaced : std::uint8_t {
  conflict,    // its column is of another version
  table_full,  // there was no room for one
  too_large,   // shred_narrow()
  no_column,   // it is left out of the schema's own table
};

// Of a top field.
struct AvroColumn {
  AvroStep step;
  std::string_view name;               // as JSON: `"id":`
  std::optional<Misplaced> misplaced;  // there is no column that it fits; of the step only `written` is there
  bool has_absent_in_items = false;    // columns of other versions are in the items of a list or map
};

struct AvroSteps {
  std::vector<CellPlace> places;    // of the table's columns
  std::vector<AvroColumn> columns;  // in the order of the schema
  std::vector<CellPlace> absent;    // of columns that none of those is in
  bool can_be_narrow = false;       // one of them has_absent_in_items
};

// As make_avro_shredder() has them. They point into the schema.
AvroSteps avro_steps(const AvroSchema& schema, const Table& written, const Table& table,
                     std::string_view record);

}  // namespace penstock::codec
