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

TEST(TopicWatchTest, names_topics_partitions_without_a_leader_and_an_expression_without_a_match) {
  const Settings named = reading("topics: [orders, refunds]");
  EXPECT_TRUE(missing_of(named.details(), with({})).empty());
  rdkafka::ProbeReport report = with({"refunds"});
  report.logs_error =
      make_error(ErrorKind::unavailable, Action::retry, "topic orders, partition 1: no leader");
  report.group_error = make_error(ErrorKind::unavailable, Action::retry, "the workers tell");
  EXPECT_EQ(missing_of(named.details(), report),
            (std::vector<std::string>{"topic refunds", "topic orders, partition 1: no leader"}));
  const Settings by_expression = reading("topics_regex: \"^svc-\"");
  EXPECT_EQ(missing_of(by_expression.details(), rdkafka::ProbeReport{}),
            std::vector<std::string>{"no topic matches source.topics_regex \"^svc-\" yet"});
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
