#include "obs/heartbeat.h"

#include <chrono>

#include <gtest/gtest.h>

namespace penstock::obs {
namespace {

using std::chrono::seconds;

TEST(Heartbeat, has_an_age_between_its_first_beat_and_its_end) {
  const MonoTime begun{seconds(1000)};
  Heartbeat heartbeat;
  EXPECT_FALSE(heartbeat.age(begun));
  heartbeat.beat(begun);
  EXPECT_EQ(heartbeat.age(begun + seconds(7)), seconds(7));
  heartbeat.beat(begun + seconds(7));
  EXPECT_EQ(heartbeat.age(begun + seconds(8)), seconds(1));
  EXPECT_EQ(heartbeat.age(begun), Duration::zero()) << "the reader took its time before the beat";
  heartbeat.end();
  EXPECT_FALSE(heartbeat.age(begun + seconds(9)));
}

TEST(Heartbeat, is_late_once_it_is_old_and_not_where_none_is_expected) {
  const auto now = std::chrono::steady_clock::now();
  Heartbeat heartbeat;
  EXPECT_FALSE(heartbeat.late());
  heartbeat.beat();
  EXPECT_FALSE(heartbeat.late());
  heartbeat.beat(now - k_heartbeat_late + seconds(10));
  EXPECT_FALSE(heartbeat.late());
  heartbeat.beat(now - k_heartbeat_late - seconds(1));
  EXPECT_TRUE(heartbeat.late());
  heartbeat.end();
  EXPECT_FALSE(heartbeat.late());
}

}  // namespace
}  // namespace penstock::obs
