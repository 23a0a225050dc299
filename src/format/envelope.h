// The framer of envelopes: one JSON object a line, with the record and all that Kafka knows of it. Pure.
//
//   {"topic":"orders","partition":3,"offset":41,"timestamp":1764432000000,"timestamp_type":"CreateTime",
//    "key":"customer-7","headers":[{"key":"trace","value":"00-4bf9"}],"value":{"id": 7, "total": 12.50}}
//
// (on one line). Fields that were not chosen are left out; the order stays.
//
// - `value`: a value that is exactly one JSON value stands there as it was sent, CR and LF between its
//   tokens made spaces. A tombstone is `null`. Any other value is `"value_base64":"..."` in its place. So is
//   the JSON text `null`, which would look like a tombstone, and a JSON text nested deeper than
//   codec::k_json_depth_max.
// - Where values are Avro and are to be decoded, `value` is the JSON of codec/avro_json.h. A value that is
//   not of its schema, or too large as JSON, lands as it came, and the row says why:
//   `"decode_error":"ends before its schema does","value_base64":"..."`. So does one that is null, as it
//   would look like a tombstone, and one whose id names no schema: "schema-unknown: ...". Where the id names
//   a JSON Schema, what stands behind it is embedded as above, if it is one JSON value.
// - `key`, and a header's `key` and `value`: UTF-8 is a string, whatever is in it. Other bytes are
//   `"key_base64"` or `"value_base64"`. What is null in Kafka is `null`.
// - `timestamp`: milliseconds since the epoch; -1 where there is none. `timestamp_type`: "CreateTime",
//   "LogAppendTime", or null where the source does not tell.
//
// A line of the quarantine (quarantine.h) has `"reason":"not-json"` in front of these.
//
// So every record has a row, and every key and value can be had back byte for byte, but for the line breaks
// between the tokens of JSON.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/record_view.h"
#include "base/types.h"
#include "format/record_format.h"

namespace penstock::format {

// frame() for RowFormat::envelope.
Framed frame_envelopes(const RowContext& context, std::span<const RecordView> records, MutableBytes room);

// row_bytes_max() for RowFormat::envelope.
std::size_t envelope_bytes_max(const RowContext& context, const RecordView& record);

// A row in three: `head`, the record's value or its base64, `tail`. For a row that is written in pieces. The
// JSON of an Avro value that was decoded stands in the head, and `value` is empty. Not of a record that waits
// for its schema (CHECK).
struct EnvelopeParts {
  std::string head;
  std::string_view tail;
  Bytes value;
  bool as_base64 = false;
  bool undecoded = false;  // as Framed::undecoded counts them
};
EnvelopeParts envelope_parts(const RowContext& context, const RecordView& record);

// The headers of a record as the field `headers` has them, and the most that they may take.
char* write_headers_json(const RecordView& record, char* to);
std::size_t headers_json_bytes_max(const RecordView& record);

}  // namespace penstock::format
