// librdkafka's own fetch against librdkafka's in-process brokers.
#include "rdkafka/librdkafka_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include "unit/kafka/source_fixture.h"

namespace penstock::rdkafka {
namespace {

using ::testing::HasSubstr;

class LibrdkafkaSourceTest : public SourceTest {
 protected:
  LibrdkafkaSourceOptions options(const std::string& group = "g") const {
    LibrdkafkaSourceOptions made;
    made.client = client_options(group);
    return made;
  }
};

TEST_F(LibrdkafkaSourceTest, hands_over_every_record_in_order_whatever_is_taken_at_a_time) {
  produce(Partition{0}, 0, 700);
  produce(Partition{1}, 0, 300);
  EXPECT_EQ(producer->delivered_count(), 1000u);

  Reader reader(options());
  Reader nibbler(options("nibbler"));
  nibbler.take_max = 7;
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(nibbler.start().ok());
  ASSERT_TRUE(run_until({&reader, &nibbler},
                        [&] { return reader.record_count >= 1000 && nibbler.record_count >= 1000; }));
  for (Reader* each : {&reader, &nibbler}) {
    expect_sequence(each->records[k_orders_0], 0, 0, 700);
    expect_sequence(each->records[k_orders_1], 1, 0, 300);
    ASSERT_EQ(each->assigned.size(), 2u);
    EXPECT_EQ(each->assigned[0].start, Position{0});
    EXPECT_FALSE(each->assigned[0].entry.has_value());
    EXPECT_EQ(each->source.counters().stale_records, 0u);
  }
  EXPECT_EQ(reader.reached[k_orders_0], Position{700});

  std::vector<source::PartitionState> states;
  reader.source.partition_states(states);
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[0].position, Position{700});
  EXPECT_EQ(states[0].log_end, Position{700});
  EXPECT_FALSE(states[0].at_end_mark);
}

TEST_F(LibrdkafkaSourceTest, without_room_nothing_is_handed_over_and_membership_stays) {
  produce(Partition{0}, 0, 50);
  Reader reader(options());
  reader.room = source::Source::Room::none;
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.holding; }));
  // Longer than the session: only heartbeats and polls keep the membership.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5000);
  run_until({&reader}, [&] { return std::chrono::steady_clock::now() > until; });
  EXPECT_EQ(reader.record_count, 0u);
  EXPECT_EQ(reader.revoked_count, 0);
  reader.room = source::Source::Room::some;
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 50; }));
  expect_sequence(reader.records[k_orders_0], 0, 0, 50);
}

TEST_F(LibrdkafkaSourceTest, goes_on_from_what_was_committed) {
  produce(Partition{0}, 0, 100);
  {
    Reader reader(options());
    ASSERT_TRUE(reader.start().ok());
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 100; }));
    const CommitReply committed =
        commit(reader, {{PartitionSlot{0}, Position{40}, "note"}, {PartitionSlot{1}, Position{0}, ""}});
    EXPECT_EQ(committed.outcome, CommitOutcome::done) << committed.error->message;
    reader.end();
  }
  // A start at the latest would be 100: the group's entry goes before source.start.
  LibrdkafkaSourceOptions latest = options();
  latest.client.start.at = source::StartAt::latest;
  Reader reader(latest);
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 60; }));
  EXPECT_EQ(reader.assigned[0].start, Position{40});
  EXPECT_TRUE(reader.assigned[0].entry.has_value());
  expect_sequence(reader.records[k_orders_0], 0, 40, 60);
}

TEST_F(LibrdkafkaSourceTest, starts_at_the_latest_and_sees_what_comes_after) {
  produce(Partition{0}, 0, 30);
  LibrdkafkaSourceOptions latest = options();
  latest.client.start.at = source::StartAt::latest;
  Reader reader(latest);
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.holding; }));
  EXPECT_EQ(reader.assigned[0].start, Position{30});
  produce(Partition{0}, 30, 5);
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 5; }));
  expect_sequence(reader.records[k_orders_0], 0, 30, 5);
}

TEST_F(LibrdkafkaSourceTest, a_second_member_gets_its_share_only_after_release) {
  produce(Partition{0}, 0, 20);
  produce(Partition{1}, 0, 20);
  Reader first(options());
  ASSERT_TRUE(first.start().ok());
  ASSERT_TRUE(run_until({&first}, [&] { return first.record_count >= 40; }));

  const CommitReply committed =
      commit(first, {{PartitionSlot{0}, Position{20}, ""}, {PartitionSlot{1}, Position{20}, ""}});
  EXPECT_EQ(committed.outcome, CommitOutcome::done) << committed.error->message;

  first.release_allowed = false;
  Reader second(options());
  ASSERT_TRUE(second.start().ok());
  ASSERT_TRUE(run_until({&first, &second}, [&] { return first.revoked_count == 1; }));
  EXPECT_EQ(first.revoked_reason, source::RevokeReason::rebalance);
  // Draining: a commit has an outcome, and nobody gets the partitions. (Kafka takes it; the mock refuses, as
  // Kafka does when the drain took too long.)
  const CommitReply late = commit(first, {{PartitionSlot{0}, Position{20}, ""}});
  EXPECT_TRUE(late.outcome == CommitOutcome::done || late.error->kind == ErrorKind::canceled)
      << late.error->message;
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
  EXPECT_EQ(second.record_count, 5u);
}

TEST_F(LibrdkafkaSourceTest, end_marks_are_reached_and_new_partitions_count_as_reached) {
  produce(Partition{0}, 0, 25);
  LibrdkafkaSourceOptions to_end = options();
  to_end.end_marks = std::map<TopicPartition, Position>{{k_orders_0, Position{25}}};
  Reader reader(to_end);
  reader.take_max = 10;
  ASSERT_TRUE(reader.start().ok());
  std::vector<source::PartitionState> states;
  ASSERT_TRUE(run_until({&reader}, [&] {
    reader.source.partition_states(states);
    return states.size() == 2 && states[0].at_end_mark;
  }));
  EXPECT_EQ(reader.record_count, 25u);
  EXPECT_TRUE(states[1].at_end_mark);
}

TEST_F(LibrdkafkaSourceTest, a_committed_position_outside_the_log_stops_that_partition_only) {
  produce(Partition{0}, 0, 10);
  produce(Partition{1}, 0, 10);
  {
    Reader reader(options());
    ASSERT_TRUE(reader.start().ok());
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 20; }));
    EXPECT_EQ(
        commit(reader, {{PartitionSlot{0}, Position{500}, ""}, {PartitionSlot{1}, Position{5}, ""}}).outcome,
        CommitOutcome::done);
    reader.end();
  }
  Reader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(
      run_until({&reader}, [&] { return reader.record_count >= 5 && !reader.partition_errors.empty(); }));
  EXPECT_EQ(reader.partition_errors[0].first, k_orders_0);
  EXPECT_THAT(reader.partition_errors[0].second.message, HasSubstr("position 500 is not in the log"));
  expect_sequence(reader.records[k_orders_1], 1, 5, 5);
  EXPECT_TRUE(reader.records[k_orders_0].empty());
}

// The mock keeps 5 MiB a partition: what is not read in time is gone.
TEST_F(LibrdkafkaSourceTest, records_deleted_while_reading_are_reported_and_reading_goes_on) {
  LibrdkafkaSourceOptions going_on = options();
  going_on.client.on_data_loss = source::OnDataLoss::go_on;
  // The library stops prefetching at about 2.5 MB, well before what the mock keeps begins.
  going_on.client.passthrough["queued.max.messages.kbytes"] = "2000";
  produce(Partition{0}, 0, 10, 1000);
  Reader reader(going_on);
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 10; }));
  reader.room = source::Source::Room::none;
  produce(Partition{0}, 10, 9000, 1000);
  reader.room = source::Source::Room::some;
  produce(Partition{1}, 0, 10);
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.reached[k_orders_0] == Position{9010}; }));
  EXPECT_TRUE(has_error(reader, Action::retry, "going on at")) << "the gap must be reported";
  const std::vector<ReadRecord>& records = reader.records[k_orders_0];
  EXPECT_LT(records.size(), 9010u);
  for (std::size_t i = 1; i < records.size(); ++i) {
    ASSERT_LT(records[i - 1].offset, records[i].offset);
  }
  EXPECT_TRUE(run_until({&reader}, [&] { return reader.records[k_orders_1].size() == 10; }))
      << "the other partition must go on too";
}

TEST_F(LibrdkafkaSourceTest, an_unknown_topic_at_start_is_fatal_and_named) {
  LibrdkafkaSourceOptions unknown = options();
  unknown.client.topics = {"orders", "oders"};
  cluster->fail_topic("oders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  Reader reader(unknown);
  ASSERT_TRUE(reader.start().ok());
  EXPECT_TRUE(run_until({&reader}, [&] { return has_error(reader, Action::fatal, "topic oders"); }))
      << all_errors(reader) << reader.assigned.size() << " assigned";
}

TEST_F(LibrdkafkaSourceTest, a_pattern_matches_topics) {
  produce(Partition{0}, 0, 3);
  LibrdkafkaSourceOptions pattern = options();
  pattern.client.topics = {"^ord.*"};
  Reader reader(pattern);
  ASSERT_TRUE(reader.start().ok());
  EXPECT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 3; }));
}

TEST_F(LibrdkafkaSourceTest, an_outage_is_reported_once_and_survived) {
  produce(Partition{0}, 0, 5);
  Reader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 5; }));
  cluster->set_brokers(MockCluster::Brokers::down);
  ASSERT_TRUE(run_until({&reader}, [&] { return has_error(reader, Action::retry, "source.brokers"); }));
  cluster->set_brokers(MockCluster::Brokers::up);
  produce(Partition{0}, 5, 5);
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.records[k_orders_0].size() >= 10; }));
  expect_sequence(reader.records[k_orders_0], 0, 0, 10);
  std::map<std::string, int> reports;
  for (const Error& error : reader.errors) {
    EXPECT_EQ(++reports[error.code], 1) << error.message;
  }
}

TEST(LibrdkafkaSource, brokers_that_do_not_answer_are_reported_and_close_does_not_hang) {
  LibrdkafkaSourceOptions options;
  options.client.brokers = {"127.0.0.1:1"};
  options.client.group = "g";
  options.client.topics = {"orders"};
  Reader reader(options);
  ASSERT_TRUE(reader.start().ok());
  EXPECT_TRUE(run_until({&reader}, [&] { return has_error(reader, Action::retry, "127.0.0.1:1"); }));
  reader.end();
  EXPECT_EQ(reader.assignment_count, 0);
}

TEST(LibrdkafkaSource, start_refuses_what_cannot_work) {
  LibrdkafkaSourceOptions options;
  options.client.brokers = {"127.0.0.1:1"};
  options.client.group = "g";
  options.client.topics = {"orders"};
  options.client.passthrough = {{"fetch.mni.bytes", "1"}};
  Reader reader(options);
  const Result<void> started = reader.start();
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().message, HasSubstr("fetch.mni.bytes"));
}

}  // namespace
}  // namespace penstock::rdkafka
