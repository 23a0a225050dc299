#include "rdkafka/cluster_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdkafka/mock_cluster.h"

namespace penstock::rdkafka {
namespace {

using ::testing::HasSubstr;

source::ConsumerOptions options_for(const std::string& brokers) {
  source::ConsumerOptions options;
  options.brokers = {brokers};
  options.group = "probe";
  options.topics = {"orders"};
  return options;
}

TEST(ClusterProbe, tells_brokers_topics_logs_and_what_is_unknown) {
  auto cluster = MockCluster::start(1);
  ASSERT_TRUE(cluster.ok());
  ASSERT_TRUE((*cluster)->create_topic("orders", 3).ok());
  ASSERT_TRUE((*cluster)->create_topic("orders-old", 1).ok());
  auto producer = Producer::create((*cluster)->brokers());
  ASSERT_TRUE(producer.ok());
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE((*producer)->offer("orders", Partition{1}, "k", "v").ok());
  }
  ASSERT_TRUE((*producer)->flush(std::chrono::seconds(20)));

  source::ConsumerOptions options = options_for((*cluster)->brokers());
  options.topics = {"orders", "oders"};
  const auto report = probe_cluster(options, std::chrono::seconds(10));
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->brokers, std::vector<std::string>{(*cluster)->brokers()});
  ASSERT_EQ(report->topics.size(), 1u);
  EXPECT_EQ(report->topics[0].name, "orders");
  EXPECT_EQ(report->topics[0].partition_count, 3u);
  ASSERT_EQ(report->topic_errors.size(), 1u);
  EXPECT_THAT(report->topic_errors[0].message, HasSubstr("topic oders"));
  EXPECT_EQ(report->others, std::vector<std::string>{"orders-old"});
  EXPECT_FALSE(report->logs_error.has_value());
  EXPECT_FALSE(report->group_error.has_value()) << report->group_error->message;
  EXPECT_TRUE(report->committed.empty());
  const std::map<TopicPartition, source::LogBounds> logs{
      {{"orders", Partition{0}}, {Position{0}, Position{0}}},
      {{"orders", Partition{1}}, {Position{0}, Position{4}}},
      {{"orders", Partition{2}}, {Position{0}, Position{0}}}};
  EXPECT_EQ(report->logs, logs);

  options.topics = {"^ord.*"};
  const auto matched = probe_cluster(options, std::chrono::seconds(10));
  ASSERT_TRUE(matched.ok());
  EXPECT_EQ(matched->topics.size(), 2u);
  EXPECT_TRUE(matched->topic_errors.empty());
}

TEST(ClusterProbe, names_the_broker_that_does_not_answer) {
  const auto report = probe_cluster(options_for("127.0.0.1:1"), std::chrono::seconds(1));
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(report.error().message, HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(report.error().action, Action::retry);
}

TEST(ClusterProbe, names_tls_where_the_broker_does_not_speak_it) {
  auto cluster = MockCluster::start(1);
  ASSERT_TRUE(cluster.ok());
  source::ConsumerOptions options = options_for((*cluster)->brokers());
  options.tls = source::Tls::enabled;
  const auto report = probe_cluster(options, std::chrono::seconds(2));
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(report.error().message, HasSubstr((*cluster)->brokers()));
}

TEST(ClusterProbe, refuses_a_broken_pattern) {
  source::ConsumerOptions options = options_for("127.0.0.1:1");
  options.topics = {"^[a"};
  const auto report = probe_cluster(options, std::chrono::seconds(1));
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(report.error().message, HasSubstr("regular expression"));
}

}  // namespace
}  // namespace penstock::rdkafka
