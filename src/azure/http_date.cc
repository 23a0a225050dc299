#include "azure/http_date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace penstock::azure {

namespace {

constexpr std::array<std::string_view, 7> k_days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> k_months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
// Years that the nanoseconds of WallTime can hold, and that a server's clock can show.
constexpr int k_year_min = 1970;
constexpr int k_year_max = 2200;
// Where each field stands in "Sun, 06 Nov 1994 08:49:37 GMT".
constexpr std::string_view k_pattern = "www, dd mmm yyyy hh:mm:ss GMT";

// Digits and nothing else.
std::optional<int> number_at(std::string_view text, std::size_t at, std::size_t digits) {
  int number = 0;
  for (const char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    number = number * 10 + (c - '0');
  }
  return number;
}

std::optional<unsigned> month_at(std::string_view text, std::size_t at) {
  for (unsigned month = 0; month < k_months.size(); ++month) {
    if (text.substr(at, 3) == k_months[month]) {
      return month + 1;
    }
  }
  return std::nullopt;
}

bool has_the_form(std::string_view text) {
  if (text.size() != k_pattern.size() || !text.ends_with(" GMT")) {
    return false;
  }
  for (const std::size_t at : {3U, 4U, 7U, 11U, 16U, 19U, 22U}) {
    if (text[at] != k_pattern[at]) {
      return false;
    }
  }
  return std::find(k_days.begin(), k_days.end(), text.substr(0, 3)) != k_days.end();
}

}  // namespace

std::string format_http_date(WallTime time) {
  using namespace std::chrono;
  const auto seconds_since_epoch = floor<seconds>(time);
  const auto day = floor<days>(seconds_since_epoch);
  const year_month_day date{day};
  const hh_mm_ss<seconds> clock{seconds_since_epoch - day};
  std::array<char, 64> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                    k_days[weekday{day}.c_encoding()].data(), static_cast<unsigned>(date.day()),
                    k_months[static_cast<unsigned>(date.month()) - 1].data(), static_cast<int>(date.year()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  using namespace std::chrono;
  if (!has_the_form(text)) {
    return std::nullopt;
  }
  const auto day = number_at(text, 5, 2);
  const auto month = month_at(text, 8);
  const auto year_number = number_at(text, 12, 4);
  const auto hour = number_at(text, 17, 2);
  const auto minute = number_at(text, 20, 2);
  const auto second = number_at(text, 23, 2);
  if (!day || !month || !year_number || !hour || !minute || !second) {
    return std::nullopt;
  }
  const year_month_day date{year{*year_number}, std::chrono::month{*month},
                            std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok() || *year_number < k_year_min || *year_number > k_year_max || *hour > 23 || *minute > 59 ||
      *second > 60) {
    return std::nullopt;
  }
  return sys_days{date} + hours{*hour} + minutes{*minute} + seconds{*second};
}

}  // namespace penstock::azure
