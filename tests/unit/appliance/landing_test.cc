#include "appliance/landing.h"

#include <chrono>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::appliance {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;

constexpr WallTime k_ten{seconds{1769853600}};  // 2026-01-31T10:00:00Z

TopicPartition part(const std::string& topic, std::int32_t partition) {
  return {topic, Partition{partition}};
}

std::int64_t ms_of(WallTime time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

class LandingTest : public testing::Test {
 protected:
  // -1: none.
  void log(const TopicPartition& id, std::int64_t committed, std::int64_t start, std::int64_t end,
           std::int64_t first_since) {
    const auto known = [](std::int64_t value) {
      return value < 0 ? std::nullopt : std::optional(Position{value});
    };
    facts_[id] = {.committed = known(committed),
                  .log = {Position{start}, Position{end}},
                  .first_since = known(first_since)};
  }
  // What is read at the position.
  void record(const TopicPartition& id, WallTime time) { records_[id] = {.timestamp_ms = ms_of(time)}; }
  LandingReport report(WallTime now = k_ten + minutes(5)) const {
    return judge_landing(facts_, records_, {.until = k_ten, .begun = now, .answered = now + seconds(1)});
  }

  LandingFacts facts_;
  std::map<TopicPartition, rdkafka::RecordProbe> records_;
};

TEST_F(LandingTest, the_group_must_be_behind_the_last_record_of_before_the_time) {
  log(part("t", 0), 879, 0, 900, 880);
  record(part("t", 0), k_ten - seconds(1));
  EXPECT_FALSE(report().landed());
  EXPECT_EQ(report().topics[0].lagging[0].needed, Position{880});
  log(part("t", 0), 880, 0, 900, 880);
  record(part("t", 0), k_ten);
  EXPECT_TRUE(report().landed()) << "the rest is of the next window";
  EXPECT_EQ(landing_sentence(report()), "");
  log(part("t", 0), 890, 0, 900, 880);
  record(part("t", 0), k_ten + minutes(5) + milliseconds(500));
  EXPECT_TRUE(report().landed()) << "so it is with one that came while the brokers were asked";
}

TEST_F(LandingTest, without_a_record_of_that_time_everything_must_have_landed_and_the_time_be_over) {
  log(part("t", 0), 399, 0, 400, -1);
  EXPECT_FALSE(report().landed());
  log(part("t", 0), 400, 0, 400, -1);
  EXPECT_TRUE(report().landed());
  EXPECT_TRUE(report(k_ten).landed());
  EXPECT_FALSE(report(k_ten - seconds(1)).landed()) << "more may come";
  EXPECT_EQ(landing_sentence(report(k_ten - seconds(1))), "2026-01-31T10:00:00Z is not over yet");
}

TEST_F(LandingTest, a_record_of_the_future_does_not_end_a_window) {
  log(part("t", 0), 400, 0, 401, 400);
  EXPECT_FALSE(report(k_ten - minutes(5)).landed()) << "a producer's clock is ahead";
}

// ListOffsets by a time names the first record that is not before it, and a record of next year is none. In
// the log: 0 to 9 of 09:30, 10 of next year, 11 to 20 of 09:40.
TEST_F(LandingTest, a_record_of_the_future_vouches_for_none_behind_it) {
  log(part("t", 0), 11, 0, 21, 10);
  record(part("t", 0), k_ten - minutes(20));
  LandingReport found = report();
  EXPECT_FALSE(found.landed());
  EXPECT_EQ(found.topics[0].landed_until, k_ten - minutes(20));
  EXPECT_EQ(found.topics[0].lagging[0].needed, Position{21});
  EXPECT_EQ(
      landing_sentence(found),
      "topic t, partition 0 has landed until 2026-01-31T09:40:00Z: the first record from offset 11 on is "
      "of 2026-01-31T09:40:00Z and not in the lake");
  log(part("t", 0), 10, 0, 21, 10);
  record(part("t", 0), k_ten + hours(24 * 365));
  found = report();
  EXPECT_FALSE(found.landed()) << "when the log took it is not known";
  EXPECT_EQ(found.topics[0].landed_until, std::nullopt);
  EXPECT_THAT(landing_sentence(found), HasSubstr("dated 2027-01-31T10:00:00Z, ahead of the clock"));
  log(part("t", 0), 21, 0, 21, 10);
  records_.clear();
  EXPECT_TRUE(report().landed()) << "all of it is there";
  EXPECT_EQ(report().topics[0].landed_until, report().now);
}

TEST_F(LandingTest, a_record_of_the_future_at_the_start_of_a_log_vouches_for_none) {
  log(part("t", 0), -1, 0, 11, 0);
  record(part("t", 0), k_ten + hours(24 * 365));
  EXPECT_FALSE(report().landed());
  EXPECT_EQ(report().topics[0].landed_until, std::nullopt);
}

TEST_F(LandingTest, a_record_without_a_time_or_that_could_not_be_read_vouches_for_none) {
  log(part("t", 0), 10, 0, 21, 5);
  EXPECT_FALSE(report().landed());
  EXPECT_THAT(landing_sentence(report()), HasSubstr("offset 10 on is not in the lake and could not be read"));
  records_[part("t", 0)] = {.timestamp_ms = -1};
  EXPECT_FALSE(report().landed());
  EXPECT_THAT(landing_sentence(report()), HasSubstr("has no time"));
  EXPECT_EQ(report().topics[0].landed_until, std::nullopt);
}

TEST_F(LandingTest, what_has_landed_is_what_has_landed_until_that_time) {
  for (const std::int64_t committed : {-1, 0, 5, 10, 11, 20, 21, 30}) {
    for (const std::int64_t first_since : {-1, 0, 5, 10, 15}) {
      for (const minutes at : {-minutes(1), minutes(0), minutes(1), minutes(60)}) {
        log(part("t", 0), committed, 5, 21, first_since);
        record(part("t", 0), k_ten + at);
        const LandingReport found = report();
        EXPECT_EQ(found.landed(), found.topics[0].landed_until >= std::optional(k_ten))
            << committed << ' ' << first_since << ' ' << at.count();
      }
    }
  }
}

TEST_F(LandingTest, a_partition_that_nobody_has_read_has_not_landed_unless_it_is_empty) {
  log(part("t", 0), -1, 0, 70, 60);
  EXPECT_FALSE(report().landed());
  EXPECT_THAT(landing_sentence(report()),
              AllOf(HasSubstr("topic t, partition 0 has landed until a time that is not known"),
                    HasSubstr("the group has no position there")));
  log(part("t", 0), -1, 0, 70, 0);
  record(part("t", 0), k_ten + minutes(2));
  EXPECT_TRUE(report().landed()) << "it is younger than the window";
  EXPECT_EQ(report().topics[0].landed_until, k_ten + minutes(2));
  log(part("t", 0), -1, 0, 0, -1);
  EXPECT_TRUE(report().landed()) << "it never had a record";
  log(part("t", 0), -1, 70, 70, -1);
  EXPECT_FALSE(report().landed()) << "it had some, and they have left the log";
}

TEST_F(LandingTest, what_left_the_log_has_not_landed) {
  log(part("t", 0), 10, 50, 100, 80);
  EXPECT_THAT(landing_sentence(report()), HasSubstr("position 10 is below the log's start 50"));
  log(part("t", 0), 10, 50, 100, 50);
  EXPECT_FALSE(report().landed()) << "though the log has nothing of the window any more";
}

TEST_F(LandingTest, a_position_of_another_log_says_nothing) {
  log(part("t", 0), 500, 0, 100, 80);
  EXPECT_FALSE(report().landed());
  EXPECT_THAT(landing_sentence(report()), HasSubstr("position 500 is above the log's end 100"));
}

TEST_F(LandingTest, a_topic_has_landed_until_the_first_record_that_is_not_in_the_lake) {
  log(part("t", 0), 450, 0, 500, 470);
  log(part("t", 1), 100, 0, 200, 150);
  log(part("t", 2), 300, 0, 300, -1);
  log(part("u", 0), 7, 0, 7, -1);
  record(part("t", 0), k_ten - seconds(110));
  record(part("t", 1), k_ten - minutes(3));
  const LandingReport found = report();
  ASSERT_EQ(found.topics.size(), 2U);
  EXPECT_EQ(found.topics[0].landed_until, k_ten - minutes(3));
  EXPECT_EQ(found.topics[0].partition_count, 3U);
  EXPECT_EQ(found.topics[1].landed_until, found.now) << "all of it is there";
  EXPECT_TRUE(found.topics[1].lagging.empty());
  EXPECT_EQ(landing_sentence(found),
            "topic t, partition 1 has landed until 2026-01-31T09:57:00Z: offsets 100 to 149 are not in the "
            "lake; so have 1 more of its 3 partitions not");
}

TEST_F(LandingTest, without_a_topic_nothing_has_landed) {
  EXPECT_FALSE(report().landed()) << "the expression may have a slip";
  EXPECT_THAT(landing_sentence(report()), HasSubstr("no topic matches source.topics_regex yet"));
}

TEST_F(LandingTest, only_what_has_a_record_that_waits_is_read) {
  log(part("t", 0), 450, 0, 500, 470);
  log(part("t", 1), 500, 0, 500, -1);
  log(part("t", 2), -1, 0, 500, -1);
  log(part("t", 3), 10, 50, 500, -1);
  log(part("t", 4), 600, 0, 500, -1);
  const auto wanted = first_not_landed(facts_);
  ASSERT_EQ(wanted.size(), 2U);
  EXPECT_EQ(wanted.at(part("t", 0)), Position{450});
  EXPECT_EQ(wanted.at(part("t", 2)), Position{0}) << "the first of those that nobody has read";
}

}  // namespace
}  // namespace penstock::appliance
