#include "base/json_string.h"

#include <cstddef>
#include <cstring>

#include "base/plain_run.h"
#include "base/utf8.h"

namespace penstock {
namespace {

char* put(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

char* put_hex(char* to, unsigned char byte) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  *to++ = k_digits[byte >> 4];
  *to++ = k_digits[byte & 15];
  return to;
}

}  // namespace

char* write_json_string(char* to, std::string_view text) {
  *to++ = '"';
  while (true) {
    const std::size_t plain = plain_run(text);
    if (plain > 0) {
      to = put(to, text.substr(0, plain));
      text.remove_prefix(plain);
    }
    if (text.empty()) {
      break;
    }
    const std::size_t length = utf8_sequence(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 0) {
      to = put_hex(put(to, "\\\\x"), byte);
    } else if (byte == '\n') {
      to = put(to, "\\n");
    } else if (byte < 0x20 || byte == 0x7F) {
      to = put_hex(put(to, "\\u00"), byte);
    } else {
      if (byte == '"' || byte == '\\') {
        *to++ = '\\';
      }
      to = put(to, text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  *to++ = '"';
  return to;
}

void append_json_string(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  out.resize(before + json_string_bytes_max(text.size()));
  const char* const end = write_json_string(out.data() + before, text);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace penstock
