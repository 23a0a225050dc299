// How long to wait before a question to the brokers that has failed is asked again.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace penstock::kafka {

inline constexpr Duration k_backoff_min = std::chrono::milliseconds(100);
inline constexpr Duration k_backoff_max = std::chrono::seconds(10);

// `failures`: in a row, before the one of now.
inline Duration backoff(std::uint32_t failures) {
  return std::min(k_backoff_max, k_backoff_min * (1U << std::min(failures, 10U)));
}

}  // namespace penstock::kafka
