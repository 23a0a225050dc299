// Which bytes are text.
#pragma once

#include <cstddef>
#include <string_view>

namespace penstock {

// The bytes of the well-formed UTF-8 sequence at the front of `text` (Unicode 15, table 3-7), or 0: no
// overlong forms, no surrogates, nothing above U+10FFFF. `text` is not empty.
inline std::size_t utf8_sequence(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (at(i) & 0xC0U) == 0x80; };
  const unsigned lead = at(0);
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xC2 || lead > 0xF4 || !continues(1)) {
    return 0;
  }
  if (lead < 0xE0) {
    return 2;
  }
  const unsigned second = at(1);
  if (lead < 0xF0) {
    const bool in_range = (lead != 0xE0 || second >= 0xA0) && (lead != 0xED || second < 0xA0);
    return in_range && continues(2) ? 3 : 0;
  }
  const bool in_range = (lead != 0xF0 || second >= 0x90) && (lead != 0xF4 || second < 0x90);
  return in_range && continues(2) && continues(3) ? 4 : 0;
}

}  // namespace penstock
