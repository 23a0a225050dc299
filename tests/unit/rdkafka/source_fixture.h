// librdkafka's in-process brokers with a topic of two partitions, a producer into it, and what both sources
// must do alike on them. A group's first join takes 3 s there, so each test holds what fits into one join.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rdkafka/mock_cluster.h"
#include "unit/source/reader.h"

namespace penstock::rdkafka {

using source::all_errors;
using source::has_error;
using source::Reader;
using source::ReadRecord;
using source::run_until;

inline const TopicPartition k_orders_0{"orders", Partition{0}};
inline const TopicPartition k_orders_1{"orders", Partition{1}};

class SourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = MockCluster::start(1);
    ASSERT_TRUE(started.ok());
    cluster = std::move(*started);
    ASSERT_TRUE(cluster->create_topic("orders", 2).ok());
    auto created = Producer::create(cluster->brokers());
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
      if (*offered == Producer::Offer::queued) {
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

  // What both sources must do alike

  // Both partitions, 700 and 300 records, whatever each reader takes at a time.
  void expect_both_read_all(Reader& reader, Reader& nibbler) {
    produce(Partition{0}, 0, 700);
    produce(Partition{1}, 0, 300);
    nibbler.take_max = 7;
    ASSERT_TRUE(reader.start().ok());
    ASSERT_TRUE(nibbler.start().ok());
    ASSERT_TRUE(run_until({&reader, &nibbler},
                          [&] { return reader.record_count >= 1000 && nibbler.record_count >= 1000; }));
    for (Reader* each : {&reader, &nibbler}) {
      expect_sequence(each->records[k_orders_0], 0, 0, 700);
      expect_sequence(each->records[k_orders_1], 1, 0, 300);
      ASSERT_EQ(each->assigned.size(), 2U);
      EXPECT_EQ(each->assigned[0].start, Position{0});
      EXPECT_FALSE(each->assigned[0].entry.has_value());
      EXPECT_EQ(each->reached[k_orders_0], Position{700});
      EXPECT_EQ(each->source.counters().stale_records, 0U);
      EXPECT_EQ(all_errors(*each), "");
    }
    std::vector<source::PartitionState> states;
    reader.source.partition_states(states);
    ASSERT_EQ(states.size(), 2U);
    EXPECT_EQ(states[0].position, Position{700});
    EXPECT_EQ(states[0].log_end, Position{700});
    EXPECT_FALSE(states[0].at_end_mark) << "none was given";
  }

  // The partition has 25 records, and its end mark there. The other had no mark: it did not exist.
  void expect_end_marks_are_reached(Reader& reader) {
    produce(Partition{0}, 0, 25);
    reader.take_max = 10;
    ASSERT_TRUE(reader.start().ok());
    std::vector<source::PartitionState> states;
    ASSERT_TRUE(run_until({&reader}, [&] {
      reader.source.partition_states(states);
      if (states.size() < 2) {
        return false;
      }
      EXPECT_EQ(states[0].at_end_mark, reader.records[k_orders_0].size() == 25);
      EXPECT_TRUE(states[1].at_end_mark);
      return states[0].at_end_mark;
    }));
    EXPECT_EQ(reader.record_count, 25U);
  }

  // `first` reads and commits all 40 records. `second` joins, and gets its share when `first` has released
  // its own. `while_draining` runs after the revoke and before that.
  void expect_second_member_gets_its_share(Reader& first, Reader& second,
                                           const std::function<void()>& while_draining) {
    produce(Partition{0}, 0, 20);
    produce(Partition{1}, 0, 20);
    ASSERT_TRUE(first.start().ok());
    ASSERT_TRUE(run_until({&first}, [&] { return first.record_count >= 40; }));
    EXPECT_EQ(
        commit(first, {{PartitionSlot{0}, Position{20}, "a"}, {PartitionSlot{1}, Position{20}, "b"}}).worst(),
        CommitOutcome::done);
    first.release_allowed = false;
    ASSERT_TRUE(second.start().ok());
    ASSERT_TRUE(run_until({&first, &second}, [&] { return first.revoked_count == 1; }));
    EXPECT_EQ(first.revoked_reason, source::RevokeReason::rebalance);
    while_draining();
    EXPECT_FALSE(second.holding);

    first.release_allowed = true;
    ASSERT_TRUE(run_until({&first, &second}, [&] {
      return first.holding && second.holding && first.assigned.size() == 1 && second.assigned.size() == 1;
    }));
    EXPECT_NE(first.assigned[0].id, second.assigned[0].id);
    EXPECT_EQ(second.assigned[0].start, Position{20});
    EXPECT_TRUE(second.assigned[0].entry.has_value());
    produce(Partition{0}, 20, 5);
    produce(Partition{1}, 20, 5);
    ASSERT_TRUE(run_until({&first, &second}, [&] { return first.record_count + second.record_count >= 50; }));
    EXPECT_EQ(second.record_count, 5U);
  }

  // The reader's topics are "orders" and "oders".
  void expect_unknown_topic_is_named_and_others_are_read(Reader& reader) {
    constexpr int k_unknown_topic = 3;
    cluster->fail_topic("oders", k_unknown_topic);
    ASSERT_TRUE(reader.start().ok());
    EXPECT_TRUE(run_until(
        {&reader},
        [&] { return has_error(reader, Action::retry, "topic oders") && reader.assignment_count > 0; }))
        << all_errors(reader) << reader.assigned.size() << " assigned";
  }

  // `meanwhile` runs while no broker is reached.
  void expect_outage_is_survived(Reader& reader, const std::function<void()>& meanwhile) {
    produce(Partition{0}, 0, 5);
    ASSERT_TRUE(reader.start().ok());
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 5; }));
    cluster->set_brokers(MockCluster::Brokers::down);
    ASSERT_TRUE(run_until({&reader}, [&] { return has_error(reader, Action::retry, "source.brokers"); }));
    meanwhile();
    cluster->set_brokers(MockCluster::Brokers::up);
    produce(Partition{0}, 5, 5);
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.reached[k_orders_0] == Position{10}; }));
    // A machine so slow that the outage costs the session reads again from the beginning.
    const std::vector<ReadRecord>& records = reader.records[k_orders_0];
    expect_sequence({records.end() - 10, records.end()}, 0, 0, 10);
    EXPECT_TRUE(records.size() == 10 || reader.assignment_count > 1) << records.size();
    std::map<std::string, int> reports;
    for (const Error& error : reader.errors) {
      EXPECT_EQ(++reports[error.code], 1) << error.message;
    }
  }

  // By its own late join, as a real broker may: the next one is the place's. Two processes with one instance
  // go on like this, and the second time is the end of one of them.
  void expect_fenced_member_joins_again_once(Reader& reader) {
    constexpr std::int16_t k_heartbeat = 12;
    const std::vector<int> fenced{82};
    produce(Partition{0}, 0, 5);
    ASSERT_TRUE(reader.start().ok());
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 5; }));
    cluster->fail_next(k_heartbeat, fenced);
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.revoked_count == 1; })) << all_errors(reader);
    EXPECT_EQ(reader.revoked_reason, source::RevokeReason::lost);
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.assignment_count == 2; })) << all_errors(reader);
    EXPECT_TRUE(has_error(reader, Action::retry, "joining again")) << all_errors(reader);
    EXPECT_EQ(reader.revoked_count, 1) << "a loss is told once";
    produce(Partition{0}, 5, 5);
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.reached[k_orders_0] == Position{10}; }));
    EXPECT_EQ(commit(reader, {{PartitionSlot{0}, Position{10}, ""}}).worst(), CommitOutcome::done);

    EXPECT_FALSE(has_error(reader, Action::fatal, "")) << all_errors(reader);
    cluster->fail_next(k_heartbeat, fenced);
    EXPECT_TRUE(run_until({&reader}, [&] { return has_error(reader, Action::fatal, "source.instance"); }))
        << all_errors(reader);
    reader.end();
  }

  // `reader` has unreachable_options(), and no cluster is needed.
  static void expect_silence_is_told_and_close_does_not_hang(Reader& reader) {
    ASSERT_TRUE(reader.start().ok());
    EXPECT_TRUE(run_until({&reader}, [&] { return has_error(reader, Action::retry, "127.0.0.1:1"); }));
    reader.end();
    EXPECT_EQ(reader.assignment_count, 0);
  }

  static source::ConsumerOptions unreachable_options() {
    source::ConsumerOptions made;
    made.brokers = {"127.0.0.1:1"};
    made.group = "g";
    made.topics = {"orders"};
    return made;
  }

  std::unique_ptr<MockCluster> cluster;
  std::unique_ptr<Producer> producer;
};

}  // namespace penstock::rdkafka
