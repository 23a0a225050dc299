// Logical types of Avro as text, exactly: nothing is rounded, cut off or moved to another zone. Pure.
//
// What each writes has no character that JSON escapes, and needs at most k_avro_text_bytes_max. They return
// the end of what they wrote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/types.h"

namespace penstock::codec {

// A decimal has the most: its digits, a sign, a point, and a zero before it.
inline constexpr std::size_t k_avro_text_bytes_max = 192;

// The longest number of a decimal, in bytes, without those that only repeat its sign. 63 bytes have 152
// digits.
inline constexpr std::size_t k_avro_decimal_bytes_max = 63;

// "2026-11-29". Years have four digits from 0000 to 9999. Others have a sign and six digits or more, as
// ISO 8601 writes them: "+012026-11-29".
char* write_avro_date(std::int64_t days, char* to);

// "19:29:33.123" of a time of the day; none if it is outside of a day. `digits` behind the second: 3 if the
// count is of milliseconds, 6 of microseconds, 9 of nanoseconds.
std::optional<char*> write_avro_time(std::int64_t count, unsigned digits, char* to);

// "2026-11-29T19:29:33.123" of a count since 1970.
char* write_avro_timestamp(std::int64_t count, unsigned digits, char* to);

// "-12.50": a number in two's complement, highest byte first. None: it is too long.
std::optional<char*> write_avro_decimal(Bytes number, std::uint32_t scale, char* to);

// "3fa85f64-5717-4562-b3fc-2c963f66afa6" of 16 bytes.
char* write_avro_uuid(Bytes uuid, char* to);

// "P1M2DT3.004S" of 12 bytes: months, days and milliseconds, lowest byte first.
char* write_avro_duration(Bytes duration, char* to);

}  // namespace penstock::codec
