// How it works. Sizes and durations differ only in their Terms: the units, the largest value, and what a
// number without a unit means. parse() takes a number from the front, then the unit, and multiplies after
// it has held the number against value_max / factor, so nothing overflows.
//
//   "256MiB"    256 x 2^20 bytes            "60s"    60 x 10^9 nanoseconds
//   "1.5GiB"    refused: has a fraction     "60"     a size of 60 bytes; no duration, which must have a unit
//
// format() tries the units from the largest down and takes the first that divides the value, so parse()
// gives the same value back.
#include "base/units.h"

#include <charconv>
#include <limits>
#include <optional>
#include <span>
#include <system_error>

#include "base/concat.h"
#include "base/trimmed.h"

namespace penstock {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest first, as formatting tries them.
constexpr Unit k_size_units[] = {{"TiB", k_tib}, {"GiB", k_gib}, {"MiB", k_mib}, {"KiB", k_kib}, {"B", 1}};
constexpr Unit k_duration_units[] = {
    {"d", 86'400'000'000'000},
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
};

constexpr std::string_view k_size_forms = "write a whole number and B, KiB, MiB, GiB or TiB, such as 256MiB";
constexpr std::string_view k_duration_forms =
    "write a whole number and ms, s, m, h or d, such as 500ms, 60s or 2m";

Error refused(std::string_view what, std::string_view forms) {
  return make_error(ErrorKind::invalid_input, Action::fatal, concat(what, "; ", forms));
}

struct Terms {
  std::string_view noun;  // "a size"
  std::string_view forms;
  std::span<const Unit> units;
  std::uint64_t value_max;
  std::uint64_t factor_without_unit;  // 0: the unit must be written
};

std::optional<std::uint64_t> factor_of(std::string_view unit, const Terms& terms) {
  if (unit.empty()) {
    return terms.factor_without_unit;
  }
  for (const Unit& known : terms.units) {
    if (known.name == unit) {
      return known.factor;
    }
  }
  return std::nullopt;
}

Result<std::uint64_t> parse(std::string_view text, const Terms& terms) {
  text = trimmed(text);
  if (text.empty()) {
    return refused("is empty", terms.forms);
  }
  if (text.front() == '-') {
    return refused("is negative", terms.forms);
  }
  std::uint64_t number = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc::result_out_of_range) {
    return refused("is too large a number", terms.forms);
  }
  if (problem != std::errc{}) {
    return refused(concat("is not ", terms.noun), terms.forms);
  }
  const std::string_view unit = trimmed(text.substr(static_cast<std::size_t>(rest - text.data())));
  if (!unit.empty() && (unit.front() == '.' || unit.front() == ',')) {
    return refused("has a fraction", terms.forms);
  }
  const std::optional<std::uint64_t> factor = factor_of(unit, terms);
  if (!factor) {
    return refused("has an unknown unit", terms.forms);
  }
  if (*factor == 0) {
    return refused("has no unit", terms.forms);
  }
  if (number > terms.value_max / *factor) {
    return refused("is too large a number", terms.forms);
  }
  return number * *factor;
}

std::string format(std::uint64_t value, std::span<const Unit> units, std::string_view zero) {
  if (value == 0) {
    return std::string(zero);
  }
  for (const Unit& unit : units) {
    if (value % unit.factor == 0) {
      return concat(value / unit.factor, unit.name);
    }
  }
  return concat(value);
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse(text, Terms{.noun = "a size",
                           .forms = k_size_forms,
                           .units = k_size_units,
                           .value_max = std::numeric_limits<std::uint64_t>::max(),
                           .factor_without_unit = 1});
}

std::string format_size(std::uint64_t bytes) {
  return format(bytes, k_size_units, "0B");
}

std::string format_size_about(std::uint64_t bytes) {
  for (const Unit& unit : k_size_units) {
    const std::uint64_t whole = bytes / unit.factor;
    if (whole == 0) {
      continue;
    }
    const std::uint64_t tenths = whole >= 10 ? 0 : bytes % unit.factor * 10 / unit.factor;
    return tenths == 0 ? concat(whole, unit.name) : concat(whole, ".", tenths, unit.name);
  }
  return "0B";
}

Result<Duration> parse_duration(std::string_view text) {
  const Result<std::uint64_t> nanoseconds =
      parse(text, Terms{.noun = "a duration",
                        .forms = k_duration_forms,
                        .units = k_duration_units,
                        .value_max = static_cast<std::uint64_t>(Duration::max().count()),
                        .factor_without_unit = 0});
  if (!nanoseconds) {
    return nanoseconds.error();
  }
  return Duration(static_cast<Duration::rep>(*nanoseconds));
}

std::string format_duration(Duration duration) {
  if (duration < Duration::zero()) {
    // Through unsigned, where the most negative duration has a positive counterpart.
    return concat("-", format(-static_cast<std::uint64_t>(duration.count()), k_duration_units, ""));
  }
  return format(static_cast<std::uint64_t>(duration.count()), k_duration_units, "0s");
}

}  // namespace penstock
