#include "obs/status_history.h"

#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

namespace penstock::obs {
namespace {

constexpr std::size_t k_max = StatusHistory::k_points_max;

// A record, ten bytes and a lag of the step's number in each step.
class StatusHistoryTest : public testing::Test {
 protected:
  void step(Duration time) {
    now_ += time;
    ++steps_;
    history_.look(now_, {.records = steps_, .bytes = 10 * steps_, .lag_records = steps_});
  }

  std::uint64_t records() const {
    std::uint64_t all = 0;
    for (const HistoryPoint& point : history_.points()) {
      all += point.records;
    }
    return all;
  }

  StatusHistory history_;
  MonoTime now_{};
  std::uint64_t steps_ = 0;
};

TEST_F(StatusHistoryTest, a_point_holds_what_came_in_its_interval) {
  step({});
  EXPECT_TRUE(history_.points().empty());
  step(StatusHistory::k_shortest_interval / 2);
  EXPECT_TRUE(history_.points().empty());
  step(StatusHistory::k_shortest_interval / 2);
  ASSERT_EQ(history_.points().size(), 1);
  EXPECT_EQ(history_.points()[0], (HistoryPoint{.records = 2, .bytes = 20, .lag_records = 3}));
}

TEST_F(StatusHistoryTest, when_it_is_full_the_intervals_double_and_nothing_is_lost) {
  for (std::size_t i = 0; i <= k_max; ++i) {
    step(history_.interval());
  }
  EXPECT_EQ(history_.points().size(), k_max);
  step(history_.interval());
  EXPECT_EQ(history_.points().size(), k_max / 2 + 1);
  EXPECT_EQ(history_.interval(), 2 * StatusHistory::k_shortest_interval);
  EXPECT_EQ(history_.points()[0], (HistoryPoint{.records = 2, .bytes = 20, .lag_records = 3}));
  EXPECT_EQ(records(), k_max + 1);
}

TEST_F(StatusHistoryTest, after_hours_it_has_the_last_hour_in_half_minutes) {
  for (int i = 0; i < 10'000; ++i) {
    step(history_.interval());
    ASSERT_LE(history_.points().size(), k_max);
  }
  EXPECT_EQ(history_.interval(), StatusHistory::k_longest_interval);
  EXPECT_EQ(history_.points().size(), k_max);
  EXPECT_EQ(history_.points().back(), (HistoryPoint{.records = 1, .bytes = 10, .lag_records = steps_}));
  EXPECT_EQ(records(), k_max);
}

TEST_F(StatusHistoryTest, a_machine_that_slept_adds_one_point) {
  step({});
  step(std::chrono::hours(5));
  EXPECT_EQ(history_.points().size(), 1);
}

}  // namespace
}  // namespace penstock::obs
