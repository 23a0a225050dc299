#include "appliance/traffic.h"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/environment.h"
#include "config/load.h"

namespace penstock::appliance {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime k_noon{std::chrono::seconds{1769860800}};  // 2026-01-31T12:00:00Z

TopicPartition part(const std::string& topic, std::int32_t partition) {
  return {topic, Partition{partition}};
}

std::int64_t ms_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

class TrafficTest : public testing::Test {
 protected:
  TrafficTest() { day_.now = k_noon; }
  void log(const TopicPartition& id, std::int64_t start, std::int64_t day_ago, std::int64_t end) {
    day_.logs[id] = {Position{start}, Position{end}};
    day_.begins[id] = Position{day_ago};
  }
  Traffic traffic() const { return traffic_of(std::vector<rdkafka::ProbedTopic>{{"t", 2}}, day_); }

  LogDay day_;
};

TEST_F(TrafficTest, of_an_old_log_a_day_is_counted) {
  log(part("t", 0), 0, 100, 1100);
  log(part("t", 1), 0, 50, 250);
  const auto wanted = records_to_read(day_);
  ASSERT_EQ(wanted.size(), 1U) << "one a topic";
  EXPECT_EQ(wanted.at(part("t", 0)), Position{1090}) << "a late one of the busiest partition";
  day_.records[part("t", 0)] = {.timestamp_ms = ms_of(k_noon - minutes(1)), .value_bytes = 1000};
  const Traffic found = traffic();
  EXPECT_DOUBLE_EQ(*found.topics[0].records_per_day, 1200);
  EXPECT_DOUBLE_EQ(*found.topics[0].bytes_per_day, 1.2e6);
  EXPECT_EQ(found.topics[0].partitions, 2U);
  EXPECT_EQ(found.span, hours(24));
}

TEST_F(TrafficTest, of_a_young_log_the_time_since_its_first_record_is_counted) {
  log(part("t", 0), 7, 7, 107);
  log(part("t", 1), 0, 0, 0);
  EXPECT_EQ(records_to_read(day_).at(part("t", 0)), Position{7});
  day_.records[part("t", 0)] = {.timestamp_ms = ms_of(k_noon - hours(1)), .value_bytes = 10};
  const Traffic found = traffic();
  EXPECT_DOUBLE_EQ(*found.topics[0].records_per_day, 2400);
  EXPECT_EQ(found.span, hours(1));
}

TEST_F(TrafficTest, of_a_young_topic_with_few_records_the_earliest_of_all_partitions_counts) {
  log(part("t", 0), 0, 0, 7);
  log(part("t", 1), 0, 0, 5);
  EXPECT_EQ(records_to_read(day_).size(), 2U);
  day_.records[part("t", 0)] = {.timestamp_ms = ms_of(k_noon - hours(1)), .value_bytes = 10};
  day_.records[part("t", 1)] = {.timestamp_ms = ms_of(k_noon - hours(2)), .value_bytes = 99};
  EXPECT_DOUBLE_EQ(*traffic().topics[0].records_per_day, 12 * 12);
  EXPECT_DOUBLE_EQ(*traffic().topics[0].bytes_per_day, 12 * 12 * 10) << "of the busiest";
  log(part("t", 0), 0, 0, 700);
  log(part("t", 1), 0, 0, 500);
  EXPECT_EQ(records_to_read(day_).size(), 1U) << "with many records one is enough";
}

TEST_F(TrafficTest, without_the_record_the_day_is_the_span_and_bytes_are_not_known) {
  log(part("t", 0), 0, 0, 100);
  log(part("t", 1), 0, 0, 0);
  const Traffic found = traffic();
  EXPECT_DOUBLE_EQ(*found.topics[0].records_per_day, 100);
  EXPECT_FALSE(found.topics[0].bytes_per_day.has_value());
}

TEST_F(TrafficTest, a_silent_topic_has_nothing_and_is_not_read) {
  log(part("t", 0), 0, 100, 100);
  log(part("t", 1), 0, 0, 0);
  EXPECT_TRUE(records_to_read(day_).empty());
  const Traffic found = traffic();
  ASSERT_EQ(found.topics.size(), 1U);
  EXPECT_DOUBLE_EQ(*found.topics[0].records_per_day, 0);
}

TEST_F(TrafficTest, the_sentence_tells_what_it_costs_and_how_there_would_be_fewer) {
  const auto settings =
      config::load_text("name: n\nsource: {brokers: [b:9092], topics_regex: ^t}\nsink: {url: 'null:'}\n",
                        "x.yaml", config::process_environment());
  ASSERT_TRUE(settings.ok());
  log(part("t", 0), 0, 100, 1'000'100);
  log(part("t", 1), 0, 0, 0);
  day_.records[part("t", 0)] = {.timestamp_ms = ms_of(k_noon), .value_bytes = 100};
  const std::string thin = files_sentence(*settings, traffic(), 1, 0.055);
  EXPECT_THAT(thin,
              HasSubstr("about 1438 files and 1438 storage calls a day, 0.24 dollars a month at 0.055"));
  EXPECT_THAT(thin, HasSubstr("by the records of the last 1d"));
  EXPECT_THAT(thin, HasSubstr("batch.min_bytes: 16MiB would make about 144"));
  EXPECT_THAT(thin, Not(HasSubstr("quarantine")));
  config::Settings judging = *settings;
  judging.batch.max_record_bytes = 50;
  EXPECT_THAT(
      files_sentence(judging, traffic(), 1, 0.055),
      HasSubstr("If every file has records in quarantine: 1438 files, 1438 calls and 0.24 dollars more"));
  const auto overridden = config::load_text(
      "name: n\nsource: {brokers: [b:9092], topics_regex: ^t}\nsink: {url: 'null:'}\n"
      "overrides: [{match: ^t, batch: {compression: gzip}}]\n",
      "x.yaml", config::process_environment());
  ASSERT_TRUE(overridden.ok());
  EXPECT_THAT(files_sentence(*overridden, traffic(), 1, 0.055),
              HasSubstr("batch.min_bytes: 16MiB would make about 144"));
  day_.records[part("t", 0)].value_bytes = 100'000;
  EXPECT_THAT(files_sentence(*settings, traffic(), 1, 0.055), Not(HasSubstr("min_bytes")));
  day_ = {};
  day_.now = k_noon;
  EXPECT_THAT(files_sentence(*settings, traffic(), 1, 0.055), HasSubstr("no record came in the last day"));
}

}  // namespace
}  // namespace penstock::appliance
