// Takes values in Avro's binary encoding apart, into the table of their schema (avro_table.h), or into one
// that other versions of it have made too (table_growth.h).
#pragma once

#include <memory>
#include <string_view>

#include "codec/avro_schema.h"
#include "codec/table.h"

namespace penstock::codec {

struct ShredRoom;  // shred_room.h

// Of a value that is not of the schema all columns are null, and `rescued` is
//
//   {"_value_base64":"...","_reason":"ends before its schema does"}
//
// What is of the schema and cannot be in a column is a time before the year 1 or behind 9999, and a
// decimal with more digits than its precision. The top field that has one in it is null then, and
// `rescued` has its JSON (avro_json.h): {"order":{"total":"123456.78"}}.
//
// `table` is what table_of_avro() makes of `schema`. `room`: shared with other shredders. Null: it has one of
// its own.
std::unique_ptr<Shredder> make_avro_shredder(std::shared_ptr<const AvroSchema> schema, Table table,
                                             std::shared_ptr<ShredRoom> room = nullptr);

// The same into another table. `written` is what table_of_avro() makes of the schema. Fields find their
// columns by name (fit_of() of table_growth.h). A column that the schema does not have is null. A top
// field that does not fit its column, or that has a number in it that does not, is null as well, and was
// in_conflict(). `rescued` has its JSON and the reason:
//
//   {"total":"12.50","_reason":"has fields that their columns cannot take: total"}
//
// A field that the table has no column for, as it had no room for one more, has the reason
// `table-full: has fields for which there are no more columns: total`, and one that shred_narrow() leaves out
// `has fields that would become too large in columns: lines`. Several reasons follow each other behind `; `.
// With Narrow::bytes such a field is {"_value_base64":"...","_reason":"would become too large as JSON"}.
//
// A field of the schema that is called _reason, and is rescued too, stands there in the place of ours.
//
// `record`: the column of the table that the fields lie in. All of this then holds of the fields in it, and
// the other columns are null. Empty: the fields are columns themselves.
std::unique_ptr<Shredder> make_avro_shredder(std::shared_ptr<const AvroSchema> schema, const Table& written,
                                             std::shared_ptr<const Table> table, std::string_view record = {},
                                             std::shared_ptr<ShredRoom> room = nullptr);

}  // namespace penstock::codec
