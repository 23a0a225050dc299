#include "appliance/topic_watch.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

using std::chrono::milliseconds;

Settings reading(const std::string& topics) {
  return settings_of("name: test\nsource: {brokers: [\"127.0.0.1:1\"], " + topics +
                     "}\nsink: {url: \"null:\"}\n");
}

rdkafka::ProbeReport with(const std::vector<std::string>& unknown) {
  rdkafka::ProbeReport report;
  report.topics = {{.name = "orders", .partition_count = 2}};
  for (const std::string& name : unknown) {
    report.topic_errors.push_back(make_error(ErrorKind::not_found, Action::fatal, "topic " + name));
  }
  return report;
}

TEST(TopicWatchTest, names_topics_and_partitions_without_a_leader) {
  EXPECT_TRUE(missing_of(with({})).empty());
  rdkafka::ProbeReport report = with({"refunds"});
  report.logs_error =
      make_error(ErrorKind::unavailable, Action::retry, "topic orders, partition 1: no leader");
  report.group_error = make_error(ErrorKind::unavailable, Action::retry, "the workers tell");
  EXPECT_EQ(missing_of(report),
            (std::vector<std::string>{"topic refunds", "topic orders, partition 1: no leader"}));
}

TEST(TopicWatchTest, an_expression_that_matches_nothing_yet_is_a_note_and_nothing_missing) {
  const Settings by_expression = reading("topics_regex: \"^svc-\"");
  EXPECT_TRUE(missing_of(rdkafka::ProbeReport{}).empty());
  EXPECT_EQ(note_of(by_expression.details(), rdkafka::ProbeReport{}),
            "no topic matches source.topics_regex \"^svc-\" yet; one that is made is found within a minute");
  EXPECT_EQ(note_of(by_expression.details(), with({})), "");
  EXPECT_EQ(note_of(by_expression.details(), with({"svc-a"})), "");
  EXPECT_EQ(note_of(reading("topics: [orders]").details(), rdkafka::ProbeReport{}), "");
  std::atomic<bool> is_there{false};
  TopicWatch watch(
      by_expression.details(), rdkafka::ProbeReport{},
      [&is_there]() -> Result<rdkafka::ProbeReport> {
        return is_there.load() ? Result<rdkafka::ProbeReport>(with({}))
                               : make_error(ErrorKind::unavailable, Action::retry, "no broker answered");
      },
      milliseconds(1));
  for (int i = 0; i < 200 && watch.no_answer().empty(); ++i) {
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(watch.missing(), "");
  EXPECT_NE(watch.note(), "");
  EXPECT_EQ(watch.no_answer(), "no broker answered");
  is_there.store(true);
  for (int i = 0; i < 200 && !watch.note().empty(); ++i) {
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(watch.note(), "");
  EXPECT_EQ(watch.no_answer(), "");
}

TEST(TopicWatchTest, asks_until_nothing_is_missing) {
  const Settings settings = reading("topics: [orders, refunds]");
  std::atomic<int> asked{0};
  TopicWatch watch(
      settings.details(), with({"refunds"}),
      [&asked]() -> Result<rdkafka::ProbeReport> {
        switch (++asked) {
          case 1:
            return make_error(ErrorKind::unavailable, Action::retry, "no broker answered");
          case 2:
            return with({"refunds"});
          default:
            return with({});
        }
      },
      milliseconds(1));
  EXPECT_EQ(watch.missing(), "topic refunds");
  for (int i = 0; i < 200 && !watch.missing().empty(); ++i) {
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(watch.missing(), "");
  EXPECT_EQ(asked.load(), 3);
}

TEST(TopicWatchTest, ends_in_the_middle_of_a_pause) {
  const Settings settings = reading("topics: [orders, refunds]");
  const MonoTime begun = system_clock().now();
  {
    const TopicWatch watch(
        settings.details(), with({"refunds"}), []() -> Result<rdkafka::ProbeReport> { return with({}); },
        std::chrono::hours(1));
  }
  EXPECT_LT(system_clock().now() - begun, std::chrono::seconds(30));
}

}  // namespace
}  // namespace penstock::appliance
