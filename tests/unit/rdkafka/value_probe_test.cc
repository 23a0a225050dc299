#include "rdkafka/value_probe.h"

#include <gtest/gtest.h>

#include "rdkafka/mock_cluster.h"

namespace penstock::rdkafka {
namespace {

TEST(ValueProbe, finds_the_first_value_that_is_not_empty_and_nothing_behind_the_range) {
  auto cluster = MockCluster::start(1);
  ASSERT_TRUE(cluster.ok());
  ASSERT_TRUE((*cluster)->create_topic("orders", 1).ok());
  auto producer = Producer::create((*cluster)->brokers());
  ASSERT_TRUE(producer.ok());
  for (const char* value : {"a", "", "", "d", ""}) {
    ASSERT_TRUE((*producer)->offer("orders", Partition{0}, "k", value).ok());
    ASSERT_TRUE((*producer)->flush(std::chrono::seconds(20)));
  }
  source::ConsumerOptions options;
  options.brokers = {(*cluster)->brokers()};
  options.group = "probe";
  options.topics = {"orders"};
  const auto first = [&](std::int64_t from, std::int64_t to) {
    return first_value(options, {"orders", Partition{0}}, {Position{from}, Position{to}}, Millis(20'000));
  };
  EXPECT_EQ(first(0, 5).value(), Offset{0});
  EXPECT_EQ(first(1, 5).value(), Offset{3});
  EXPECT_EQ(first(1, 3).value(), std::nullopt);
  EXPECT_EQ(first(4, 9).value(), std::nullopt) << "the log ends within";
}

TEST(ValueProbe, no_broker_is_an_error) {
  source::ConsumerOptions options;
  options.brokers = {"127.0.0.1:1"};
  options.group = "probe";
  options.topics = {"orders"};
  EXPECT_FALSE(first_value(options, {"orders", Partition{0}}, {Position{0}, Position{1}}, Millis(500)).ok());
}

}  // namespace
}  // namespace penstock::rdkafka
