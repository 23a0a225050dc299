// The Clock seam: what time it is. The real clock, or the simulator's.
#pragma once

#include <chrono>
#include <memory>

namespace penstock {

using MonoTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Duration = std::chrono::nanoseconds;

class Clock {
 public:
  virtual ~Clock() = default;

  // For ages and deadlines. Counts through suspend (CLOCK_BOOTTIME), so that a deadline is never thought
  // shorter than it was.
  virtual MonoTime now() const = 0;

  // For names and messages. May jump.
  virtual WallTime wall_now() const = 0;
};

// The machine's clock: one for the whole process, without state.
const Clock& system_clock();

}  // namespace penstock
