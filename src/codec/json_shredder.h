// Takes values that are JSON objects apart, into the columns of a table.
#pragma once

#include <memory>

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

}  // namespace penstock::codec
