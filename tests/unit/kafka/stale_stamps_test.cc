// Against a real broker, which PENSTOCK_TEST_BROKER names (host:port), with a topic PENSTOCK_TEST_TOPIC of
// two partitions: tests/integration/test_stamps.py runs it. What the broker makes of commits that carry the
// stamp of the past.
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "io/loop.h"
#include "rdkafka/rd_membership.h"
#include "wire/group_offsets.h"

namespace penstock::kafka {
namespace {

using namespace std::chrono_literals;

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// One member of the group, which accepts whatever the group decides.
struct Member {
  Member(io::Loop& loop, const source::ConsumerOptions& options) {
    auto joined = rdkafka::join_by_librdkafka(options, loop)();
    EXPECT_TRUE(joined.ok());
    membership = std::move(joined).value();
  }

  void poll() {
    std::vector<source::MembershipEvent> events;
    membership->poll(events);
    for (source::MembershipEvent& event : events) {
      if (event.kind == source::MembershipEvent::Kind::assigned) {
        stamp = event.stamp;
        partitions = event.partitions;
      } else if (event.kind != source::MembershipEvent::Kind::error) {
        stamp.reset();
        membership->unassign();
      } else {
        EXPECT_EQ(event.error->action, Action::retry) << event.error->message;
      }
    }
  }

  std::unique_ptr<source::Membership> membership;
  std::optional<MemberStamp> stamp;  // while it has an assignment
  std::vector<TopicPartition> partitions;
};

class StaleStamps : public testing::Test {
 protected:
  void SetUp() override {
    broker = setting("PENSTOCK_TEST_BROKER");
    topic = setting("PENSTOCK_TEST_TOPIC");
    if (broker.empty() || topic.empty()) {
      GTEST_SKIP() << "needs a Kafka broker: tests/integration/test_stamps.py gives it one";
    }
    options.brokers = {broker};
    options.topics = {topic};
    options.group = topic + "-" + testing::UnitTest::GetInstance()->current_test_info()->name();
    options.passthrough = {{"session.timeout.ms", "6000"}, {"heartbeat.interval.ms", "300"}};
    loop = std::move(io::make_loop({}, system_clock())).value();
    cluster = std::move(wire::ClusterClient::make(*loop, system_clock(), {broker}, {})).value();
    offsets = std::make_unique<wire::GroupOffsets>(*loop, system_clock(), *cluster, wire::BrokerAccess{},
                                                   options.group);
  }

  void run_until(std::initializer_list<Member*> members, const std::function<bool()>& done) {
    const MonoTime given_up = system_clock().now() + 60s;
    while (!done()) {
      ASSERT_LT(system_clock().now(), given_up) << "it does not get there";
      for (Member* member : members) {
        member->poll();
      }
      loop->run_once(10ms);
    }
  }

  // The members' heartbeats go on meanwhile, by the library's own threads.
  CommitReply commit(const MemberStamp& stamp, std::int64_t position) {
    std::optional<CommitReply> got;
    while (!got || got->worst() == CommitOutcome::not_done) {  // a new group's coordinator may be loading
      got.reset();
      offsets->commit(stamp,
                      {{.id = {topic, Partition{0}}, .position = Position{position}, .metadata = "claim"}},
                      10s, [&](CommitReply reply) { got = std::move(reply); });
      run_until({}, [&] { return got.has_value(); });
    }
    return *got;
  }

  std::optional<GroupEntry> entry() {
    std::optional<Result<wire::GroupEntries>> got;
    offsets->read({{topic, Partition{0}}},
                  [&](Result<wire::GroupEntries> entries) { got = std::move(entries); });
    run_until({}, [&] { return got.has_value(); });
    EXPECT_TRUE(got->ok());
    return (*got)->at(0);
  }

  void expect_refused(const CommitReply& reply, const std::string& code) {
    EXPECT_EQ(reply.worst(), CommitOutcome::refused);
    EXPECT_TRUE(reply.membership_lost);
    ASSERT_NE(reply.error(), nullptr);
    EXPECT_EQ(reply.error()->code, code) << reply.error()->message;
  }

  std::string broker;
  std::string topic;
  source::ConsumerOptions options;
  std::unique_ptr<io::Loop> loop;
  std::unique_ptr<wire::ClusterClient> cluster;
  std::unique_ptr<wire::GroupOffsets> offsets;
};

TEST_F(StaleStamps, the_former_generation_is_refused) {
  Member first(*loop, options);
  run_until({&first}, [&] { return first.stamp.has_value(); });
  const MemberStamp former = *first.stamp;
  EXPECT_EQ(commit(former, 10).worst(), CommitOutcome::done);

  Member second(*loop, options);
  run_until({&first, &second}, [&] { return second.stamp && first.stamp && first.partitions.size() == 1; });
  EXPECT_EQ(first.stamp->member_id, former.member_id);
  EXPECT_GT(first.stamp->generation, former.generation);
  expect_refused(commit(former, 11), "ILLEGAL_GENERATION");
  EXPECT_EQ(entry()->position, Position{10}) << "it has not taken effect";
  EXPECT_EQ(commit(*first.stamp, 12).worst(), CommitOutcome::done);
  EXPECT_EQ(entry()->position, Position{12});
  EXPECT_EQ(entry()->metadata, "claim");
  first.membership->close(5s);
  second.membership->close(5s);
}

TEST_F(StaleStamps, the_former_member_is_refused_after_a_static_takeover) {
  options.group_instance_id = "instance";
  Member first(*loop, options);
  run_until({&first}, [&] { return first.stamp.has_value(); });
  const MemberStamp former = *first.stamp;
  EXPECT_EQ(former.instance_id, "instance");
  EXPECT_EQ(commit(former, 10).worst(), CommitOutcome::done);

  Member second(*loop, options);
  run_until({&second}, [&] { return second.stamp.has_value(); });
  EXPECT_NE(second.stamp->member_id, former.member_id);
  expect_refused(commit(former, 11), "FENCED_INSTANCE_ID");
  EXPECT_EQ(entry()->position, Position{10});
  EXPECT_EQ(commit(*second.stamp, 12).worst(), CommitOutcome::done);
  first.membership->close(5s);
  second.membership->close(5s);
}

TEST_F(StaleStamps, a_member_that_left_is_refused_in_the_empty_group) {
  std::optional<MemberStamp> former;
  {
    Member only(*loop, options);
    run_until({&only}, [&] { return only.stamp.has_value(); });
    former = only.stamp;
    EXPECT_EQ(commit(*former, 10).worst(), CommitOutcome::done);
    only.membership->close(10s);
  }
  expect_refused(commit(*former, 11), "UNKNOWN_MEMBER_ID");
  EXPECT_EQ(entry()->position, Position{10});
}

}  // namespace
}  // namespace penstock::kafka
