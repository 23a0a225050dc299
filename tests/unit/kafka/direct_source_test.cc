// Our own fetch and offsets, beside a librdkafka that is only the member, against librdkafka's in-process
// brokers. What a real broker does otherwise, and what the mock has not (transactions, other leaders, stamps
// that are stale), is asked in tests/integration.
#include "kafka/direct_source.h"

#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include "rdkafka/rd_membership.h"
#include "unit/rdkafka/source_fixture.h"
#include "wire/api.h"
#include "wire/group_offsets.h"

namespace penstock::kafka {
namespace {

using ::testing::HasSubstr;

using rdkafka::k_orders_0;
using rdkafka::k_orders_1;
using source::all_errors;
using source::has_error;
using source::Reader;
using source::ReadRecord;
using source::run_until;

using Entries = std::vector<std::optional<GroupEntry>>;

constexpr std::int16_t k_heartbeat = 12;

struct DirectReader : Reader {
  explicit DirectReader(DirectSourceOptions options)
      : Reader([&](io::Loop& its_loop) {
          options.join = rdkafka::join_by_librdkafka(options.consumer, its_loop);
          return std::make_unique<DirectSource>(its_loop, system_clock(), std::move(options));
        }) {}
};

class DirectSourceTest : public rdkafka::SourceTest {
 protected:
  DirectSourceOptions options(const std::string& group = "g") const {
    DirectSourceOptions made;
    made.consumer = client_options(group);
    return made;
  }

  void fail_next(wire::ApiKey api, const std::vector<int>& codes) {
    cluster->fail_next(static_cast<std::int16_t>(api), codes);
  }

  static Result<Entries> read_entries(Reader& reader, const std::vector<PartitionSlot>& slots) {
    std::optional<Result<Entries>> answer;
    std::vector<TopicPartition> partitions;
    for (const PartitionSlot slot : slots) {
      partitions.push_back(reader.assigned.at(slot.value).id);
    }
    reader.source.read_entries(partitions, [&](Result<Entries> got) { answer = std::move(got); });
    EXPECT_FALSE(answer.has_value()) << "done ran in the caller's frame";
    EXPECT_TRUE(run_until({&reader}, [&] { return answer.has_value(); }));
    return answer.value_or(Error{});
  }

  // What a group has committed before anybody joins it: the mock asks no stamp of a group that it does not
  // know.
  void commit_before(const std::string& group, std::vector<EntryToCommit> entries) {
    const auto loop = std::move(io::make_loop({.choice = io::Choice::portable}, system_clock())).value();
    const auto brokers =
        std::move(wire::ClusterClient::make(*loop, system_clock(), {cluster->brokers()}, {})).value();
    wire::GroupOffsets offsets(*loop, system_clock(), *brokers, {}, group);
    std::optional<CommitReply> reply;
    offsets.commit({}, std::move(entries), std::chrono::seconds(20),
                   [&](CommitReply got) { reply = std::move(got); });
    while (!reply) {
      loop->run_once(std::chrono::milliseconds(5));
    }
    ASSERT_EQ(reply->worst(), CommitOutcome::done);
  }
};

// Records

TEST_F(DirectSourceTest, a_fenced_member_joins_again_once) {
  DirectReader reader(options());
  expect_fenced_member_joins_again_once(reader);
}

TEST_F(DirectSourceTest, hands_over_every_record_in_order_whatever_is_taken_at_a_time) {
  DirectReader reader(options());
  DirectReader nibbler(options("nibbler"));
  expect_both_read_all(reader, nibbler);
}

TEST_F(DirectSourceTest, end_marks_are_reached_and_new_partitions_count_as_reached) {
  DirectSourceOptions to_end = options();
  to_end.end_marks = std::map<TopicPartition, Position>{{k_orders_0, Position{25}}};
  DirectReader reader(to_end);
  expect_end_marks_are_reached(reader);
}

TEST_F(DirectSourceTest, keys_values_and_timestamps_come_byte_for_byte_from_the_topics_of_a_pattern) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
  }
  const std::array values{bytes, std::string(), std::string("\r\n"), std::string(300'000, '\0')};
  for (std::size_t i = 0; i < values.size(); ++i) {
    offer(Partition{0}, bytes + std::to_string(i), values[i], 1'700'000'000'000 + static_cast<int>(i));
  }
  ASSERT_TRUE(producer->flush(std::chrono::seconds(20)));
  DirectSourceOptions pattern = options();
  pattern.consumer.topics = {"^ord.*"};
  DirectReader reader(pattern);
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= values.size(); }));
  const std::vector<ReadRecord>& records = reader.records[k_orders_0];
  ASSERT_EQ(records.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(records[i].offset, static_cast<int>(i));
    EXPECT_EQ(records[i].timestamp_ms, 1'700'000'000'000 + static_cast<int>(i));
    EXPECT_TRUE(records[i].key == bytes + std::to_string(i)) << i;
    EXPECT_TRUE(records[i].value == values[i]) << i;
  }
}

TEST_F(DirectSourceTest, nothing_comes_without_room_or_of_a_held_partition_and_a_rewind_brings_it_again) {
  produce(Partition{0}, 0, 50);
  DirectReader reader(options());
  reader.has_room = false;
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.holding; }));
  for (int i = 0; i < 100; ++i) {
    reader.step();
  }
  EXPECT_EQ(reader.record_count, 0U);
  reader.has_room = true;
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 50; }));

  reader.source.hold(PartitionSlot{0});
  produce(Partition{0}, 50, 50);
  // The other one's records say that the broker was asked; twice, as the first answer may be to a question of
  // before.
  for (int i = 1; i <= 2; ++i) {
    produce(Partition{1}, 10 * (i - 1), 10);
    ASSERT_TRUE(run_until({&reader}, [&] { return reader.reached[k_orders_1] == Position{10 * i}; }));
  }
  expect_sequence(reader.records[k_orders_0], 0, 0, 50);

  reader.forget_records();
  reader.source.fetch_from(PartitionSlot{0}, Position{20});
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.reached[k_orders_0] == Position{100}; }));
  expect_sequence(reader.records[k_orders_0], 0, 20, 80);

  // Rewound while what follows is being offered: that is forgotten.
  reader.forget_records();
  reader.take_max = 10;
  reader.source.fetch_from(PartitionSlot{0}, Position{0});
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.records[k_orders_0].size() >= 10; }));
  EXPECT_LT(reader.records[k_orders_0].size(), 100U);
  reader.forget_records();
  reader.take_max = SIZE_MAX;
  reader.source.fetch_from(PartitionSlot{0}, Position{5});
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.reached[k_orders_0] == Position{100}; }));
  expect_sequence(reader.records[k_orders_0], 0, 5, 95);
  EXPECT_EQ(reader.lost_count, 0);
}

// Where an assignment starts

TEST_F(DirectSourceTest, a_new_group_starts_where_it_is_told) {
  produce(Partition{0}, 0, 30);
  DirectSourceOptions latest = options("latest");
  latest.consumer.start.at = source::StartAt::latest;
  // The mock finds no record by time: as if all were older, which is the end.
  DirectSourceOptions by_time = options("by time");
  by_time.consumer.start = {.at = source::StartAt::timestamp, .timestamp_ms = 1'700'000'000'000};
  DirectReader earliest(options("earliest"));
  DirectReader at_end(latest);
  DirectReader at_time(by_time);
  for (Reader* reader : {&earliest, &at_end, &at_time}) {
    ASSERT_TRUE(reader->start().ok());
  }
  ASSERT_TRUE(run_until({&earliest, &at_end, &at_time},
                        [&] { return earliest.holding && at_end.holding && at_time.holding; }));
  EXPECT_EQ(earliest.assigned[0].start, Position{0});
  EXPECT_EQ(at_end.assigned[0].start, Position{30});
  EXPECT_EQ(at_end.assigned[1].start, Position{0});
  EXPECT_EQ(at_time.assigned[0].start, Position{30});

  produce(Partition{0}, 30, 5);
  ASSERT_TRUE(run_until({&earliest, &at_end, &at_time}, [&] {
    return earliest.record_count >= 35 && at_end.record_count >= 5 && at_time.record_count >= 5;
  }));
  expect_sequence(earliest.records[k_orders_0], 0, 0, 35);
  expect_sequence(at_end.records[k_orders_0], 0, 30, 5);
  expect_sequence(at_time.records[k_orders_0], 0, 30, 5);
}

TEST_F(DirectSourceTest, a_start_may_be_given_for_each_partition) {
  produce(Partition{0}, 0, 30);
  produce(Partition{1}, 0, 10);
  DirectSourceOptions given = options("given");
  given.consumer.start = {.at = source::StartAt::given, .given = {{k_orders_0, Position{12}}}};
  DirectReader reader(given);
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 28; }));
  expect_sequence(reader.records[k_orders_0], 0, 12, 18);
  EXPECT_EQ(reader.assigned[1].start, Position{0});
}

TEST_F(DirectSourceTest, an_assignment_waits_until_entries_and_starts_can_be_read) {
  produce(Partition{0}, 0, 10);
  produce(Partition{1}, 0, 10);
  commit_before("g", {{.id = k_orders_0, .position = Position{4}, .metadata = "Grüße"}});
  fail_next(wire::ApiKey::offset_fetch, {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS});
  fail_next(wire::ApiKey::list_offsets, {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
  DirectSourceOptions latest = options();
  latest.consumer.start.at = source::StartAt::latest;
  DirectReader reader(latest);
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 6; }));
  EXPECT_TRUE(has_error(reader, Action::retry, "COORDINATOR_LOAD_IN_PROGRESS")) << all_errors(reader);
  EXPECT_TRUE(has_error(reader, Action::retry, "asking for offsets of topic orders")) << all_errors(reader);
  EXPECT_EQ(reader.assignment_count, 1);
  EXPECT_EQ(reader.assigned[0].entry, (GroupEntry{.position = Position{4}, .metadata = "Grüße"}))
      << "what cannot be read is not absent";
  EXPECT_EQ(reader.assigned[0].start, Position{4});
  EXPECT_FALSE(reader.assigned[1].entry.has_value());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.reached[k_orders_1] == Position{10}; }));
  EXPECT_FALSE(reader.assigned[1].start_known) << "its leader had not answered";
  EXPECT_EQ(reader.starts_found,
            (std::vector<std::pair<TopicPartition, Position>>{{k_orders_1, Position{0}}}));
  EXPECT_TRUE(has_error(reader, Action::retry, "partition 1 is new to a group")) << all_errors(reader);
  expect_sequence(reader.records[k_orders_0], 0, 4, 6);
  expect_sequence(reader.records[k_orders_1], 1, 0, 10);
}

// Commits

TEST_F(DirectSourceTest, a_commit_tells_what_became_of_it_and_is_read_back) {
  produce(Partition{0}, 0, 10);
  DirectReader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 10; }));
  struct Row {
    int code;
    CommitOutcome outcome;
    bool membership_lost;
  };
  for (const Row& row : {Row{RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, CommitOutcome::refused, true},
                         Row{RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, CommitOutcome::refused, true},
                         Row{RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, CommitOutcome::refused, true},
                         Row{RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, CommitOutcome::refused, false},
                         Row{RD_KAFKA_RESP_ERR_NOT_COORDINATOR_FOR_GROUP, CommitOutcome::not_done, false},
                         Row{RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, CommitOutcome::unknown, false}}) {
    fail_next(wire::ApiKey::offset_commit, {row.code});
    const CommitReply answer = commit(reader, {{PartitionSlot{0}, Position{7}, "x"}});
    EXPECT_EQ(answer.worst(), row.outcome) << row.code;
    EXPECT_EQ(answer.membership_lost, row.membership_lost) << row.code;
    ASSERT_NE(answer.error(), nullptr) << row.code;
    EXPECT_THAT(answer.error()->message, HasSubstr("committing position 7 of topic orders, partition 0"));
  }
  Result<Entries> none = read_entries(reader, {PartitionSlot{0}});
  ASSERT_TRUE(none.ok()) << none.error().message;
  EXPECT_EQ(*none, Entries{std::nullopt});

  fail_next(wire::ApiKey::offset_fetch, {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS});
  EXPECT_FALSE(read_entries(reader, {PartitionSlot{0}}).ok()) << "an error is not \"no entry\"";

  const std::string metadata = R"({"v":1,"name":"Grüße.txt"})";
  EXPECT_EQ(commit(reader, {{PartitionSlot{0}, Position{7}, metadata}}).worst(), CommitOutcome::done);
  Result<Entries> after = read_entries(reader, {PartitionSlot{1}, PartitionSlot{0}});
  ASSERT_TRUE(after.ok()) << after.error().message;
  EXPECT_EQ(*after, (Entries{std::nullopt, GroupEntry{.position = Position{7}, .metadata = metadata}}));
}

// The group

TEST_F(DirectSourceTest, a_second_member_gets_its_share_only_after_release) {
  DirectReader first(options());
  DirectReader second(options());
  expect_second_member_gets_its_share(first, second, [&] {
    // A commit has an outcome, and entries can be read. (Kafka takes the commit; the mock refuses, as Kafka
    // does when the drain took too long.)
    first.source.hold(PartitionSlot{0});  // of a fence that was read meanwhile: nothing is to be held
    first.source.fetch_from(PartitionSlot{0}, Position{0});
    const CommitReply late = commit(first, {{PartitionSlot{0}, Position{20}, "late"}});
    EXPECT_EQ(late.worst(), CommitOutcome::refused);
    EXPECT_FALSE(late.membership_lost);
    Result<Entries> entries = read_entries(first, {PartitionSlot{0}});
    ASSERT_TRUE(entries.ok()) << entries.error().message;
    EXPECT_EQ(*entries, (Entries{GroupEntry{.position = Position{20}, .metadata = "a"}}));
  });
  // Each with the stamp of the new generation.
  for (Reader* reader : {&first, &second}) {
    EXPECT_EQ(commit(*reader, {{PartitionSlot{0}, Position{20}, "c"}}).worst(), CommitOutcome::done);
  }
}

TEST_F(DirectSourceTest, a_membership_that_is_lost_ends_the_assignment_and_another_follows) {
  produce(Partition{0}, 0, 10);
  DirectReader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 10; }));
  EXPECT_EQ(commit(reader, {{PartitionSlot{0}, Position{8}, ""}}).worst(), CommitOutcome::done);
  reader.forget_records();
  cluster->fail_next(k_heartbeat, std::array{static_cast<int>(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)});
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.assignment_count == 2; }));
  EXPECT_EQ(reader.revoked_count, 1);
  EXPECT_EQ(reader.revoked_reason, source::RevokeReason::lost);
  EXPECT_EQ(reader.assigned[0].start, Position{8});
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.records[k_orders_0].size() >= 2; }));
  expect_sequence(reader.records[k_orders_0], 0, 8, 2);
  EXPECT_EQ(commit(reader, {{PartitionSlot{0}, Position{10}, ""}}).worst(), CommitOutcome::done);
}

TEST_F(DirectSourceTest, an_unknown_topic_at_start_is_named_and_the_others_are_read) {
  DirectSourceOptions unknown = options();
  unknown.consumer.topics = {"orders", "oders"};
  DirectReader reader(unknown);
  expect_unknown_topic_is_named_and_others_are_read(reader);
}

// Positions that the log has not

// The mock keeps 5 MiB a partition: what is not read in time is gone.
TEST_F(DirectSourceTest, a_position_outside_the_log_stops_its_partition_or_is_told_as_a_gap) {
  DirectSourceOptions continuing = options("continuing");
  continuing.consumer.on_data_loss = source::OnDataLoss::go_on;
  DirectSourceOptions ahead_of_it = options("ahead");
  ahead_of_it.consumer.on_data_loss = source::OnDataLoss::go_on;
  produce(Partition{0}, 0, 10, 1000);
  produce(Partition{1}, 0, 10);
  commit_before("ahead", {{.id = k_orders_0, .position = Position{500'000}, .metadata = ""}});
  DirectReader stopping(options("stopping"));
  DirectReader going_on(continuing);
  DirectReader ahead(ahead_of_it);
  const std::initializer_list<Reader*> all = {&stopping, &going_on, &ahead};
  for (Reader* reader : all) {
    ASSERT_TRUE(reader->start().ok());
  }
  ASSERT_TRUE(run_until(all, [&] {
    return stopping.record_count >= 20 && going_on.record_count >= 20 && ahead.record_count >= 10;
  }));
  stopping.source.hold(PartitionSlot{0});
  going_on.source.hold(PartitionSlot{0});
  produce(Partition{0}, 10, 9000, 1000);
  stopping.source.fetch_from(PartitionSlot{0}, Position{10});
  going_on.source.fetch_from(PartitionSlot{0}, Position{10});
  produce(Partition{1}, 10, 10);
  ASSERT_TRUE(run_until(all, [&] {
    return !stopping.partition_errors.empty() && !ahead.records[k_orders_0].empty() &&
           going_on.reached[k_orders_0] == Position{9010};
  }));
  ASSERT_TRUE(run_until(all, [&] {
    return std::ranges::all_of(all, [](Reader* r) { return r->records[k_orders_1].size() == 20; });
  })) << "the other partition must go on";

  EXPECT_EQ(stopping.partition_errors[0].first, k_orders_0);
  EXPECT_THAT(stopping.partition_errors[0].second.message, HasSubstr("position 10 is not in the log"));
  EXPECT_EQ(stopping.records[k_orders_0].size(), 10U);
  EXPECT_EQ(stopping.lost_count, 0);

  EXPECT_TRUE(ahead.partition_errors.empty());
  ASSERT_EQ(ahead.moves.size(), 1U);
  EXPECT_EQ(ahead.moves[0].first, k_orders_0);
  EXPECT_EQ(ahead.records[k_orders_0].front().offset, ahead.moves[0].second.value) << "the log's start";
  EXPECT_LT(ahead.moves[0].second, Position{9010}) << "not its end";
  EXPECT_TRUE(has_error(ahead, Action::retry, "position 500000 is not in the log")) << all_errors(ahead);

  EXPECT_TRUE(has_error(going_on, Action::retry, "going on at")) << all_errors(going_on);
  EXPECT_EQ(going_on.lost_count, 1);
  EXPECT_TRUE(going_on.partition_errors.empty());
  const std::vector<ReadRecord>& records = going_on.records[k_orders_0];
  ASSERT_GT(records.size(), 11U);
  EXPECT_GT(records[10].offset, 10) << "nothing was deleted";
  for (std::size_t i = 11; i < records.size(); ++i) {
    ASSERT_EQ(records[i].offset, records[i - 1].offset + 1);
  }
}

TEST_F(DirectSourceTest, a_distrusted_position_stops_its_partition_or_moves_to_the_start_of_the_log) {
  produce(Partition{0}, 0, 10);
  produce(Partition{1}, 0, 10);
  DirectSourceOptions continuing = options("continuing");
  continuing.consumer.on_data_loss = source::OnDataLoss::go_on;
  DirectReader stopping(options("stopping"));
  DirectReader going_on(continuing);
  const std::initializer_list<Reader*> all = {&stopping, &going_on};
  for (Reader* reader : all) {
    ASSERT_TRUE(reader->start().ok());
  }
  ASSERT_TRUE(run_until(all, [&] { return stopping.record_count >= 20 && going_on.record_count >= 20; }));
  for (Reader* reader : all) {
    reader->forget_records();
    reader->source.distrust(PartitionSlot{0}, Position{10});
  }
  ASSERT_TRUE(run_until(all, [&] {
    return !stopping.partition_errors.empty() && going_on.reached[k_orders_0] == Position{10};
  }));
  EXPECT_THAT(stopping.partition_errors[0].second.message,
              HasSubstr("topic orders, partition 0: position 10 belongs to a former topic of this name"));
  EXPECT_TRUE(stopping.records[k_orders_0].empty());
  EXPECT_EQ(going_on.moves, (std::vector<std::pair<TopicPartition, Position>>{{k_orders_0, Position{0}}}));
  expect_sequence(going_on.records[k_orders_0], 0, 0, 10);
  EXPECT_TRUE(has_error(going_on, Action::retry, "going on at 0")) << all_errors(going_on);
}

TEST_F(DirectSourceTest, a_partition_that_nobody_leads_keeps_no_other_waiting_and_starts_when_it_is_led) {
  produce(Partition{0}, 0, 10);
  cluster->lead(k_orders_1, rdkafka::MockCluster::k_nobody);
  DirectReader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 10; }));
  EXPECT_FALSE(reader.assigned[1].start_known);
  ASSERT_TRUE(run_until({&reader}, [&] { return !reader.partition_waits.empty(); }));
  EXPECT_EQ(reader.partition_waits[0].first, k_orders_1);
  EXPECT_THAT(reader.partition_waits[0].second.message, HasSubstr("partition 1: no broker leads it"));
  cluster->lead(k_orders_1, 1);
  ASSERT_TRUE(run_until({&reader}, [&] { return !reader.starts_found.empty(); }));
  produce(Partition{1}, 0, 5);
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.reached[k_orders_1] == Position{5}; }));
  EXPECT_EQ(reader.partitions_went_on, std::vector<TopicPartition>{k_orders_1});
}

// Brokers in trouble

TEST_F(DirectSourceTest, a_fetch_that_fails_is_told_and_made_again) {
  produce(Partition{0}, 0, 10);
  DirectReader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 10; }));
  fail_next(wire::ApiKey::fetch, {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_UNKNOWN});
  produce(Partition{0}, 10, 10);
  ASSERT_TRUE(run_until({&reader}, [&] {
    return reader.record_count >= 20 && has_error(reader, Action::retry, "KAFKA_STORAGE_ERROR");
  })) << all_errors(reader);
  expect_sequence(reader.records[k_orders_0], 0, 0, 20);
  EXPECT_TRUE(reader.partition_errors.empty());
  EXPECT_EQ(reader.revoked_count, 0);
  EXPECT_GE(reader.source.counters().errors, 1U);
}

TEST_F(DirectSourceTest, an_outage_is_told_once_and_survived) {
  DirectReader reader(options());
  expect_outage_is_survived(reader, [&] {
    const CommitReply meanwhile = commit(reader, {{PartitionSlot{0}, Position{5}, ""}});
    EXPECT_TRUE(meanwhile.worst() == CommitOutcome::not_done || meanwhile.worst() == CommitOutcome::unknown);
  });
}

// Ends

TEST_F(DirectSourceTest, after_close_nothing_is_told_of_what_was_under_way) {
  produce(Partition{0}, 0, 100);
  DirectReader reader(options());
  reader.take_max = 10;
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(run_until({&reader}, [&] { return reader.record_count >= 10; }));
  // A question about the log is to be asked again after a second.
  fail_next(wire::ApiKey::list_offsets, {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
  reader.source.fetch_from(PartitionSlot{1}, Position{500});
  ASSERT_TRUE(
      run_until({&reader}, [&] { return has_error(reader, Action::retry, "asking for offsets of topic"); }));
  int told = 0;
  reader.source.read_entries({reader.assigned.at(0).id}, [&](const Result<Entries>&) { ++told; });
  const std::vector<CommitItem> commits{{PartitionSlot{0}, Position{10}, ""}};
  reader.source.commit(commits, [&](const CommitReply&) { ++told; });
  const std::size_t count = reader.record_count;
  reader.end();
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1200);
  run_until({&reader}, [&] { return std::chrono::steady_clock::now() > until; });
  EXPECT_EQ(told, 0);
  EXPECT_EQ(reader.record_count, count);
  EXPECT_EQ(reader.revoked_count, 0);
  EXPECT_TRUE(reader.partition_errors.empty());
  std::vector<source::PartitionState> states;
  reader.source.partition_states(states);
  EXPECT_TRUE(states.empty());
}

TEST_F(DirectSourceTest, it_closes_while_an_assignment_is_being_resolved) {
  fail_next(wire::ApiKey::offset_fetch, std::vector<int>(20, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS));
  DirectReader reader(options());
  ASSERT_TRUE(reader.start().ok());
  ASSERT_TRUE(
      run_until({&reader}, [&] { return has_error(reader, Action::retry, "COORDINATOR_LOAD_IN_PROGRESS"); }));
  reader.end();
  for (int i = 0; i < 10; ++i) {
    reader.step();
  }
  EXPECT_EQ(reader.assignment_count, 0);
}

TEST_F(DirectSourceTest, brokers_that_do_not_answer_are_reported_and_close_does_not_hang) {
  DirectSourceOptions unreachable;
  unreachable.consumer = unreachable_options();
  DirectReader reader(unreachable);
  expect_silence_is_told_and_close_does_not_hang(reader);
}

TEST_F(DirectSourceTest, start_refuses_what_cannot_work) {
  const auto refusal = [](void (*spoil)(source::ConsumerOptions&)) {
    DirectSourceOptions spoiled;
    spoiled.consumer = unreachable_options();
    spoil(spoiled.consumer);
    DirectReader reader(spoiled);
    const Result<void> started = reader.start();
    return started.ok() ? std::string("it started") : started.error().message;
  };
  EXPECT_THAT(refusal([](source::ConsumerOptions& o) {
                o.passthrough = {{"fetch.mni.bytes", "1"}};
              }),
              HasSubstr("fetch.mni.bytes"));
  EXPECT_THAT(refusal([](source::ConsumerOptions& o) { o.brokers = {"127.0.0.1"}; }), HasSubstr("127.0.0.1"));
}

}  // namespace
}  // namespace penstock::kafka
