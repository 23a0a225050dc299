// The date of HTTP (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". By hand, because strftime and strptime
// follow the locale. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace penstock::azure {

std::string format_http_date(WallTime time);

// Only the fixed-length form above, with digits for numbers; nothing for any other text. The name of the
// day is one, and is not held against the date.
std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace penstock::azure
