// The pauses between tries at a registry. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace penstock::registry {

inline constexpr Duration k_first_pause = std::chrono::milliseconds(500);
inline constexpr Duration k_pause_max = std::chrono::seconds(30);

// Twice as long each time. `spread`, 0 to 1, is drawn by chance: up to a quarter of a pause comes on top.
inline Duration pause_after(Duration first, std::uint32_t tries, double spread) {
  Duration pause = first;
  for (std::uint32_t i = 1; i < tries && pause < k_pause_max; ++i) {
    pause *= 2;
  }
  pause = std::min(pause, k_pause_max);
  return pause + Duration(static_cast<Duration::rep>(static_cast<double>(pause.count()) * spread / 4));
}

}  // namespace penstock::registry
