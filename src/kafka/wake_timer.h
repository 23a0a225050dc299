// One timer for all that has to wait for a moment. It does nothing but wake the worker, which then polls.
#pragma once

#include <algorithm>

#include "base/clock.h"
#include "io/loop.h"

namespace penstock::kafka {

class WakeTimer {
 public:
  // Both outlive it.
  WakeTimer(io::Loop& loop, const Clock& clock) : loop_(loop), clock_(clock) {}
  ~WakeTimer() { loop_.cancel_timer(timer_); }

  WakeTimer(const WakeTimer&) = delete;
  WakeTimer& operator=(const WakeTimer&) = delete;

  // Only the earliest of the moments asked for is kept: whoever still waits for a later one asks again when
  // it polls.
  void wake_at(MonoTime when) {
    const MonoTime now = clock_.now();
    if (timer_ != io::TimerId::none && at_ > now && at_ <= when) {
      return;
    }
    loop_.cancel_timer(timer_);
    at_ = when;
    timer_ =
        loop_.start_timer(std::max(when - now, Duration::zero()), [this] { timer_ = io::TimerId::none; });
  }

 private:
  io::Loop& loop_;
  const Clock& clock_;
  io::TimerId timer_ = io::TimerId::none;
  MonoTime at_{};
};

}  // namespace penstock::kafka
