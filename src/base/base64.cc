#include "base/base64.h"

#include <array>
#include <cstdint>

#include "base/concat.h"

namespace penstock {

namespace {

constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t k_not_base64 = 0xff;

constexpr std::array<std::uint8_t, 256> make_sextets() {
  std::array<std::uint8_t, 256> sextets{};
  sextets.fill(k_not_base64);
  for (std::size_t i = 0; i < k_alphabet.size(); ++i) {
    sextets[static_cast<unsigned char>(k_alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return sextets;
}
constexpr std::array<std::uint8_t, 256> k_sextets = make_sextets();

Error not_base64(std::string why) {
  return make_error(ErrorKind::invalid_input, Action::fatal, concat("not base64: ", why));
}

std::size_t padding_of(std::string_view text) {
  if (text.ends_with("==")) {
    return 2;
  }
  return text.ends_with('=') ? 1 : 0;
}

}  // namespace

char* base64_write(Bytes bytes, char* to) {
  const std::size_t whole = bytes.size() / 3 * 3;
  const auto at = [&bytes](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
  for (std::size_t i = 0; i < whole; i += 3) {
    const std::uint32_t bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    *to++ = k_alphabet[bits >> 18];
    *to++ = k_alphabet[bits >> 12 & 63];
    *to++ = k_alphabet[bits >> 6 & 63];
    *to++ = k_alphabet[bits & 63];
  }
  if (const std::size_t left = bytes.size() - whole; left > 0) {
    const std::uint32_t bits = at(whole) << 16 | (left == 2 ? at(whole + 1) << 8 : 0);
    *to++ = k_alphabet[bits >> 18];
    *to++ = k_alphabet[bits >> 12 & 63];
    *to++ = left == 2 ? k_alphabet[bits >> 6 & 63] : '=';
    *to++ = '=';
  }
  return to;
}

std::string base64_encode(Bytes bytes) {
  std::string text(base64_size(bytes.size()), '\0');
  base64_write(bytes, text.data());
  return text;
}

Result<std::vector<std::byte>> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) {
    return not_base64(concat("its ", text.size(), " characters are no multiple of 4"));
  }
  const std::size_t padding = padding_of(text);
  const std::string_view digits = text.substr(0, text.size() - padding);
  std::vector<std::byte> bytes;
  bytes.reserve(digits.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  for (std::size_t at = 0; at < digits.size(); ++at) {
    const std::uint8_t sextet = k_sextets[static_cast<unsigned char>(digits[at])];
    if (sextet == k_not_base64) {
      return not_base64(concat("character ", at + 1, " is not of its alphabet"));
    }
    bits = (bits << 6 | sextet) & 0xffffff;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      bytes.push_back(static_cast<std::byte>(bits >> bit_count & 0xff));
    }
  }
  if ((bits & ((1U << bit_count) - 1)) != 0) {
    return not_base64("its last character has bits that no byte takes");
  }
  return bytes;
}

}  // namespace penstock
