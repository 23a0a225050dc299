#include "pipeline/retry_policy.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::pipeline {

bool is_refused_for_good(const Error& error) {
  return error.action == Action::fatal || error.kind == ErrorKind::forbidden;
}

Duration retry_delay(const RetryOptions& options, std::uint32_t attempt, const Error& error,
                     std::uint64_t random) {
  CHECK(attempt >= 1u);
  constexpr std::uint32_t k_doublings_max =
      20;  // first * 2^20 is days: beyond any `longest`, and no overflow
  const Duration grown = options.first * (std::int64_t{1} << std::min(attempt - 1, k_doublings_max));
  const Duration ceiling =
      std::min(is_refused_for_good(error) ? options.longest_refused : options.longest, grown);
  const auto part_of = [random](Duration whole) {
    return Duration(static_cast<std::int64_t>(
        random % static_cast<std::uint64_t>(std::max<std::int64_t>(whole.count(), 1))));
  };
  const Duration own = ceiling / 2 + part_of(ceiling / 2);
  if (!error.retry_after) {
    return own;
  }
  const Duration asked = *error.retry_after;
  return std::max(own, asked + part_of(asked / 8));
}

}  // namespace penstock::pipeline
