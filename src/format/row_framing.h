// What the framers of envelopes and of capture-avro have in common: every record is a row, and a row that has
// no room, or waits for its schema, ends the span. Inside.
#pragma once

#include <cstddef>
#include <span>

#include "base/record_view.h"
#include "base/types.h"
#include "format/record_format.h"

namespace penstock::format {

// `writer.write(record, room, framed)` returns the row's end, or null: it cannot be written now. It is given
// `writer.bytes_needed(record)` at least.
template <class Writer>
Framed frame_rows(Writer& writer, std::span<const RecordView> records, MutableBytes room) {
  Framed framed;
  for (const RecordView& record : records) {
    const MutableBytes free = room.subspan(framed.bytes);
    if (writer.bytes_needed(record) > free.size()) {
      break;
    }
    const char* const end = writer.write(record, free, framed);
    if (end == nullptr) {
      break;
    }
    framed.bytes = static_cast<std::size_t>(end - reinterpret_cast<const char*>(room.data()));
    framed.value_bytes += record.value.size();
    framed.undated += tells_time(record.timestamp_ms) ? 0 : 1;
    framed.oldest_timestamp_ms = older(framed.oldest_timestamp_ms, record.timestamp_ms);
    ++framed.records;
  }
  framed.rows = framed.records;
  return framed;
}

}  // namespace penstock::format
