// librdkafka's in-process brokers with a topic of two partitions, a producer into it, and what tests of both sources ask
// of what was read. A group's first join takes 3 s there, so each test holds what fits into one join.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rdkafka/mock_cluster.h"
#include "unit/kafka/reader.h"

namespace penstock::kafka {

inline const TopicPartition k_orders_0{"orders", Partition{0}};
inline const TopicPartition k_orders_1{"orders", Partition{1}};

class SourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = rdkafka::MockCluster::start(1);
    ASSERT_TRUE(started.ok());
    cluster = std::move(*started);
    ASSERT_TRUE(cluster->create_topic("orders", 2).ok());
    auto created = rdkafka::Producer::create(cluster->brokers());
    ASSERT_TRUE(created.ok());
    producer = std::move(*created);
  }

  source::ConsumerOptions client_options(const std::string& group) const {
    source::ConsumerOptions made;
    made.brokers = {cluster->brokers()};
    made.group = group;
    made.topics = {"orders"};
    made.fetch_bytes_min = 1;
    made.fetch_wait = std::chrono::milliseconds(20);
    // The mock waits 3 s for the first join, and session.timeout.ms - 1 s for later ones.
    made.passthrough = {{"session.timeout.ms", "4000"}, {"heartbeat.interval.ms", "200"}};
    return made;
  }

  void offer(Partition partition, const std::string& key, const std::string& value,
             std::int64_t timestamp_ms = 0) {
    for (;;) {
      const auto offered = producer->offer("orders", partition, key, value, timestamp_ms);
      ASSERT_TRUE(offered.ok()) << offered.error().message;
      if (*offered == rdkafka::Producer::Offer::queued) {
        return;
      }
      producer->serve(std::chrono::milliseconds(10));
    }
  }

  // Values "<partition>-<i>".
  void produce(Partition partition, int first, int count, std::size_t padding = 0) {
    for (int i = first; i < first + count; ++i) {
      offer(partition, "k" + std::to_string(i),
            std::to_string(partition.value) + "-" + std::to_string(i) + std::string(padding, ' '));
    }
    ASSERT_TRUE(producer->flush(std::chrono::seconds(20)));
  }

  static void expect_sequence(const std::vector<ReadRecord>& records, int partition, int first, int count) {
    ASSERT_EQ(records.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      const ReadRecord& record = records[static_cast<std::size_t>(i)];
      ASSERT_EQ(record.offset, first + i);
      ASSERT_EQ(record.value, std::to_string(partition) + "-" + std::to_string(first + i));
      ASSERT_EQ(record.key, "k" + std::to_string(first + i));
    }
  }

  static CommitReply commit(Reader& reader, const std::vector<CommitItem>& commits) {
    std::optional<CommitReply> answer;
    reader.source.commit(commits, [&](CommitReply got) { answer = std::move(got); });
    EXPECT_FALSE(answer.has_value()) << "done ran in the caller's frame";
    EXPECT_TRUE(run_until({&reader}, [&] { return answer.has_value(); }));
    return answer.value_or(CommitReply{});
  }

  std::unique_ptr<rdkafka::MockCluster> cluster;
  std::unique_ptr<rdkafka::Producer> producer;
};

}  // namespace penstock::kafka
