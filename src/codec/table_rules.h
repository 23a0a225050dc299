// What holds for every table that is made of a schema: how large it may be, and what its columns may be
// called. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "codec/table.h"

namespace penstock::codec {

// How deep columns may lie in each other. What lies deeper is one column of JSON. Each level adds two to a
// cell's definition at most, so that stays far below 255.
inline constexpr std::size_t k_table_depth_max = 16;

// The most leaves. Each has memory in every file that is open.
inline constexpr std::size_t k_table_leaves_max = 1000;

// The most bits that the levels of a row without any value may take. A file gives a short row no more room.
inline constexpr std::size_t k_table_level_bits_max = 2400;

// The most that the paths of all leaves may take: the names on each, with a byte beside each name. A file
// tells them again with each row group.
inline constexpr std::size_t k_table_path_bytes_max = std::size_t{64} * 1024;

// The most cells that a row may have: 4 MiB of them. A list of nothings makes many of few bytes. To a fuzzer,
// which makes such lists of most values, one would be as dear as a thousand others.
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
inline constexpr std::size_t k_row_cells_max = std::size_t{1} << 10;
#else
inline constexpr std::size_t k_row_cells_max = std::size_t{1} << 18;
#endif

// A date or time that readers can hold is from the year 1 to 9999.
inline constexpr std::int64_t k_table_day_min = -719'162;
inline constexpr std::int64_t k_table_day_max = 2'932'896;

// What penstock writes beside the columns of a schema, in this order, and its type in Spark. No column of a
// schema may be called so.
struct OwnColumn {
  std::string_view name;
  std::string_view spark_type;
};
inline constexpr OwnColumn k_own_columns[] = {
    {"_rescued", "STRING"},      {"_topic", "STRING"},          {"_partition", "INT"}, {"_offset", "BIGINT"},
    {"_timestamp", "TIMESTAMP"}, {"_timestamp_type", "STRING"}, {"_key", "BINARY"},    {"_headers", "STRING"},
};

// In any case of its letters.
bool is_own_column(std::string_view name);

std::size_t leaf_count(const Field& field);
std::size_t leaf_count(const Table& table);

// What these limits are of.
struct TableSize {
  std::size_t leaves = 0;
  std::size_t level_bits = 0;
  std::size_t path_bytes = 0;

  TableSize& operator+=(const TableSize& other) {
    leaves += other.leaves;
    level_bits += other.level_bits;
    path_bytes += other.path_bytes;
    return *this;
  }
  TableSize& operator-=(const TableSize& other) {
    leaves -= other.leaves;
    level_bits -= other.level_bits;
    path_bytes -= other.path_bytes;
    return *this;
  }
};
// Of a column with all that is in it.
TableSize size_of(const Field& field);
TableSize size_of(const Table& table);

// Whether the count since 1970 is of a year that readers can hold. `type` is a date or a timestamp.
bool is_readable_time(FieldType type, std::int64_t count);

// Whether a float32 holds the number without rounding it.
bool is_float_exactly(double real);

// The table with its top fields optional, if its names can be columns, and they are not too many. `record`:
// the fields are to lie in a column of this name, and that is what can be. The error's message is a predicate
// of the schema.
Result<Table> checked_table(Table table, std::string_view record = {});

// A top field of a schema that can be no column.
struct LeftOut {
  std::string name;
  std::string why;  // a predicate of the schema
};

// The same of a schema that another version cannot mend, as it is in a registry: a top field that can be no
// column, alone or behind those before it, is marked as left out, and told. Error: none can be one, or there
// can be no column `record`.
Result<Table> table_of_what_fits(Table table, std::string_view record, std::vector<LeftOut>& left_out);

// How much is made of a schema before its table is checked: what its types are used for again and again is
// not told by its text.
class TableBudget {
 public:
  void add_leaf() { ++leaves_; }
  void add_name(std::string_view name) { name_bytes_ += name.size(); }
  bool is_over() const { return leaves_ > k_table_leaves_max || name_bytes_ > k_table_path_bytes_max; }
  bool has_too_many_leaves() const { return leaves_ > k_table_leaves_max; }

  // A field of the top, which `make` makes. One with which it is too much is marked as left out.
  template <class Make>
  Field top_field(std::string name, Make make) {
    const TableBudget before = *this;
    if (tries_ < k_tries_max) {
      if (Field field = make(name); !is_over()) {
        return field;
      }
      leaves_ = before.leaves_;
      name_bytes_ = before.name_bytes_;
      ++tries_;
    }
    return {.name = std::move(name), .type = FieldType::json, .left_out = true};
  }

 private:
  // After so many that were too much no other is tried.
  static constexpr std::size_t k_tries_max = 16;
  std::size_t leaves_ = 0;
  std::size_t name_bytes_ = 0;
  std::size_t tries_ = 0;
};

// Everything optional but the keys of maps: the table of values that no schema was held against.
void make_optional(std::vector<Field>& fields);

// A predicate of a schema.
Error too_many_leaves();

// Of a value that has no columns: {"_value":"a text","_reason":"is not JSON"}, or, where it is not UTF-8,
// {"_value_base64":"...","_reason":"ends before its schema does"}. `reason` is a predicate of the value that
// needs no escapes.
void append_rescued_whole(std::string& out, Bytes value, std::string_view reason);

// The second of these, also of UTF-8.
void append_rescued_bytes(std::string& out, Bytes value, std::string_view reason);

// Of fields that fit no column since the table is of other versions of their schema: a member behind what is
// rescued of them. `names` are as they stand in a text of JSON, with a comma between them.
inline constexpr std::string_view k_reason_member = "_reason";
void append_conflicts(std::string& out, std::string_view names);

}  // namespace penstock::codec
