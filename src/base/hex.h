// Bytes as text: two lower-case hex digits each.
#pragma once

#include <string>
#include <string_view>

#include "base/types.h"

namespace penstock {

inline std::string to_hex(Bytes bytes) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += k_digits[std::to_integer<unsigned>(byte >> 4)];
    text += k_digits[std::to_integer<unsigned>(byte & std::byte{15})];
  }
  return text;
}

}  // namespace penstock
