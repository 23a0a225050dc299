#include "appliance/run_limits.h"

#include <chrono>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::appliance {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr MonoTime k_start{std::chrono::hours(5)};

TEST(DrainLimitTest, says_nothing_before_a_drain_begins) {
  DrainLimit limit(seconds(25));
  EXPECT_EQ(limit.look(k_start + minutes(60)), Due::nothing);
}

TEST(DrainLimitTest, has_a_line_every_five_seconds_and_gives_up_at_its_limit) {
  DrainLimit limit(seconds(25));
  limit.begin(k_start);
  std::vector<std::int64_t> lines;
  MonoTime now = k_start;
  for (;; now += milliseconds(100)) {
    const Due due = limit.look(now);
    if (due == Due::give_up) {
      break;
    }
    if (due == Due::line) {
      lines.push_back(limit.seconds_left(now));
    }
  }
  EXPECT_EQ(now - k_start, seconds(25));
  EXPECT_EQ(lines, (std::vector<std::int64_t>{20, 15, 10, 5}));
}

TEST(DrainLimitTest, a_second_reason_to_stop_gives_no_more_time) {
  DrainLimit limit(seconds(25));
  limit.begin(k_start);
  limit.begin(k_start + seconds(20));
  EXPECT_EQ(limit.look(k_start + seconds(25)), Due::give_up);
}

TEST(BoundedRunLimitTest, what_moves_is_never_given_up) {
  BoundedRunLimit limit(minutes(5), k_start);
  std::uint64_t progress = 0;
  for (MonoTime now = k_start; now < k_start + minutes(60); now += minutes(4)) {
    EXPECT_EQ(limit.look(now, ++progress, false), Due::nothing);
  }
}

TEST(BoundedRunLimitTest, what_stands_still_is_given_up_whoever_it_waits_for) {
  for (const bool for_others : {false, true}) {
    BoundedRunLimit limit(minutes(5), k_start);
    limit.look(k_start + minutes(2), 7, for_others);
    EXPECT_NE(limit.look(k_start + minutes(7) - seconds(1), 7, for_others), Due::give_up);
    EXPECT_EQ(limit.look(k_start + minutes(7), 7, for_others), Due::give_up);
  }
}

TEST(BoundedRunLimitTest, says_soon_and_every_thirty_seconds_that_it_waits_for_others) {
  BoundedRunLimit limit(minutes(5), k_start);
  std::vector<Duration> lines;
  for (MonoTime now = k_start; now < k_start + seconds(90); now += milliseconds(100)) {
    const bool for_others = now < k_start + seconds(40) || now >= k_start + seconds(50);
    if (limit.look(now, 0, for_others) == Due::line) {
      lines.push_back(now - k_start);
    }
  }
  EXPECT_EQ(lines, (std::vector<Duration>{seconds(3), seconds(33), seconds(53), seconds(83)}));
}

TEST(WhatIsLeftTest, counts_batches_and_tells_where_their_records_are) {
  EXPECT_EQ(what_is_left(Unpublished{.batches = 12, .staged_bytes = 20'100'000}),
            "12 batches are not published; Kafka has the records, and 20.1 MB of them are on the stage");
  EXPECT_EQ(what_is_left(Unpublished{.batches = 1, .staged_bytes = 0}),
            "1 batch is not published; Kafka has the records, and 0.0 MB of them are on the stage");
  EXPECT_EQ(what_is_left(Unpublished{}),
            "everything is published, and the last positions may not be committed yet");
}

TEST(WhatIsLeftTest, names_the_first_partitions_that_are_behind_and_how_far_they_are) {
  std::vector<pipeline::GroupEnd::Left> left;
  left.push_back({.id = {"a", Partition{1}}, .at = Position{5}, .mark = Position{20}});
  EXPECT_EQ(what_is_left(left, 8),
            "1 of 8 partitions is not at its end mark: topic a, partition 1 (at 5 of 20)");
  for (int i = 0; i < 5; ++i) {
    left.push_back({.id = {"b", Partition{i}}, .at = std::nullopt, .mark = Position{7}});
  }
  EXPECT_EQ(
      what_is_left(left, 8),
      "6 of 8 partitions are not at their end marks: topic a, partition 1 (at 5 of 20), topic b, partition "
      "0 (nothing committed of 7), topic b, partition 1 (nothing committed of 7), topic b, partition 2 "
      "(nothing committed of 7), and 2 more");
}

}  // namespace
}  // namespace penstock::appliance
