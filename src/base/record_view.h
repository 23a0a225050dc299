// A record as it lies in somebody else's buffer. Whoever hands one over says how long it stays valid.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/types.h"

namespace penstock {

// A record time before this one, 2000-01-01T00:00:00Z, tells nothing: there was no Kafka. It comes from a
// producer without a clock, or from one that writes seconds for milliseconds.
inline constexpr std::int64_t k_record_time_min_ms = 946'684'800'000;

// One header of a record. Keys may repeat.
struct HeaderView {
  std::string_view key;
  Bytes value;
  bool null_value = false;
};

// Whether a source fills in RecordView::headers: it costs a walk over each record's end.
enum class RecordHeaders : std::uint8_t { skipped, wanted };

// Whether the time of a record (RecordView::timestamp_ms) can be one.
constexpr bool tells_time(std::int64_t timestamp_ms) {
  return timestamp_ms >= k_record_time_min_ms;
}

// What the time of a record is. unknown: the source does not tell, or there is none.
enum class TimestampType : std::uint8_t { unknown, created, appended };

struct RecordView {
  Offset offset;

  // Milliseconds since the epoch: when the record was made or appended, as its topic says. -1: not known.
  std::int64_t timestamp_ms = -1;
  Bytes key;
  Bytes value;

  // Empty unless the source was asked for them.
  std::span<const HeaderView> headers;

  // Kafka tells a key or value that is null from one that is empty.
  bool null_key = true;
  bool null_value = true;

  TimestampType timestamp_type = TimestampType::unknown;
};

}  // namespace penstock
