// A clock that stands still until told. The loop's timers follow it; file operations take real time.
#pragma once

#include <chrono>

#include "base/clock.h"

namespace penstock::pipeline {

class FakeClock final : public Clock {
 public:
  MonoTime now() const override { return MonoTime(now_); }
  WallTime wall_now() const override { return wall_; }

  void advance(Duration by) {
    now_ += by;
    wall_ += std::chrono::duration_cast<WallTime::duration>(by);
  }
  // Somebody sets the time of day, forwards or backwards. No time passes.
  void set_wall(WallTime wall) { wall_ = wall; }

 private:
  Duration now_ = std::chrono::hours(1);
  WallTime wall_ = WallTime(std::chrono::hours(24 * 20'000 + 1));
};

}  // namespace penstock::pipeline
