// A text as a string of JSON: for the log, `--json` and `--summary`.
#pragma once

#include <string>
#include <string_view>

namespace penstock {

// With its quotes. One line of valid JSON and UTF-8 whatever the bytes: those that are not UTF-8 are written
// as \\xNN, so that they stay visible.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

}  // namespace penstock
