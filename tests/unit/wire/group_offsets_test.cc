#include "wire/group_offsets.h"

#include <memory>
#include <optional>
#include <tuple>

#include "unit/io/loop_fixture.h"
#include "unit/wire/script_broker.h"

namespace penstock::wire {
namespace {

using io::Choice;
using io::choice_name;
using namespace std::chrono_literals;

struct CodeRow {
  std::string topic;
  std::int32_t partition;
  std::int16_t code;
};

std::string commit_body(const std::vector<CodeRow>& rows) {
  Body out;
  out.writer.int32(0);
  out.writer.array_count(rows.size());
  for (const CodeRow& row : rows) {
    out.writer.string(row.topic);
    out.writer.array_count(1);
    out.writer.int32(row.partition);
    out.writer.int16(row.code);
  }
  return out.text();
}

struct EntryRow {
  std::string topic;
  std::int32_t partition;
  std::int64_t position;
  std::string metadata = {};
  std::int16_t code = 0;
  std::int32_t epoch = -1;
};

std::string entries_body(const std::vector<EntryRow>& rows, std::int16_t code = 0) {
  Body out;
  out.writer.int32(0);
  out.writer.array_count(rows.size());
  for (const EntryRow& row : rows) {
    out.writer.string(row.topic);
    out.writer.array_count(1);
    out.writer.int32(row.partition);
    out.writer.int64(row.position);
    out.writer.int32(row.epoch);
    out.writer.string(row.metadata);
    out.writer.int16(row.code);
  }
  out.writer.int16(code);
  return out.text();
}

class GroupOffsetsTest : public io::LoopTest {
 protected:
  void SetUp() override {
    io::LoopTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    auto made = ClusterClient::make(*loop, system_clock(), {broker.address()}, {});
    cluster = std::move(made).value();
    offsets = std::make_unique<GroupOffsets>(*loop, system_clock(), *cluster, BrokerAccess{}, "group");
  }
  void TearDown() override {
    offsets.reset();
    cluster.reset();
    loop.reset();
  }

  // The broker coordinates the group itself; `other` answers what is asked of the coordinator.
  void coordinate(ScriptBroker::Script other) {
    broker.use([this, other = std::move(other)](const Call& call) -> std::optional<Answer> {
      if (call.api == ApiKey::find_coordinator) {
        return Answer{.bytes = coordinator_body(broker.port())};
      }
      return call.api == ApiKey::api_versions ? std::nullopt : other(call);
    });
  }

  std::shared_ptr<std::optional<CommitReply>> start_commit(Duration timeout = 5s) {
    auto got = std::make_shared<std::optional<CommitReply>>();
    offsets->commit(
        {.generation = 5, .member_id = "me", .instance_id = std::nullopt},
        {{.id = {"a", Partition{0}}, .position = Position{10}, .metadata = "m", .leader_epoch = 4},
         {.id = {"b", Partition{3}}, .position = Position{20}, .metadata = ""}},
        timeout, [got](CommitReply reply) {
          EXPECT_FALSE(got->has_value()) << "told twice";
          *got = std::move(reply);
        });
    return got;
  }

  CommitReply commit(Duration timeout = 5s) {
    const auto got = start_commit(timeout);
    run_until([&] { return got->has_value(); });
    return **got;
  }

  std::shared_ptr<std::optional<Result<GroupEntries>>> start_read() {
    auto got = std::make_shared<std::optional<Result<GroupEntries>>>();
    offsets->read({{"b", Partition{3}}, {"a", Partition{0}}},
                  [got](Result<GroupEntries> entries) { *got = std::move(entries); });
    return got;
  }
  Result<GroupEntries> read() {
    const auto got = start_read();
    run_until([&] { return got->has_value(); });
    return **got;
  }

  ScriptBroker broker{nullptr};
  std::unique_ptr<ClusterClient> cluster;
  std::unique_ptr<GroupOffsets> offsets;
};

TEST_P(GroupOffsetsTest, a_commit_carries_its_stamp_and_is_done_when_every_partition_is) {
  coordinate([](const Call&) { return Answer{.bytes = commit_body({{"b", 3, 0}, {"a", 0, 0}})}; });
  const CommitReply reply = commit();
  EXPECT_EQ(reply.worst(), CommitOutcome::done);
  EXPECT_EQ(reply.error(), nullptr);
  const std::string body = broker.calls(ApiKey::offset_commit).at(0).body;
  ByteReader reader(as_bytes(body));
  EXPECT_EQ(reader.string(), "group");
  EXPECT_EQ(reader.int32(), 5);
  EXPECT_EQ(reader.string(), "me");
  EXPECT_EQ(reader.nullable_string(), std::nullopt);
  EXPECT_EQ(reader.array_count(1), 2U);
  for (const auto& [topic, partition, position, epoch, metadata] :
       {std::tuple("a", 0, 10, 4, "m"), std::tuple("b", 3, 20, -1, "")}) {
    EXPECT_EQ(reader.string(), topic);
    EXPECT_EQ(reader.array_count(1), 1U);
    EXPECT_EQ(reader.int32(), partition);
    EXPECT_EQ(reader.int64(), position);
    EXPECT_EQ(reader.int32(), epoch);
    EXPECT_EQ(reader.string(), metadata);
  }
  EXPECT_TRUE(reader.ok() && reader.at_end());
}

TEST_P(GroupOffsetsTest, each_partition_has_its_own_outcome) {
  coordinate([](const Call&) { return Answer{.bytes = commit_body({{"b", 3, 29}, {"a", 0, 0}})}; });
  const CommitReply reply = commit();
  ASSERT_EQ(reply.items.size(), 2U);
  EXPECT_EQ(reply.items[0].outcome, CommitOutcome::done);
  EXPECT_FALSE(reply.items[0].error);
  EXPECT_EQ(reply.items[1].outcome, CommitOutcome::rejected);
  ASSERT_TRUE(reply.items[1].error);
  EXPECT_EQ(reply.items[1].error->code, "TOPIC_AUTHORIZATION_FAILED");
  EXPECT_NE(reply.items[1].error->message.find("topic b, partition 3"), std::string::npos)
      << reply.items[1].error->message;
}

TEST_P(GroupOffsetsTest, the_worst_partition_is_the_outcome) {
  struct Case {
    std::int16_t a;
    std::int16_t b;
    CommitOutcome outcome;
    bool lost = false;
  };
  const Case cases[] = {
      {0, 14, CommitOutcome::not_done},      {22, 22, CommitOutcome::refused, true},
      {25, 0, CommitOutcome::refused, true}, {82, 82, CommitOutcome::refused, true},
      {27, 27, CommitOutcome::refused},      {12, 0, CommitOutcome::rejected},
      {3, 16, CommitOutcome::rejected},      {0, 15, CommitOutcome::unknown},
      {3, 15, CommitOutcome::unknown},  // the copy that may still take effect is what has to be waited for
      {7, 0, CommitOutcome::unknown},        {999, 0, CommitOutcome::unknown},
  };
  for (const Case& each : cases) {
    coordinate([&](const Call&) {
      return Answer{.bytes = commit_body({{"a", 0, each.a}, {"b", 3, each.b}})};
    });
    const CommitReply reply = commit();
    EXPECT_EQ(reply.worst(), each.outcome) << each.a << ", " << each.b;
    EXPECT_EQ(reply.membership_lost, each.lost) << each.a << ", " << each.b;
    ASSERT_NE(reply.error(), nullptr);
    EXPECT_NE(reply.error()->message.find("partition "), std::string::npos) << reply.error()->message;
  }
}

TEST_P(GroupOffsetsTest, a_partition_that_the_broker_does_not_name_is_unknown) {
  coordinate([](const Call&) { return Answer{.bytes = commit_body({{"a", 0, 0}})}; });
  const CommitReply reply = commit();
  EXPECT_EQ(reply.worst(), CommitOutcome::unknown);
  EXPECT_NE(reply.error()->message.find("topic b, partition 3"), std::string::npos) << reply.error()->message;
}

TEST_P(GroupOffsetsTest, a_lost_or_unreadable_reply_is_unknown) {
  coordinate([](const Call&) { return hangs_up(); });
  EXPECT_EQ(commit().worst(), CommitOutcome::unknown);
  coordinate([](const Call&) { return no_answer(); });
  EXPECT_EQ(commit(50ms).worst(), CommitOutcome::unknown);
  coordinate([](const Call&) { return Answer{.bytes = "garbled"}; });
  EXPECT_EQ(commit().worst(), CommitOutcome::unknown);
}

TEST_P(GroupOffsetsTest, what_was_never_sent_is_not_done) {
  std::uint16_t nobody = 0;
  StreamServer::listening(nobody);
  broker.use([&](const Call& call) -> std::optional<Answer> {
    return call.api == ApiKey::find_coordinator ? std::optional(Answer{.bytes = coordinator_body(nobody)})
                                                : std::nullopt;
  });
  EXPECT_EQ(commit().worst(), CommitOutcome::not_done) << "the coordinator does not answer";
  broker.use([&](const Call& call) -> std::optional<Answer> {
    return call.api == ApiKey::find_coordinator ? std::optional(Answer{.bytes = coordinator_body(0, 15)})
                                                : std::nullopt;
  });
  EXPECT_EQ(commit().worst(), CommitOutcome::not_done) << "there is no coordinator";

  coordinate([](const Call&) { return no_answer(); });
  const auto first = start_commit(80ms);
  const auto behind = start_commit(80ms);
  run_until([&] { return behind->has_value(); });
  EXPECT_EQ((*first)->worst(), CommitOutcome::unknown);
  EXPECT_EQ((*behind)->worst(), CommitOutcome::not_done)
      << "it waited in the queue when the connection failed";
}

TEST_P(GroupOffsetsTest, follows_the_coordinator) {
  ScriptBroker second([](const Call& call) -> std::optional<Answer> {
    return call.api == ApiKey::offset_commit
               ? std::optional(Answer{.bytes = commit_body({{"a", 0, 0}, {"b", 3, 0}})})
               : std::nullopt;
  });
  std::uint16_t coordinator = broker.port();
  broker.use([&](const Call& call) -> std::optional<Answer> {
    if (call.api == ApiKey::find_coordinator) {
      return Answer{.bytes = coordinator_body(coordinator)};
    }
    if (call.api == ApiKey::offset_commit) {
      coordinator = second.port();
      return Answer{.bytes = commit_body({{"a", 0, 16}, {"b", 3, 16}})};
    }
    return std::nullopt;
  });
  EXPECT_EQ(commit().worst(), CommitOutcome::not_done);
  EXPECT_EQ(commit().worst(), CommitOutcome::done);
  EXPECT_EQ(broker.count(ApiKey::find_coordinator), 2U);
  EXPECT_EQ(commit().worst(), CommitOutcome::done);
  EXPECT_EQ(broker.count(ApiKey::find_coordinator), 2U) << "the new one is kept";
}

TEST_P(GroupOffsetsTest, what_waits_behind_the_news_of_a_move_is_told_too) {
  coordinate([](const Call& call) {
    return call.api == ApiKey::offset_commit ? Answer{.bytes = commit_body({{"a", 0, 16}, {"b", 3, 16}})}
                                             : Answer{.bytes = entries_body({})};
  });
  const auto first = start_commit();
  const auto read_behind = start_read();
  const auto behind = start_commit();
  run_until([&] { return behind->has_value() && read_behind->has_value(); });
  EXPECT_EQ((*first)->worst(), CommitOutcome::not_done);
  EXPECT_EQ((*behind)->worst(), CommitOutcome::not_done);
  ASSERT_FALSE((*read_behind)->ok());
  EXPECT_EQ((*read_behind)->error().action, Action::retry);
  EXPECT_EQ(broker.count(ApiKey::offset_commit), 1U);
}

TEST_P(GroupOffsetsTest, reads_entries_in_the_order_asked_for) {
  coordinate([](const Call&) {
    return Answer{.bytes = entries_body({{"a", 0, 7, "meta", 0, 5}, {"b", 3, -1}})};
  });
  const auto entries = read();
  ASSERT_TRUE(entries.ok()) << entries.error().message;
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_FALSE((*entries)[0]) << "nothing is committed for b";
  ASSERT_TRUE((*entries)[1]);
  EXPECT_EQ((*entries)[1]->position, Position{7});
  EXPECT_EQ((*entries)[1]->metadata, "meta");
  EXPECT_EQ((*entries)[1]->leader_epoch, 5);
}

TEST_P(GroupOffsetsTest, reads_are_asked_side_by_side_and_each_has_its_own_answer) {
  coordinate([](const Call& call) {
    const bool a = call.body.find("topic-a") != std::string::npos;
    return Answer{.bytes = entries_body({{a ? "topic-a" : "topic-b", 0, a ? 7 : 9}})};
  });
  std::vector<std::int64_t> positions;
  for (const std::string topic : {"topic-a", "topic-b"}) {
    offsets->read({{topic, Partition{0}}}, [&](const Result<GroupEntries>& entries) {
      ASSERT_TRUE(entries.ok()) << entries.error().message;
      positions.push_back(entries->at(0)->position.value);
    });
  }
  run_until([&] { return positions.size() == 2; });
  EXPECT_EQ(positions, (std::vector<std::int64_t>{7, 9}));
  EXPECT_EQ(broker.count(ApiKey::find_coordinator), 1U);
}

TEST_P(GroupOffsetsTest, read_apart_one_partition_s_error_is_not_its_neighbour_s) {
  coordinate([](const Call&) { return Answer{.bytes = entries_body({{"a", 0, 7}, {"b", 3, -1, "", 29}})}; });
  std::optional<Result<ApartEntries>> got;
  offsets->read_apart({{"b", Partition{3}}, {"a", Partition{0}}, {"c", Partition{1}}},
                      [&](Result<ApartEntries> entries) { got = std::move(entries); });
  run_until([&] { return got.has_value(); });
  ASSERT_TRUE(got->ok()) << got->error().message;
  const ApartEntries& entries = **got;
  ASSERT_EQ(entries.size(), 3U);
  ASSERT_FALSE(entries[0].ok());
  EXPECT_EQ(entries[0].error().code, "TOPIC_AUTHORIZATION_FAILED");
  ASSERT_TRUE(entries[1].ok());
  EXPECT_EQ((*entries[1])->position, Position{7});
  ASSERT_FALSE(entries[2].ok()) << "the broker says nothing of c";
  EXPECT_EQ(entries[2].error().action, Action::retry);
}

TEST_P(GroupOffsetsTest, a_member_leaves_or_is_told_why_not) {
  struct Case {
    std::int16_t code;
    std::int16_t member_code;
    std::string expected;
  };
  for (const Case& each : {Case{0, 0, ""}, Case{15, 0, "COORDINATOR_NOT_AVAILABLE"},
                           Case{0, 25, "UNKNOWN_MEMBER_ID"}, Case{0, 82, "FENCED_INSTANCE_ID"}}) {
    coordinate([&](const Call&) {
      Body out;
      out.writer.int32(0);
      out.writer.int16(each.code);
      out.writer.array_count(1);
      out.writer.string("me");
      out.writer.nullable_string("instance");
      out.writer.int16(each.member_code);
      return Answer{.bytes = out.text()};
    });
    std::optional<Result<void>> got;
    offsets->leave({.generation = 5, .member_id = "me", .instance_id = "instance"}, 5s,
                   [&](Result<void> left) { got = std::move(left); });
    run_until([&] { return got.has_value(); });
    EXPECT_EQ(got->ok() ? "" : got->error().code, each.expected);
    const std::string body = broker.calls(ApiKey::leave_group).back().body;
    ByteReader reader(as_bytes(body));
    EXPECT_EQ(reader.string(), "group");
    EXPECT_EQ(reader.array_count(1), 1U);
    EXPECT_EQ(reader.string(), "me");
    EXPECT_EQ(reader.string(), "instance");
  }
}

TEST_P(GroupOffsetsTest, a_group_is_removed_and_one_that_is_gone_is_no_error) {
  struct Case {
    std::int16_t code;
    std::string expected;
  };
  for (const Case& each : {Case{0, ""}, Case{69, ""}, Case{30, "GROUP_AUTHORIZATION_FAILED"}}) {
    coordinate([&](const Call& call) {
      EXPECT_EQ(call.api, ApiKey::delete_groups);
      Body out;
      out.writer.int32(0);
      out.writer.array_count(1);
      out.writer.string("group");
      out.writer.int16(each.code);
      return Answer{.bytes = out.text()};
    });
    std::optional<Result<void>> got;
    offsets->remove(5s, [&](Result<void> removed) { got = std::move(removed); });
    run_until([&] { return got.has_value(); });
    EXPECT_EQ(got->ok() ? "" : got->error().code, each.expected);
    const std::string body = broker.calls(ApiKey::delete_groups).back().body;
    ByteReader reader(as_bytes(body));
    EXPECT_EQ(reader.array_count(1), 1U);
    EXPECT_EQ(reader.string(), "group");
    EXPECT_TRUE(reader.ok() && reader.at_end());
  }
}

TEST_P(GroupOffsetsTest, an_error_never_means_that_there_is_no_entry) {
  const std::string answers[] = {
      entries_body({{"a", 0, -1}, {"b", 3, -1, "", 88}}),  // one partition's error
      entries_body({}, 14),                                // the group's
      entries_body({{"a", 0, -1}}),                        // b is not named
      "garbled",
  };
  for (const std::string& answer : answers) {
    coordinate([&](const Call&) { return Answer{.bytes = answer}; });
    EXPECT_FALSE(read().ok());
  }
  coordinate([](const Call&) { return hangs_up(); });
  EXPECT_FALSE(read().ok());
}

TEST_P(GroupOffsetsTest, a_coordinator_that_closed_the_idle_connection_is_asked_over_a_new_one) {
  coordinate([](const Call&) { return Answer{.bytes = commit_body({{"a", 0, 0}, {"b", 3, 0}})}; });
  EXPECT_EQ(commit().worst(), CommitOutcome::done);
  broker.hang_up_all();
  run_a_while();
  EXPECT_EQ(commit().worst(), CommitOutcome::done) << "so its outcome is known";
}

PENSTOCK_OVER_BOTH_LOOPS(GroupOffsetsTest);

}  // namespace
}  // namespace penstock::wire
