// How it works
//
// Each part is taken from the front of the text, and has its own limits. For example
// "2026-11-29T19:29:33.5+01:30":
//
// 1. The date is day 20,786 since 1970, counted in eras of 400 years (days_from_civil).
// 2. The time of the day is second 70,173, and the fraction 500,000 microseconds.
// 3. The zone is 5,400 seconds east, which are taken off: 17:59:33.5 in UTC.
// 4. Nothing is left, so it is a time.
#include "codec/iso_time.h"

#include <cstddef>

namespace penstock::codec {
namespace {

// Takes exactly `width` digits. -1: there are others.
template <std::size_t width>
int take_digits(std::string_view& text) {
  if (text.size() < width) {
    return -1;
  }
  int value = 0;
  bool are_digits = true;
  for (std::size_t i = 0; i < width; ++i) {
    const int digit = text[i] - '0';
    are_digits = are_digits && digit >= 0 && digit <= 9;
    value = value * 10 + digit;
  }
  text.remove_prefix(width);
  return are_digits ? value : -1;
}

bool take_sign(std::string_view& text, char sign) {
  if (!text.starts_with(sign)) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

int days_in_month(int year, int month) {
  constexpr int k_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return k_days[month - 1] + (month == 2 && leap ? 1 : 0);
}

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
std::int64_t days_from_civil(int year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const int era = (year >= 0 ? year : year - 399) / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return std::int64_t{era} * 146'097 + day_of_era - 719'468;
}

std::optional<std::int64_t> take_date(std::string_view& text) {
  const int year = take_digits<4>(text);
  if (year < 0 || !take_sign(text, '-')) {
    return std::nullopt;
  }
  const int month = take_digits<2>(text);
  if (month < 1 || month > 12 || !take_sign(text, '-')) {
    return std::nullopt;
  }
  const int day = take_digits<2>(text);
  if (day < 1 || day > days_in_month(year, month)) {
    return std::nullopt;
  }
  return days_from_civil(year, month, day);
}

// Seconds of a day.
std::optional<std::int64_t> take_time_of_day(std::string_view& text) {
  const int hour = take_digits<2>(text);
  if (hour < 0 || hour > 23 || !take_sign(text, ':')) {
    return std::nullopt;
  }
  const int minute = take_digits<2>(text);
  if (minute < 0 || minute > 59 || !take_sign(text, ':')) {
    return std::nullopt;
  }
  const int second = take_digits<2>(text);
  if (second < 0 || second > 59) {
    return std::nullopt;
  }
  return hour * 3600 + minute * 60 + second;
}

std::optional<std::int64_t> take_fraction(std::string_view& text) {
  if (!take_sign(text, '.')) {
    return 0;
  }
  std::int64_t micros = 0;
  std::size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), ++digits) {
    if (digits < 6) {
      micros = micros * 10 + (text.front() - '0');
    } else if (text.front() != '0') {
      return std::nullopt;
    }
  }
  if (digits == 0) {
    return std::nullopt;
  }
  for (; digits < 6; ++digits) {
    micros *= 10;
  }
  return micros;
}

// Seconds east of UTC.
std::optional<std::int64_t> take_zone(std::string_view& text) {
  if (take_sign(text, 'Z') || take_sign(text, 'z')) {
    return 0;
  }
  const bool west = take_sign(text, '-');
  if (!west && !take_sign(text, '+')) {
    return std::nullopt;
  }
  const int hour = take_digits<2>(text);
  if (hour < 0 || hour > 23 || !take_sign(text, ':')) {
    return std::nullopt;
  }
  const int minute = take_digits<2>(text);
  if (minute < 0 || minute > 59) {
    return std::nullopt;
  }
  return (west ? -1 : 1) * (hour * 3600 + minute * 60);
}

}  // namespace

std::optional<std::int64_t> days_of(std::string_view date) {
  const std::optional<std::int64_t> days = take_date(date);
  return date.empty() ? days : std::nullopt;
}

std::optional<std::int64_t> micros_of(std::string_view text, Zone zone) {
  const std::optional<std::int64_t> days = take_date(text);
  if (!days || !(take_sign(text, 'T') || take_sign(text, 't') || take_sign(text, ' '))) {
    return std::nullopt;
  }
  const std::optional<std::int64_t> seconds = take_time_of_day(text);
  if (!seconds) {
    return std::nullopt;
  }
  const std::optional<std::int64_t> micros = take_fraction(text);
  if (!micros) {
    return std::nullopt;
  }
  const std::optional<std::int64_t> east =
      zone == Zone::none ? std::optional<std::int64_t>(0) : take_zone(text);
  if (!east || !text.empty()) {
    return std::nullopt;
  }
  return (*days * 86'400 + *seconds - *east) * 1'000'000 + *micros;
}

}  // namespace penstock::codec
