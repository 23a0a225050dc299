// Virtual time, and what the world has planned for it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace penstock::sim {

class SimClock final : public Clock {
 public:
  MonoTime now() const override { return now_; }
  WallTime wall_now() const override {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::hours(24 * 20'000)) +
                    std::chrono::duration_cast<WallTime::duration>(now_.time_since_epoch()));
  }

  void advance_to(MonoTime time) {
    if (time > now_) {
      now_ = time;
    }
  }

 private:
  MonoTime now_{std::chrono::hours(1)};
};

// Events outside every process, in the order they are due and then in that of their planning: requests that
// arrive, records that are produced, crashes. They happen whether or not the process that caused them still
// lives.
class Agenda {
 public:
  void at(MonoTime due, std::function<void()> event) { events_.emplace(due, std::move(event)); }

  std::optional<MonoTime> next_due() const {
    return events_.empty() ? std::nullopt : std::optional(events_.begin()->first);
  }
  void run_next() { events_.extract(events_.begin()).mapped()(); }

 private:
  std::multimap<MonoTime, std::function<void()>> events_;
};

}  // namespace penstock::sim
