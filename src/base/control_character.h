// Which texts cannot be part of a name that a store holds.
#pragma once

#include <string_view>

namespace penstock {

// Whether UTF-8 text holds one of U+0000 to U+001F or U+007F to U+009F. Azure takes none of them in a name,
// and in a listing they confuse people.
inline bool has_control_character(std::string_view text) {
  unsigned char before = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (before == 0xC2 && byte >= 0x80 && byte < 0xA0)) {
      return true;
    }
    before = byte;
  }
  return false;
}

}  // namespace penstock
