// Writes small JSON objects for programs: `--json` and `--summary`.
#pragma once

#include <string>
#include <string_view>

namespace penstock::app {

// With its quotes; valid JSON whatever the bytes (those that are not UTF-8 become U+FFFD).
std::string json_string(std::string_view text);

}  // namespace penstock::app
