#include "codec/decimal.h"

#include <algorithm>
#include <charconv>

namespace penstock::codec {
namespace {

__extension__ using Int128 = __int128;
__extension__ using Unsigned128 = unsigned __int128;

constexpr std::size_t k_decimal_bytes = 16;

Unsigned128 power_of_ten(std::uint32_t exponent) {
  Unsigned128 power = 1;
  for (std::uint32_t i = 0; i < exponent; ++i) {
    power *= 10;
  }
  return power;
}

DecimalBytes bytes_of(Unsigned128 bits) {
  DecimalBytes bytes{};
  for (std::size_t i = k_decimal_bytes; i > 0; --i, bits >>= 8) {
    bytes[i - 1] = static_cast<std::byte>(bits);
  }
  return bytes;
}

// An exponent that any number of ours could need.
constexpr int k_exponent_max = 1000;

}  // namespace

std::optional<DecimalBytes> decimal_of(Bytes number, std::uint32_t precision) {
  const bool negative = !number.empty() && (number.front() & std::byte{0x80}) != std::byte{};
  const std::byte sign{negative ? std::uint8_t{0xff} : std::uint8_t{0}};
  while (number.size() > k_decimal_bytes && number.front() == sign) {
    number = number.subspan(1);
  }
  if (number.size() > k_decimal_bytes) {
    return std::nullopt;
  }
  Unsigned128 bits = negative ? ~Unsigned128{0} : 0;
  for (const std::byte byte : number) {
    bits = bits << 8 | std::to_integer<unsigned>(byte);
  }
  // Of more than 16 bytes the highest of those left may now say another sign.
  if ((static_cast<Int128>(bits) < 0) != negative) {
    return std::nullopt;
  }
  const Unsigned128 absolute = negative ? ~bits + 1 : bits;
  return absolute < power_of_ten(precision) ? std::optional(bytes_of(bits)) : std::nullopt;
}

std::optional<DecimalBytes> decimal_of_text(std::string_view number, std::uint32_t precision,
                                            std::uint32_t scale) {
  const bool negative = number.starts_with('-');
  number.remove_prefix(negative ? 1 : 0);
  int exponent = 0;
  if (const std::size_t at = number.find_first_of("eE"); at != std::string_view::npos) {
    std::string_view written = number.substr(at + 1);
    written.remove_prefix(written.starts_with('+') ? 1 : 0);
    const auto read = std::from_chars(written.data(), written.data() + written.size(), exponent);
    if (read.ec != std::errc{} || exponent > k_exponent_max || exponent < -k_exponent_max) {
      return std::nullopt;
    }
    number = number.substr(0, at);
  }
  // The number is its digits up to the last that is not 0, times a power of ten.
  const std::size_t last = number.find_last_of("123456789");
  if (last == std::string_view::npos) {
    return DecimalBytes{};
  }
  const std::size_t point = std::min(number.find('.'), number.size());
  const auto behind = static_cast<std::int64_t>(last) - static_cast<std::int64_t>(point);
  std::int64_t power = exponent + std::int64_t{scale} - behind - (behind < 0 ? 1 : 0);
  const Unsigned128 limit = power_of_ten(precision) / 10;
  Unsigned128 absolute = 0;
  for (std::size_t i = 0; i <= last; ++i) {
    if (absolute >= limit) {
      return std::nullopt;
    }
    absolute = i == point ? absolute : absolute * 10 + static_cast<unsigned>(number[i] - '0');
  }
  for (; power > 0; --power) {
    if (absolute >= limit) {
      return std::nullopt;
    }
    absolute *= 10;
  }
  if (power < 0) {
    return std::nullopt;
  }
  return bytes_of(negative ? ~absolute + 1 : absolute);
}

}  // namespace penstock::codec
