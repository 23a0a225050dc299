// A table that grows with the versions of a schema: what of it a version can be put into, and what the next
// table has. Pure.
//
//   the column is        the version has          in this table               in the next one
//   not there            a field                  a new column, at the end    likewise
//   int32, float32       int64, float64           those values that fit       int64, float64
//   int64, float64       int32, float32           all                         as it is
//   decimal(p,s)         decimal(q,s)             those values that fit       decimal of the larger precision
//   a record             one with other fields    only if it has them all     a record with all of them
//   of another type      a field                  none                        as it is
//
// Lists and maps are as what is in them. All fields are optional, as a version that has a field may not be
// the only one. Two names that differ only in case are of one column, which is that of the first.
//
// A topic may have records of several types that have nothing to do with each other. Then the fields of each
// can lie in a column of their own, which is called as the record is, and the rules above hold within it:
//
//   of `Order`     id INT64                   Order RECORD<id INT64>
//   of `Payment`   id TEXT, amount FLOAT64    Order RECORD<id INT64>, Payment RECORD<id TEXT, amount FLOAT64>
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "codec/table.h"

namespace penstock::codec {

enum class FieldFit : std::uint8_t {
  fits,       // values of the field can be in the column, or those of them that its numbers can hold
  grows,      // once the column has the fields of a record that it does not have yet
  conflicts,  // never
};
FieldFit fit_of(const Field& written, const Field& column);
// The same where the column was found by the field's name. It conflicts if its name differs in case. Null:
// there is none, and the table would have to grow.
FieldFit fit_at(const Field& written, const Field* column);

// Finds the fields of a record, or the columns of a table, by their names, of which no two differ only in
// case.
class FieldNames {
 public:
  explicit FieldNames(const std::vector<Field>& fields);
  // The number of the one of this name, or of one that differs only in case.
  std::optional<std::size_t> find(std::string_view name) const;

 private:
  std::unordered_map<std::string, std::size_t> numbers_;  // by the name in lower case
};

// What the next table has: `table` with all of `written` that it can take. Columns stay in their places. What
// would make it larger than a table may be (table_rules.h) is left out. `written` is a table that
// checked_table() or table_of_what_fits() has made. `record`: the column that its fields lie
// in; empty: they are columns themselves.
Table grown(const Table& table, const Table& written, std::string_view record = {});

// Adds columns for what `written` has and `table` does not, as they are in `next`, which is
// grown(..., written). Columns that are there stay as they are. False, and nothing is added: a field does
// not fit its column, and does that of `next`. So it is when the column of `record` is there, and has not got
// all of the fields.
bool add_columns(Table& table, const Table& written, const Table& next, std::string_view record = {});

// Where the fields of a version are in a table.
struct FieldHome {
  // Null: the table has no such column, and none of the fields.
  const std::vector<Field>* fields = nullptr;
  std::size_t leaf = 0;   // the first of them
  bool is_taken = false;  // something else is called as their column would be
};
FieldHome home_of(const Table& table, std::string_view record);

}  // namespace penstock::codec
