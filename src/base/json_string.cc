#include "base/json_string.h"

#include <cstddef>

#include "base/hex.h"
#include "base/utf8.h"

namespace penstock {

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const std::string_view first = text.substr(0, 1);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 0) {
      out += "\\\\x" + to_hex(as_bytes(first));
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00" + to_hex(as_bytes(first));
    } else {
      if (byte == '"' || byte == '\\') {
        out += '\\';
      }
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace penstock
