// A value in Avro's binary encoding as JSON (codec/avro_json.h), for rows that have it so. A value whose id
// names a JSON Schema stands there as it is. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/types.h"
#include "format/record_schema.h"

namespace penstock::format {

// The most that a value may have as JSON. It is made in memory of its own where it does not fit into what is
// left of a slab.
inline constexpr std::size_t k_decoded_bytes_max = std::size_t{8} << 20;

// A value as JSON at the front of a room, or why it has none, as a predicate of it in letters that JSON does
// not escape, at most k_schema_fault_bytes_max of them.
struct DecodedValue {
  std::string_view fault;
  bool no_room = false;  // there is more to be had
  std::size_t bytes = 0;
};

// The fault of a value that is to be JSON as it is.
inline constexpr std::string_view k_is_no_json = "is not JSON";

// Of a record whose value is Avro, or cannot be decoded (CHECK).
DecodedValue decode_value(const RecordSchema& schema, MutableBytes room);

// The same in memory of its own: behind what is in `out`, which stays as it is where there is a fault.
DecodedValue append_decoded(const RecordSchema& schema, std::string& out);

}  // namespace penstock::format
