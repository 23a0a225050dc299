// The stretches of a text that JSON writes as they stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace penstock {

// A byte that a string of JSON may hold as it is, whatever stands around it: printable ASCII, without quotes
// and back slashes.
constexpr bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

// How many such bytes are at the front. Eight at a time: of each byte the highest bit is set where it is
// below 0x20, 0x7F, a quote, a back slash, or not ASCII.
inline std::size_t plain_run(std::string_view text) {
  constexpr std::uint64_t k_ones = 0x0101010101010101;
  constexpr std::uint64_t k_highest = 0x80 * k_ones;
  // The highest bit of each byte that is zero. A byte above one that is zero may be taken for zero too.
  const auto zeros = [](std::uint64_t word) { return (word - k_ones) & ~word; };
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t below = (word - 0x20 * k_ones) & ~word;
    const std::uint64_t other =
        zeros(word ^ '"' * k_ones) | zeros(word ^ '\\' * k_ones) | zeros(word ^ 0x7F * k_ones);
    if (((word | below | other) & k_highest) != 0) {
      break;
    }
  }
  while (at < text.size() && is_plain(static_cast<unsigned char>(text[at]))) {
    ++at;
  }
  return at;
}

}  // namespace penstock
