// How it works
//
// A day becomes a date by counting in eras of 400 years, which have 146,097 days each, and in years that
// begin in March, so that a leap day is the last of its year (Howard Hinnant, "chrono-Compatible Low-Level
// Date Algorithms", civil_from_days). It holds for every day that a long can count in milliseconds.
//
// A decimal is a number of many bytes. Its absolute value is held in words of 32 bits, highest first. It is
// divided by 1,000,000,000 until nothing is left, and each remainder gives nine digits, lowest first. For
// example, the bytes ff 38 with the scale 2:
//
// 1. The highest bit is set, so the number is negative: -(0x10000 - 0xff38) = -200.
// 2. The digits are "200". The scale puts the point before the last two of them.
// 3. "-2.00". With the scale 4 zeros would be put in front: "-0.0200".
#include "codec/avro_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

namespace penstock::codec {
namespace {

constexpr std::int64_t k_seconds_of_day = 86'400;

std::int64_t units_of_second(unsigned digits) {
  std::int64_t units = 1;
  for (unsigned i = 0; i < digits; ++i) {
    units *= 10;
  }
  return units;
}

// Rounded down, whatever the sign.
std::int64_t divided_down(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

// Exactly `Width` digits, which `value` must not exceed.
template <int Width>
char* put_exactly(std::uint64_t value, char* to) {
  for (int i = Width; i > 0; --i, value /= 10) {
    to[i - 1] = static_cast<char>('0' + value % 10);
  }
  return to + Width;
}

// With zeros in front, up to `width` digits or more.
char* put_digits(std::uint64_t value, std::size_t width, char* to) {
  std::array<char, 20> digits{};
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const auto count = static_cast<std::size_t>(end - digits.data());
  for (std::size_t i = count; i < width; ++i) {
    *to++ = '0';
  }
  std::memcpy(to, digits.data(), count);
  return to + count;
}

char* put_year(std::int64_t year, char* to) {
  constexpr std::int64_t k_plain_year_max = 9999;
  if (year >= 0 && year <= k_plain_year_max) {
    return put_exactly<4>(static_cast<std::uint64_t>(year), to);
  }
  *to++ = year < 0 ? '-' : '+';
  return put_digits(static_cast<std::uint64_t>(year < 0 ? -year : year), 6, to);
}

// `count` is within a day.
char* put_time(std::int64_t count, unsigned digits, char* to) {
  const std::int64_t units = units_of_second(digits);
  const auto second = static_cast<std::uint64_t>(count / units);
  to = put_exactly<2>(second / 3600, to);
  *to++ = ':';
  to = put_exactly<2>(second / 60 % 60, to);
  *to++ = ':';
  to = put_exactly<2>(second % 60, to);
  *to++ = '.';
  return put_digits(static_cast<std::uint64_t>(count % units), digits, to);
}

// The absolute value of a number in two's complement, in words.
using Words = std::array<std::uint32_t, (k_avro_decimal_bytes_max + 1) / 4>;

Words absolute_of(Bytes number, bool negative) {
  Words words{};
  std::uint32_t carry = negative ? 1 : 0;
  for (std::size_t i = 0; i < number.size(); ++i) {
    auto byte = std::to_integer<std::uint32_t>(number[number.size() - 1 - i]);
    if (negative) {
      byte = (~byte & 0xffU) + carry;
      carry = byte >> 8;
    }
    words[words.size() - 1 - i / 4] |= (byte & 0xffU) << (i % 4 * 8);
  }
  return words;
}

// The remainder.
std::uint32_t divide(Words& words, std::uint32_t by) {
  std::uint64_t rest = 0;
  for (std::uint32_t& word : words) {
    const std::uint64_t value = rest << 32 | word;
    word = static_cast<std::uint32_t>(value / by);
    rest = value % by;
  }
  return static_cast<std::uint32_t>(rest);
}

bool is_zero(const Words& words) {
  return std::all_of(words.begin(), words.end(), [](std::uint32_t word) { return word == 0; });
}

std::uint32_t little_endian(Bytes four) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value |= std::to_integer<std::uint32_t>(four[i]) << (8 * i);
  }
  return value;
}

}  // namespace

char* write_avro_date(std::int64_t days, char* to) {
  constexpr std::int64_t k_era_days = 146'097;
  const std::int64_t shifted = days + 719'468;  // since the first of March of the year 0
  const std::int64_t era = divided_down(shifted, k_era_days);
  const std::int64_t day_of_era = shifted - era * k_era_days;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const std::int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  to = put_year(year_of_era + era * 400 + (month <= 2 ? 1 : 0), to);
  *to++ = '-';
  to = put_exactly<2>(static_cast<std::uint64_t>(month), to);
  *to++ = '-';
  return put_exactly<2>(static_cast<std::uint64_t>(day), to);
}

std::optional<char*> write_avro_time(std::int64_t count, unsigned digits, char* to) {
  if (count < 0 || count >= k_seconds_of_day * units_of_second(digits)) {
    return std::nullopt;
  }
  return put_time(count, digits, to);
}

char* write_avro_timestamp(std::int64_t count, unsigned digits, char* to) {
  const std::int64_t units_of_day = k_seconds_of_day * units_of_second(digits);
  const std::int64_t day = divided_down(count, units_of_day);
  to = write_avro_date(day, to);
  *to++ = 'T';
  const std::int64_t rest = count % units_of_day;
  return put_time(rest < 0 ? rest + units_of_day : rest, digits, to);
}

std::optional<char*> write_avro_decimal(Bytes number, std::uint32_t scale, char* to) {
  const bool negative = !number.empty() && (number.front() & std::byte{0x80}) != std::byte{};
  const std::byte sign{negative ? std::uint8_t{0xff} : std::uint8_t{0}};
  while (number.size() > 1 && number[0] == sign && ((number[1] ^ sign) & std::byte{0x80}) == std::byte{}) {
    number = number.subspan(1);
  }
  if (number.size() > k_avro_decimal_bytes_max) {
    return std::nullopt;
  }
  Words words = absolute_of(number, negative);
  std::array<char, k_avro_text_bytes_max> digits{};  // lowest first
  std::size_t count = 0;
  while (!is_zero(words)) {
    std::uint32_t nine = divide(words, 1'000'000'000);
    for (int i = 0; i < 9; ++i, nine /= 10) {
      digits[count++] = static_cast<char>('0' + nine % 10);
    }
  }
  while (count > 0 && digits[count - 1] == '0') {
    --count;
  }
  while (count < scale + 1U) {
    digits[count++] = '0';
  }
  if (negative) {
    *to++ = '-';
  }
  for (std::size_t i = count; i > 0; --i) {
    if (i == scale) {
      *to++ = '.';
    }
    *to++ = digits[i - 1];
  }
  return to;
}

char* write_avro_uuid(Bytes uuid, char* to) {
  constexpr std::string_view k_hex = "0123456789abcdef";
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      *to++ = '-';
    }
    *to++ = k_hex[std::to_integer<unsigned>(uuid[i]) >> 4];
    *to++ = k_hex[std::to_integer<unsigned>(uuid[i]) & 15U];
  }
  return to;
}

char* write_avro_duration(Bytes duration, char* to) {
  constexpr std::uint64_t k_ms_of_second = 1000;
  const std::uint64_t milliseconds = little_endian(duration.subspan(8, 4));
  *to++ = 'P';
  to = put_digits(little_endian(duration.first(4)), 1, to);
  *to++ = 'M';
  to = put_digits(little_endian(duration.subspan(4, 4)), 1, to);
  *to++ = 'D';
  *to++ = 'T';
  to = put_digits(milliseconds / k_ms_of_second, 1, to);
  *to++ = '.';
  to = put_digits(milliseconds % k_ms_of_second, 3, to);
  *to++ = 'S';
  return to;
}

}  // namespace penstock::codec
