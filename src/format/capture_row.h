// The framer of capture-avro: a record as a datum of the schema of Event Hubs Capture (capture_file.h). Pure.
//
//   SequenceNumber    long    the record's offset
//   Offset            string  the same in decimal
//   EnqueuedTimeUtc   string  its time, `1/31/2026 4:44:11 PM`, in UTC. One that no .NET DateTime can be
//                             is the nearest of those between 1970 and 9999
//   SystemProperties  map     x-opt-kafka-key (bytes): the key, where there is one
//                             x-opt-enqueued-time (long): its time in milliseconds, where there is one
//                             x-opt-decode-error (string): why the value was to be decoded, and is not
//   Properties        map     the headers. Of those that have one name the last stands there. Values are
//                             bytes, or null; those of an event that came over AMQP are what they were
//                             (amqp_value.h)
//   Body              bytes   the value; null: there is none
//
// Where values are Avro and are to be decoded, Body is the JSON of codec/avro_json.h. A value that is not of
// its schema, or too large as JSON, is in Body as it came. Where its id names a JSON Schema, Body is what
// stands behind the id, if that is one JSON value.
//
// Names of headers that are not UTF-8 have '?' for every byte that is no ASCII: a reader of Avro refuses a
// whole file for them. Every record has a row, and no byte of a value that is not decoded is changed.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/record_view.h"
#include "base/types.h"
#include "format/record_format.h"

namespace penstock::format {

// frame() for RowFormat::capture.
Framed frame_capture(const RowContext& context, std::span<const RecordView> records, MutableBytes room);

// row_bytes_max() for RowFormat::capture.
std::size_t capture_bytes_max(const RowContext& context, const RecordView& record);

// A row that is written in pieces: `head`, with the JSON of an Avro value that was decoded, and `value`, its
// end.
// Not of a record that waits for its schema (CHECK).
struct CaptureParts {
  std::string head;
  Bytes value;
  std::size_t repeated = 0;  // headers that are left out
  bool undecoded = false;    // as Framed::undecoded counts them
};
CaptureParts capture_parts(const RowContext& context, const RecordView& record);

}  // namespace penstock::format
