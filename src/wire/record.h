// One record of a batch, read in place:
//
//   length varint, attributes int8 (unused), timestamp delta varlong, offset delta varint,
//   key length varint (-1: null), key, value length varint (-1: null), value,
//   headers count varint, then for each: key length varint, key, value length varint (-1: null), value
//
// In a header because it is the innermost loop: it is inlined there, and nothing is copied or allocated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/record_view.h"
#include "base/types.h"
#include "wire/byte_reader.h"
#include "wire/record_batch.h"

namespace penstock::wire {

// The fewest bytes of a record: one for each of its seven fields.
constexpr std::size_t k_record_bytes_min = 7;

// What a record takes from its batch.
struct RecordFrame {
  std::int64_t base_offset = 0;
  // Unsigned, because a producer may send deltas whose sum overflows: that must be no undefined behaviour
  // here.
  std::uint64_t base_timestamp = 0;
  // All bits, or none where the time is that of the append: then the record's own delta does not count.
  std::uint64_t timestamp_mask = 0;
  std::int32_t offset_delta_max = 0;
  TimestampType timestamp_type = TimestampType::unknown;

  static RecordFrame of(const RecordBatch& batch) {
    return {.base_offset = batch.base_offset,
            .base_timestamp =
                static_cast<std::uint64_t>(batch.append_time ? batch.max_timestamp : batch.base_timestamp),
            .timestamp_mask = batch.append_time ? 0 : ~std::uint64_t{0},
            .offset_delta_max = static_cast<std::int32_t>(batch.last_offset - batch.base_offset),
            .timestamp_type = batch.append_time ? TimestampType::appended : TimestampType::created};
  }
};

// A length as a varint and so many bytes. -1 is null, other negatives turn `record` bad.
inline Bytes nullable_field(ByteReader& record, bool& null) {
  const std::int32_t length = record.varint();
  null = length == -1;
  if (length < 0) {
    if (!null) {
      record.fail();
    }
    return {};
  }
  return record.bytes(static_cast<std::size_t>(length));
}

// The view of a header takes 40 bytes, the header itself as few as 2. So the views of one record take at most
// 640 KiB, or as many bytes as the headers themselves where those are more.
constexpr std::size_t k_headers_always_taken = 16'384;

constexpr std::int32_t k_malformed_headers = -1;
constexpr std::int32_t k_too_many_headers = -2;

// Appends the headers that `record` stands at. They must end where the record does. Returns their count, or
// one of the two above.
inline std::int32_t read_headers(ByteReader& record, std::vector<HeaderView>& headers) {
  const std::int32_t count = record.varint();
  // A header takes two bytes or more: a count is not believed before they are there.
  if (count < 0 || static_cast<std::size_t>(count) > record.remaining() / 2) {
    return k_malformed_headers;
  }
  if (static_cast<std::size_t>(count) >
      std::max(k_headers_always_taken, record.remaining() / sizeof(HeaderView))) {
    return k_too_many_headers;
  }
  for (std::int32_t i = 0; i < count; ++i) {
    HeaderView header;
    bool null_key = false;
    header.key = as_text(nullable_field(record, null_key));
    header.value = nullable_field(record, header.null_value);
    if (!record.ok() || null_key) {
      return k_malformed_headers;
    }
    headers.push_back(header);
  }
  return record.ok() && record.at_end() ? count : k_malformed_headers;
}

// Reads the record that `batch` stands at and moves behind it. `rest` is left at its headers, which need not
// be read, because the record's length has led past them. False: malformed, or its offset lies outside the
// batch.
inline bool read_record(ByteReader& batch, const RecordFrame& frame, RecordView& out, ByteReader& rest) {
  const std::int32_t length = batch.varint();
  if (length < 0) {
    return false;
  }
  ByteReader record(batch.bytes(static_cast<std::size_t>(length)));
  record.skip(1);
  const auto timestamp_delta = static_cast<std::uint64_t>(record.varlong());
  const std::int32_t offset_delta = record.varint();
  out.key = nullable_field(record, out.null_key);
  out.value = nullable_field(record, out.null_value);
  out.timestamp_ms =
      static_cast<std::int64_t>(frame.base_timestamp + (timestamp_delta & frame.timestamp_mask));
  out.timestamp_type = frame.timestamp_type;
  rest = record;
  // A record cut short, an empty one too, has turned `record` bad.
  if (!record.ok() || offset_delta < 0 || offset_delta > frame.offset_delta_max) {
    return false;
  }
  // Cannot overflow: it is at most the batch's last offset.
  out.offset.value = frame.base_offset + offset_delta;
  return true;
}

}  // namespace penstock::wire
