// A record as it lies in somebody else's buffer. Whoever hands one over says how long it stays valid.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/types.h"

namespace penstock {

struct HeaderView {
  std::string_view key;
  Bytes value;
  bool null_value = false;
};

// Whether a source fills in RecordView::headers: it costs a walk over each record's end.
enum class RecordHeaders : std::uint8_t { skipped, wanted };

struct RecordView {
  Offset offset;
  std::int64_t timestamp_ms = -1;  // of the record or its append; -1 unknown
  Bytes key;
  Bytes value;
  std::span<const HeaderView> headers;  // empty unless the source was asked for them
  bool null_key = true;
  bool null_value = true;
};

}  // namespace penstock
