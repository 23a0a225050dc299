// A text as a string of JSON: for the log, `--json`, `--summary`, and the rows of an envelope.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock {

// With its quotes. One line of valid JSON and UTF-8 whatever the bytes: those that are not UTF-8 are written
// as \\xNN, so that they stay visible.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

// The most that a text of so many bytes becomes.
constexpr std::size_t json_string_bytes_max(std::size_t text_bytes) {
  return 2 + 6 * text_bytes;
}

// The same, written to `to`, where so many bytes are free. Returns the end of what it wrote.
char* write_json_string(char* to, std::string_view text);

}  // namespace penstock
