// Sizes and durations as people write them: "256MiB", "60s".
//
// The messages of the errors are predicates ("is not a size: write ..."): the caller puts the name of the
// thing before them. They never repeat the text, which may be a secret in the wrong place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"

namespace penstock {

inline constexpr std::uint64_t k_kib = 1024;
inline constexpr std::uint64_t k_mib = 1024 * k_kib;
inline constexpr std::uint64_t k_gib = 1024 * k_mib;
inline constexpr std::uint64_t k_tib = 1024 * k_gib;

// A whole number, then B, KiB, MiB, GiB, TiB or nothing (bytes); spaces are allowed between the two. Powers
// of 1024 only: MB is refused, since half of its readers would take it for MiB. Errors: invalid_input.
Result<std::uint64_t> parse_size(std::string_view text);

// In the largest unit that divides it: "256MiB", "1000B". parse_size() gives the same number back.
std::string format_size(std::uint64_t bytes);

// For people: "62GiB", "1.5GiB", "400MiB", rounded down to a tenth below ten and to a whole number above.
std::string format_size_about(std::uint64_t bytes);

// A whole number and its unit, which must be there: ns, us, ms, s, m, h or d. At most some 292 years, what a
// Duration holds. Errors: invalid_input.
Result<Duration> parse_duration(std::string_view text);

// In the largest unit that divides it: "60s" is "1m". Of a duration that is not negative, parse_duration()
// gives the same back.
std::string format_duration(Duration duration);

}  // namespace penstock
