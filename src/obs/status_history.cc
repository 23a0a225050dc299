#include "obs/status_history.h"

namespace penstock::obs {

void StatusHistory::look(MonoTime now, const Totals& totals) {
  if (!begun_) {
    begun_ = now;
    at_begin_ = totals;
    return;
  }
  if (!due(now)) {
    return;
  }
  if (points_.size() == k_points_max) {
    make_room();
  }
  points_.push_back({.records = totals.records - at_begin_.records,
                     .bytes = totals.bytes - at_begin_.bytes,
                     .lag_records = totals.lag_records});
  begun_ = now;
  at_begin_ = totals;
}

// Two points become one until they are as long as they may get. Then the oldest goes.
void StatusHistory::make_room() {
  if (interval_ >= k_longest_interval) {
    points_.erase(points_.begin());
    return;
  }
  for (std::size_t i = 0; i < k_points_max / 2; ++i) {
    const HistoryPoint& first = points_[2 * i];
    const HistoryPoint& second = points_[2 * i + 1];
    points_[i] = {.records = first.records + second.records,
                  .bytes = first.bytes + second.bytes,
                  .lag_records = second.lag_records};
  }
  points_.resize(k_points_max / 2);
  interval_ *= 2;
}

}  // namespace penstock::obs
