// The last hour in a few numbers, for small charts. Bounded: it begins with short intervals, so that there is
// something to see at once, and makes them longer when it is full, up to half a minute. Pure; one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace penstock::obs {

// What had come in an interval, and the lag at its end.
struct HistoryPoint {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lag_records = 0;

  friend bool operator==(const HistoryPoint&, const HistoryPoint&) = default;
};

class StatusHistory {
 public:
  static constexpr std::size_t k_points_max = 120;
  static constexpr Duration k_longest_interval = std::chrono::seconds(30);
  // A sixteenth, so that doubling it ends there.
  static constexpr Duration k_shortest_interval = k_longest_interval / 16;

  // Totals so far, and the lag of now.
  struct Totals {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    std::uint64_t lag_records = 0;
  };

  StatusHistory() = default;
  // As somebody else has gathered it.
  StatusHistory(Duration interval, std::vector<HistoryPoint> points)
      : interval_(interval), points_(std::move(points)) {}

  // Whether look() would add a point.
  bool due(MonoTime now) const { return !begun_ || now - *begun_ >= interval_; }

  // Adds a point when the interval is over. An interval that was long over (the machine slept) is one point.
  void look(MonoTime now, const Totals& totals);

  Duration interval() const { return interval_; }

  // The oldest first.
  const std::vector<HistoryPoint>& points() const { return points_; }

 private:
  void make_room();

  Duration interval_ = k_shortest_interval;
  std::vector<HistoryPoint> points_;
  std::optional<MonoTime> begun_;  // of the interval that is not over
  Totals at_begin_;
};

}  // namespace penstock::obs
