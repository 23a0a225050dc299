// librdkafka's own fetch against librdkafka's in-process brokers.
#include "rdkafka/librdkafka_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include "unit/rdkafka/source_fixture.h"

namespace penstock::rdkafka {
namespace {

using ::testing::HasSubstr;

struct LibrdkafkaReader : Reader {
  explicit LibrdkafkaReader(source::SourceOptions options)
      : Reader([&](io::Loop& its_loop) {
          return std::make_unique<LibrdkafkaSource>(its_loop, system_clock(), std::move(options));
        }) {}
};

class LibrdkafkaSourceTest : public SourceTest {
 protected:
  source::SourceOptions options(const std::string& group = "g") const {
    source::SourceOptions made;
    made.consumer = client_options(group);
    return made;
  }
};

TEST_F(LibrdkafkaSourceTest, hands_over_every_record_in_order_whatever_is_taken_at_a_time) {
  LibrdkafkaReader reader(options());
  LibrdkafkaReader nibbler(options("nibbler"));
  expect_both_read_all(reader, nibbler);
  EXPECT_EQ(producer->delivered_count(), 1000u);
}

TEST_F(LibrdkafkaSourceTest, without_room_nothing_is_handed_over_and_membership_stays) {
  produce(Partition{0}, 0, 50);
  LibrdkafkaReader reader(options());
  reader.has_room = false;
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.holding; }));
  // Longer than the session: only heartbeats and polls keep the membership.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5000);
  run_until({&reader}, [&] { return std::chrono::steady_clock::now() > until; });
  EXPECT_EQ(reader.record_count, 0u);
  EXPECT_EQ(reader.revoked_count, 0);
  reader.has_room = true;
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 50; }));
  expect_sequence(reader.records[k_orders_0], 0, 0, 50);
}

TEST_F(LibrdkafkaSourceTest, a_fenced_member_joins_again_once) {
  LibrdkafkaReader reader(options());
  expect_fenced_member_joins_again_once(reader);
}

TEST_F(LibrdkafkaSourceTest, a_commit_of_a_fenced_member_is_answered) {
  constexpr std::int16_t k_offset_commit = 8;
  constexpr std::int16_t k_heartbeat = 12;
  produce(Partition{0}, 0, 5);
  LibrdkafkaReader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 5; }));
  const std::vector<int> load_in_progress(1000, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
  cluster->fail_next(k_offset_commit, load_in_progress);  // the library tries again and again
  std::optional<CommitReply> answer;
  reader.source.commit(std::vector<CommitItem>{{PartitionSlot{0}, Position{5}, ""}},
                       [&](CommitReply got) { answer = std::move(got); });
  cluster->fail_next(k_heartbeat, std::vector<int>{RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID});
  EXPECT_TRUE(run_until({&reader}, [&] { return reader.assignment_count == 2; })) << all_errors(reader);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->worst(), CommitOutcome::unknown);
}

TEST_F(LibrdkafkaSourceTest, goes_on_from_what_was_committed) {
  produce(Partition{0}, 0, 100);
  {
    LibrdkafkaReader reader(options());
    ASSERT_TRUE(reader.start().ok());
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 100; }));
    const CommitReply committed =
        commit(reader, {{PartitionSlot{0}, Position{40}, "note"}, {PartitionSlot{1}, Position{0}, ""}});
    EXPECT_EQ(committed.worst(), CommitOutcome::done) << committed.error()->message;
    reader.end();
  }
  // A start at the latest would be 100: the group's entry goes before source.start.
  source::SourceOptions latest = options();
  latest.consumer.start.at = source::StartAt::latest;
  LibrdkafkaReader reader(latest);
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 60; }));
  EXPECT_EQ(reader.assigned[0].start, Position{40});
  EXPECT_TRUE(reader.assigned[0].entry.has_value());
  expect_sequence(reader.records[k_orders_0], 0, 40, 60);
}

TEST_F(LibrdkafkaSourceTest, starts_at_the_latest_and_sees_what_comes_after) {
  produce(Partition{0}, 0, 30);
  source::SourceOptions latest = options();
  latest.consumer.start.at = source::StartAt::latest;
  LibrdkafkaReader reader(latest);
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.holding; }));
  EXPECT_EQ(reader.assigned[0].start, Position{30});
  produce(Partition{0}, 30, 5);
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 5; }));
  expect_sequence(reader.records[k_orders_0], 0, 30, 5);
}

TEST_F(LibrdkafkaSourceTest, a_second_member_gets_its_share_only_after_release) {
  LibrdkafkaReader first(options());
  LibrdkafkaReader second(options());
  expect_second_member_gets_its_share(first, second, [&] {
    // A commit has an outcome. (Kafka takes it; the mock refuses, as Kafka does when the drain took too
    // long.)
    const CommitReply late = commit(first, {{PartitionSlot{0}, Position{20}, ""}});
    EXPECT_TRUE(late.worst() == CommitOutcome::done || late.error()->kind == ErrorKind::canceled)
        << late.error()->message;
  });
}

TEST_F(LibrdkafkaSourceTest, end_marks_are_reached_and_new_partitions_count_as_reached) {
  source::SourceOptions to_end = options();
  to_end.end_marks = std::map<TopicPartition, Position>{{k_orders_0, Position{25}}};
  LibrdkafkaReader reader(to_end);
  expect_end_marks_are_reached(reader);
}

TEST_F(LibrdkafkaSourceTest, a_committed_position_outside_the_log_stops_that_partition_only) {
  produce(Partition{0}, 0, 10);
  produce(Partition{1}, 0, 10);
  {
    LibrdkafkaReader reader(options());
    ASSERT_TRUE(reader.start().ok());
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 20; }));
    EXPECT_EQ(
        commit(reader, {{PartitionSlot{0}, Position{500}, ""}, {PartitionSlot{1}, Position{5}, ""}}).worst(),
        CommitOutcome::done);
    reader.end();
  }
  LibrdkafkaReader reader(options());
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
  source::SourceOptions going_on = options();
  going_on.consumer.on_data_loss = source::OnDataLoss::go_on;
  // The library stops prefetching at about 2.5 MB, well before what the mock keeps begins.
  going_on.consumer.passthrough["queued.max.messages.kbytes"] = "2000";
  produce(Partition{0}, 0, 10, 1000);
  LibrdkafkaReader reader(going_on);
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 10; }));
  reader.has_room = false;
  produce(Partition{0}, 10, 9000, 1000);
  reader.has_room = true;
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

// For a moment nothing is assigned. The library may stop the old fetchers after the new ones were asked for.
TEST_F(LibrdkafkaSourceTest, partitions_that_were_all_held_go_on_when_they_are_fetched_again_at_once) {
  LibrdkafkaReader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.holding; }));
  constexpr int k_rounds = 30;
  for (int round = 0; round < k_rounds; ++round) {
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      reader.source.hold(PartitionSlot{slot});
    }
    reader.source.poll();
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      reader.source.fetch_from(PartitionSlot{slot}, Position{round});
    }
    reader.source.poll();
    produce(Partition{0}, round, 1);
    produce(Partition{1}, round, 1);
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 2U * (round + 1U); }))
        << "round " << round;
  }
  expect_sequence(reader.records[k_orders_0], 0, 0, k_rounds);
  expect_sequence(reader.records[k_orders_1], 1, 0, k_rounds);
}

// A worker's turn may call it after poll(), and then sleep.
TEST_F(LibrdkafkaSourceTest, fetch_from_does_not_let_the_loop_sleep_before_it_is_polled) {
  LibrdkafkaReader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.holding; }));
  reader.source.hold(PartitionSlot{0});
  // Until nothing else wakes the loop.
  const auto sleeps = [&] {
    reader.source.poll();
    const auto began = std::chrono::steady_clock::now();
    reader.loop->run_once(std::chrono::seconds(1));
    return std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(900);
  };
  ASSERT_TRUE(run_until({&reader}, sleeps));
  reader.source.fetch_from(PartitionSlot{0}, Position{0});
  const auto began = std::chrono::steady_clock::now();
  reader.loop->run_once(std::chrono::seconds(10));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8));
}

TEST_F(LibrdkafkaSourceTest, an_unknown_topic_at_start_is_named_and_the_others_are_read) {
  source::SourceOptions unknown = options();
  unknown.consumer.topics = {"orders", "oders"};
  LibrdkafkaReader reader(unknown);
  expect_unknown_topic_is_named_and_others_are_read(reader);
}

TEST_F(LibrdkafkaSourceTest, a_pattern_matches_topics) {
  produce(Partition{0}, 0, 3);
  source::SourceOptions pattern = options();
  pattern.consumer.topics = {"^ord.*"};
  LibrdkafkaReader reader(pattern);
  ASSERT_TRUE(reader.start().ok());
  EXPECT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 3; }));
}

TEST_F(LibrdkafkaSourceTest, an_outage_is_reported_once_and_survived) {
  LibrdkafkaReader reader(options());
  expect_outage_is_survived(reader, [] {});
}

TEST_F(LibrdkafkaSourceTest, brokers_that_do_not_answer_are_reported_and_close_does_not_hang) {
  source::SourceOptions unreachable;
  unreachable.consumer = unreachable_options();
  LibrdkafkaReader reader(unreachable);
  expect_silence_is_told_and_close_does_not_hang(reader);
}

TEST_F(LibrdkafkaSourceTest, start_refuses_what_cannot_work) {
  source::SourceOptions misspelled;
  misspelled.consumer = unreachable_options();
  misspelled.consumer.passthrough = {{"fetch.mni.bytes", "1"}};
  LibrdkafkaReader reader(misspelled);
  const Result<void> started = reader.start();
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().message, HasSubstr("fetch.mni.bytes"));
}

}  // namespace
}  // namespace penstock::rdkafka
