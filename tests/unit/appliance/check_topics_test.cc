#include "appliance/check_topics.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include <penstock/penstock.h>

#include "rdkafka/kafka_errors.h"
#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

constexpr int k_unknown_topic = 3;
constexpr int k_topic_authorization_failed = 29;

TEST(CheckTopics, an_unknown_topic_gets_the_nearest_name) {
  const Settings settings = settings_of(yaml(""));  // orders
  rdkafka::ProbeReport cluster;
  cluster.topic_errors = {rdkafka::kafka_error(k_unknown_topic, "topic orders")};
  cluster.others = {"payments", "order", "metrics"};
  std::vector<CheckRow> rows = check_topics(settings.details(), cluster);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].severity, CheckSeverity::fault);
  EXPECT_TRUE(rows[0].text.ends_with("; did you mean order?")) << rows[0].text;

  cluster.others = {"payments", "metrics"};
  rows = check_topics(settings.details(), cluster);
  EXPECT_EQ(rows[0].text.find("did you mean"), std::string::npos) << rows[0].text;

  cluster.others = {"order"};
  cluster.topic_errors = {rdkafka::kafka_error(k_topic_authorization_failed, "topic orders")};
  rows = check_topics(settings.details(), cluster);
  EXPECT_EQ(rows[0].text.find("did you mean"), std::string::npos) << "it is there: " << rows[0].text;
}

TEST(CheckTopics, many_topics_are_one_row) {
  const Settings settings = settings_of(yaml(""));
  rdkafka::ProbeReport cluster;
  for (int i = 0; i < 8; ++i) {
    cluster.topics.push_back({.name = "svc-" + std::to_string(i), .partition_count = 2});
  }
  EXPECT_EQ(check_topics(settings.details(), cluster).size(), 8U);
  cluster.topics.push_back({.name = "svc-8", .partition_count = 1});
  const std::vector<CheckRow> rows = check_topics(settings.details(), cluster);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].text, "9 topics, 17 partitions: svc-0, svc-1, svc-2, svc-3, svc-4, and 4 more");
}

TEST(CheckTopics, an_expression_that_matches_nothing_yet_is_no_fault) {
  const Settings settings = settings_of(
      "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics_regex: ^o}\nsink: {url: \"null:\"}\n");
  const std::vector<CheckRow> rows = check_topics(settings.details(), {});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].severity, CheckSeverity::warning);
}

}  // namespace
}  // namespace penstock::appliance
