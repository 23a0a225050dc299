// Percent-encoding of RFC 3986.
#pragma once

#include <string>
#include <string_view>

namespace penstock {

// Every byte but the unreserved ones, and but `kept`, as "%XX".
std::string percent_encode(std::string_view text, std::string_view kept = "");

}  // namespace penstock
