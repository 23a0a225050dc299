// A value in Avro's binary encoding as JSON text, by its schema. Pure.
//
//   null                        null
//   boolean                     true, false
//   int, long                   a number, all its digits
//   float, double               the shortest number that reads back as the same, with a point or an exponent;
//                               "NaN", "Infinity" and "-Infinity" as strings
//   string                      a string
//   bytes, fixed                a string, in base64
//   enum                        a string: its symbol
//   array, map, record          an array, an object, an object with the fields in the schema's order
//   union                       the value of its branch, and not which branch it is
//   decimal                     a string: "12.50", all its digits
//   date                        "2026-11-29"
//   time-millis, -micros        "19:29:33.123", with 3 or 6 digits behind the second
//   timestamp-millis, ...       "2026-11-29T19:29:33.123Z", with 3, 6 or 9 digits
//   local-timestamp-millis, ... the same without the Z
//   uuid, duration              "3fa85f64-5717-4562-b3fc-2c963f66afa6", "P1M2DT3.004S"
//
// Every logical type is a string, since readers of JSON make doubles of numbers, and a count since 1970 does
// not say its unit. Nothing is rounded. A map's keys stand as they came, also if one comes twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/types.h"
#include "codec/avro_schema.h"

namespace penstock::codec {

// Why a value has no JSON. Of all but no_room it is the value that is not of this schema.
enum class AvroFault : std::uint8_t {
  none,
  no_room,
  ends_early,
  left_over,
  bad_number,
  bad_boolean,
  bad_length,
  bad_branch,
  bad_symbol,
  bad_time,
  long_decimal,
  not_utf8,
  too_deep,
  too_many_items,  // of a row, and no fault of the value's JSON
};

// A predicate of the value: "ends before its schema does".
std::string_view to_string(AvroFault fault);

// How deep records, arrays, maps and unions may lie in each other.
inline constexpr std::size_t k_avro_depth_max = 128;

struct AvroJson {
  AvroFault fault = AvroFault::none;
  std::size_t bytes = 0;  // at the front of the room; of a fault, nothing there counts
};

// The whole of `value`, on one line. What fits into some room fits into every larger one, and gives the same
// text. An array of nothings makes much of few bytes, so the room is the limit of what a value may cost.
AvroJson write_avro_json(const AvroSchema& schema, Bytes value, MutableBytes room);

}  // namespace penstock::codec
