// Takes values that are JSON objects apart, into the columns of a table.
#pragma once

#include <memory>
#include <string_view>

#include "codec/table.h"

namespace penstock::codec {

struct ShredRoom;  // shred_room.h

// All of `table` is made optional: no schema is held against the values. A column takes
//
//   boolean             true and false
//   int32, int64        a number without a fraction, as 7, 7.0 or 7e0, that fits
//   float32, float64    a number: the nearest that the column can have
//   decimal             a number, or a string with one, of which nothing must be rounded
//   text                a string
//   bytes               a string in base64
//   date, timestamps    a string as iso_time.h takes it, from the year 1 to 9999
//   record, map, list   an object, an object, an array
//   json                anything
//
// and null. What is not in a column is in `rescued`, with the same objects around it:
//
//   {"order":{"qty":"x"},"new_field":1}
//
// These are values that their column does not take, members that the table does not have, and members that
// come again in an object. In a list or map nothing is rescued by itself: where a value does not fit, the
// outermost list or map is null, and all of it is rescued. Where a member is not in the table, the columns
// have the others, and all of the list or map is rescued as well.
//
// A value that is no object has null in all columns, and was_undecoded(). `rescued` then has it, and why:
//
//   {"_value":[1,2],"_reason":"is no object"}
//   {"_value":"a text","_reason":"is not JSON"}        or is nested deeper than 512 levels
//   {"_value_base64":"/w==","_reason":"is not JSON"}   of what is not UTF-8
//
// The largest value that is taken apart has JsonTokens::k_text_bytes_max.
//
// `room`: shared with other shredders. Null: it has one of its own.
std::unique_ptr<Shredder> make_json_shredder(Table table, std::shared_ptr<ShredRoom> room = nullptr);

// The same into another table, which other versions of a schema have made too. `written` is what this one
// makes. Both have everything optional. Fields find their columns by name (fit_of() of table_growth.h). A
// column that the schema does not have is null, and a member that the schema does not have is rescued. A top
// field that does not fit its column, or that has a number in it that does not, was in_conflict(), and
// `rescued` has the reason beside it:
//
//   {"total":"12.50","_reason":"has fields that their columns cannot take: total"}
//
// A member of the value that is called _reason, and is rescued too, stands there in the place of ours.
//
// `record`: the column of the table that the fields lie in. All of this then holds of the fields in it, and
// the other columns are null. Empty: the fields are columns themselves.
std::unique_ptr<Shredder> make_json_shredder(const Table& written, std::shared_ptr<const Table> table,
                                             std::string_view record = {},
                                             std::shared_ptr<ShredRoom> room = nullptr);

}  // namespace penstock::codec
