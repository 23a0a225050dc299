#include "azure/sas_times.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>

#include "azure/query_parameter.h"
#include "base/trimmed.h"

namespace penstock::azure {
namespace {

std::optional<int> number(std::string_view text, std::size_t at, std::size_t digits) {
  int value = 0;
  if (text.size() < at + digits) {
    return std::nullopt;
  }
  const char* begin = text.data() + at;
  const auto [end, fault] = std::from_chars(begin, begin + digits, value);
  return fault == std::errc{} && end == begin + digits ? std::optional(value) : std::nullopt;
}

// "2026-01-31", "2026-01-31T10:00Z" or "2026-01-31T10:00:00Z", with ':' as "%3A" too. Fractions are left out.
std::optional<WallTime> time_of(std::string_view field) {
  std::string text(field);
  for (std::size_t at = text.find("%3"); at != std::string::npos; at = text.find("%3", at)) {
    text.replace(at, 3, ":");
  }
  const auto year = number(text, 0, 4);
  const auto month = number(text, 5, 2);
  const auto day = number(text, 8, 2);
  if (!year || !month || !day) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) {
    return std::nullopt;
  }
  return WallTime{std::chrono::sys_days(date)} + std::chrono::hours(number(text, 11, 2).value_or(0)) +
         std::chrono::minutes(number(text, 14, 2).value_or(0)) +
         std::chrono::seconds(number(text, 17, 2).value_or(0));
}

}  // namespace

SasTimes sas_times(std::string_view token) {
  std::string_view query = trimmed(token);
  query.remove_prefix(query.starts_with('?') ? 1 : 0);
  SasTimes times{.begins = time_of(query_parameter(query, "st")),
                 .ends = time_of(query_parameter(query, "se"))};
  if (const auto key_begins = time_of(query_parameter(query, "skt"))) {
    times.begins = times.begins ? std::max(*times.begins, *key_begins) : *key_begins;
  }
  if (const auto key_ends = time_of(query_parameter(query, "ske"))) {
    times.ends = times.ends ? std::min(*times.ends, *key_ends) : *key_ends;
  }
  return times;
}

std::optional<WallTime> event_hubs_sas_end(std::string_view signature) {
  constexpr std::string_view k_scheme = "SharedAccessSignature ";
  std::string_view query = trimmed(signature);
  query.remove_prefix(query.starts_with(k_scheme) ? k_scheme.size() : 0);
  const std::string_view written = query_parameter(query, "se");
  constexpr std::int64_t k_seconds_max = 9'000'000'000;  // within what a WallTime holds
  std::int64_t seconds = 0;
  const auto [end, fault] = std::from_chars(written.data(), written.data() + written.size(), seconds);
  if (written.empty() || fault != std::errc{} || end != written.data() + written.size() || seconds < 0 ||
      seconds > k_seconds_max) {
    return std::nullopt;
  }
  return WallTime{std::chrono::seconds{seconds}};
}

}  // namespace penstock::azure
