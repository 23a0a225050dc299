// A clock that stands still until told. The loop's timers follow it; file operations take real time.
#pragma once

#include <chrono>

#include "base/clock.h"

namespace penstock::pipeline {

class FakeClock final : public Clock {
 public:
  MonoTime now() const override { return MonoTime(now_); }
  WallTime wall_now() const override {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::hours(24 * 20'000) + now_));
  }

  void advance(Duration by) { now_ += by; }

 private:
  Duration now_ = std::chrono::hours(1);
};

}  // namespace penstock::pipeline
