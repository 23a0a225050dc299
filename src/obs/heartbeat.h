// When a thread was last seen to go on. Its thread is the only writer; any thread reads, without locks.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace penstock::obs {

// A thread that beats about once a second is late when its last beat is older.
inline constexpr Duration k_heartbeat_late = std::chrono::seconds(30);

// Its clock is CLOCK_MONOTONIC, not the Clock seam: a machine that slept must not look like a thread that
// hangs.
class Heartbeat {
 public:
  void beat(MonoTime now = std::chrono::steady_clock::now()) {
    beat_at_ns_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }

  // The thread is about to end: nobody waits for its next beat.
  void end() { beat_at_ns_.store(k_none, std::memory_order_relaxed); }

  // Nothing before the first beat, and after end().
  std::optional<Duration> age(MonoTime now = std::chrono::steady_clock::now()) const {
    const std::int64_t beat_at_ns = beat_at_ns_.load(std::memory_order_relaxed);
    if (beat_at_ns == k_none) {
      return std::nullopt;
    }
    return std::max(Duration::zero(), now - MonoTime(Duration(beat_at_ns)));
  }
  bool late() const { return age().value_or(Duration::zero()) > k_heartbeat_late; }

 private:
  static constexpr std::int64_t k_none = INT64_MIN;
  std::atomic<std::int64_t> beat_at_ns_{k_none};
};

}  // namespace penstock::obs
