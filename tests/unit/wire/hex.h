// Bytes from how people write them.
#pragma once

#include <string>
#include <string_view>

#include "base/types.h"
#include "wire/byte_writer.h"

namespace penstock::wire {

inline Buffer from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Buffer bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

inline std::string to_hex(Bytes bytes) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string hex;
  for (const std::byte byte : bytes) {
    hex += k_digits[std::to_integer<unsigned>(byte) >> 4];
    hex += k_digits[std::to_integer<unsigned>(byte) & 15];
  }
  return hex;
}

}  // namespace penstock::wire
