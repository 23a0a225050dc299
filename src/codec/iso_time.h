// Dates and times of ISO 8601 as RFC 3339 has them, and nothing of what it leaves open. Exact or not at all.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::codec {

// "2026-11-29": days since 1970.
std::optional<std::int64_t> days_of(std::string_view date);

enum class Zone : std::uint8_t {
  required,  // "Z", "+01:00": the moment in UTC
  none,      // of a time of no zone
};

// "2026-11-29T19:29:33.123Z": microseconds since 1970. A space may stand for the T. What is below a
// microsecond must be 0. There are no leap seconds.
std::optional<std::int64_t> micros_of(std::string_view text, Zone zone);

}  // namespace penstock::codec
