#include "source/group_session.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::source {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TopicPartition k_a{"a", Partition{0}};
const TopicPartition k_b{"b", Partition{0}};

class StoppedClock final : public Clock {
 public:
  MonoTime now() const override { return at; }
  WallTime wall_now() const override { return {}; }
  MonoTime at{};
};

// A session over a group that the test speaks for. What it did is written into `log`, in order.
struct Session {
  struct Group final : Membership {
    explicit Group(Session& its_session) : session(its_session) {}
    void poll(std::vector<MembershipEvent>& events) override { events = std::exchange(session.says, {}); }
    void unassign() override { session.log.push_back("unassign"); }
    void close(std::chrono::milliseconds /*timeout*/) override { session.log.push_back("close"); }
    Session& session;
  };

  explicit Session(SourceOptions with = {}) : options(std::move(with)) {
    session.start(std::make_unique<Group>(*this),
                  {.assigned =
                       [this](std::span<const Assigned> partitions) {
                         std::string text = "assigned";
                         for (const Assigned& each : partitions) {
                           text += " " + each.id.topic;
                         }
                         log.push_back(text);
                       },
                   .revoked =
                       [this](RevokeReason reason) {
                         log.push_back(reason == RevokeReason::lost ? "pipeline: lost" : "pipeline: revoked");
                         if (releases_at_once) {
                           session.release();
                         }
                       },
                   .start_found = {},
                   .moved = {},
                   .partition_failed = [this](PartitionSlot, Error error) { log.push_back(error.message); },
                   .failed = [this](Error error) { log.push_back("failed: " + error.message); }});
  }

  // One word of the script: what the group says, or what the source or the pipeline does.
  void play(const std::string& word) {
    if (word == "release") {
      session.release();
    } else if (word == "resolved") {
      std::vector<Assigned> rows;
      for (const TopicPartition& id : session.partitions()) {
        rows.push_back({.id = id, .start = Position{0}});
      }
      session.activate(rows);
    } else {
      says.push_back(event_of(word));
      session.poll();
    }
  }

  static MembershipEvent event_of(const std::string& word) {
    if (word == "revoke") {
      return {.kind = MembershipEvent::Kind::revoked};
    }
    if (word == "lose") {
      return {.kind = MembershipEvent::Kind::lost};
    }
    MembershipEvent event{.kind = MembershipEvent::Kind::assigned};
    if (word != "assign nothing") {
      event.partitions.push_back(word == "assign a" ? k_a : k_b);
    }
    event.stamp.generation = word == "assign a" ? 1 : 2;
    return event;
  }

  void error(Action action, const std::string& code) {
    says.push_back({.error = make_error(ErrorKind::unavailable, action, code, code)});
    session.poll();
  }

  StoppedClock clock;
  SourceOptions options;
  std::vector<MembershipEvent> says;
  std::vector<std::string> log;
  bool releases_at_once = false;
  GroupSession session{clock,
                       options,
                       {.resolve = [this] { log.push_back("resolve"); },
                        .ending = [this] { log.push_back("ending"); },
                        .over = [this] { log.push_back("over"); }}};
};

using Words = std::vector<std::string>;
using State = GroupSession::State;

TEST(GroupSessionTest, every_word_of_the_group_is_answered_by_the_state_in_which_it_comes) {
  const struct {
    const char* name;
    Words script;
    Words expected;
    State state;
  } rows[] = {
      {"the usual life",
       {"assign a", "resolved", "revoke", "release"},
       {"resolve", "assigned a", "ending", "pipeline: revoked", "over", "unassign"},
       State::none},
      {"a membership that is lost",
       {"assign a", "resolved", "lose", "release", "assign a"},
       {"resolve", "assigned a", "ending", "pipeline: lost", "over", "unassign", "resolve"},
       State::resolving},
      {"nothing assigned is held at once", {"assign nothing"}, {"assigned"}, State::held},
      {"an empty assignment is replaced without a revoke",
       {"assign nothing", "assign a", "release", "resolved"},
       {"assigned", "ending", "pipeline: revoked", "over", "resolve", "assigned a"},
       State::held},
      {"revoked while nothing is held", {"revoke"}, {"over", "unassign"}, State::none},
      {"lost while nothing is held", {"lose"}, {"over", "unassign"}, State::none},
      {"revoked while resolving: the pipeline never hears of it",
       {"assign a", "revoke", "assign b", "resolved"},
       {"resolve", "over", "unassign", "resolve", "assigned b"},
       State::held},
      {"lost while resolving", {"assign a", "lose"}, {"resolve", "over", "unassign"}, State::none},
      {"another while resolving takes its place",
       {"assign a", "assign b", "resolved"},
       {"resolve", "over", "resolve", "assigned b"},
       State::held},
      {"another while ending waits for the release",
       {"assign a", "resolved", "revoke", "assign b", "release"},
       {"resolve", "assigned a", "ending", "pipeline: revoked", "over", "resolve"},
       State::resolving},
      {"the one that waits is revoked too: one answer for both",
       {"assign a", "resolved", "assign b", "revoke", "release"},
       {"resolve", "assigned a", "ending", "pipeline: revoked", "over", "unassign"},
       State::none},
      {"the one that waits is lost",
       {"assign a", "resolved", "assign b", "lose", "release"},
       {"resolve", "assigned a", "ending", "pipeline: revoked", "over", "unassign"},
       State::none},
      {"the last of those that wait counts",
       {"assign nothing", "assign a", "assign b", "release", "resolved"},
       {"assigned", "ending", "pipeline: revoked", "over", "resolve", "assigned b"},
       State::held},
      {"an empty one that waits is held at once",
       {"assign a", "resolved", "assign nothing", "release"},
       {"resolve", "assigned a", "ending", "pipeline: revoked", "over", "assigned"},
       State::held},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    Session session;
    for (const std::string& word : row.script) {
      session.play(word);
    }
    EXPECT_EQ(session.log, row.expected);
    EXPECT_EQ(session.session.state(), row.state);
  }
}

TEST(GroupSessionTest, the_pipeline_may_release_from_within_the_revoke) {
  Session session;
  session.releases_at_once = true;
  session.play("assign nothing");
  session.play("assign a");
  EXPECT_THAT(session.log, ElementsAre("assigned", "ending", "pipeline: revoked", "over", "resolve"));
  EXPECT_THAT(session.session.partitions(), ElementsAre(k_a));
}

TEST(GroupSessionTest, slots_and_stamp_are_of_the_assignment_until_its_release) {
  Session session;
  session.play("assign a");
  EXPECT_FALSE(session.session.has_slots());
  session.play("resolved");
  session.play("assign b");
  EXPECT_TRUE(session.session.has_slots());
  EXPECT_FALSE(session.session.held());
  EXPECT_EQ(session.session.stamp().generation, 1);
  const std::vector<CommitItem> commits{{PartitionSlot{0}, Position{7}, "claim"}};
  const std::vector<EntryToCommit> entries = session.session.entries_of(commits);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].id, k_a);
  EXPECT_EQ(entries[0].position, Position{7});
  EXPECT_EQ(entries[0].metadata, "claim");
  session.play("release");
  EXPECT_EQ(session.session.stamp().generation, 2);
  EXPECT_THAT(session.session.partitions(), ElementsAre(k_b));
}

TEST(GroupSessionTest, an_error_that_repeats_is_told_once_in_a_while_and_a_fatal_one_once) {
  Session session;
  session.error(Action::retry, "_TRANSPORT");
  session.error(Action::retry, "_TRANSPORT");
  session.error(Action::retry, "_RESOLVE");
  session.clock.at += ErrorGate::k_pause;
  session.error(Action::retry, "_TRANSPORT");
  session.error(Action::fatal, "_FATAL");
  session.error(Action::fatal, "_FATAL");
  EXPECT_THAT(session.log,
              ElementsAre("failed: _TRANSPORT", "failed: _RESOLVE", "failed: _TRANSPORT", "failed: _FATAL"));
  EXPECT_EQ(session.session.error_count(), 4U);
}

TEST(GroupSessionTest, an_error_that_passes_is_never_fatal) {
  Session session;
  session.session.report_passing(make_error(ErrorKind::unauthenticated, Action::fatal, "expired", "SASL"));
  session.session.report(make_error(ErrorKind::unavailable, Action::fatal, "fenced", "FENCED"));
  EXPECT_THAT(session.log, ElementsAre("failed: expired", "failed: fenced"));
  EXPECT_EQ(session.session.error_count(), 1U);
}

TEST(GroupSessionTest, end_marks_are_reached_and_a_partition_without_one_is_at_its) {
  Session without;
  without.play("assign a");
  EXPECT_FALSE(without.session.at_end_mark(PartitionSlot{0}, Position{100}, Position{100}));

  SourceOptions to_end;
  to_end.end_marks = std::map<TopicPartition, Position>{{k_a, Position{10}}};
  Session marked(to_end);
  marked.play("assign a");
  EXPECT_FALSE(marked.session.at_end_mark(PartitionSlot{0}, Position{9}, Position{12}));
  EXPECT_TRUE(marked.session.at_end_mark(PartitionSlot{0}, Position{10}, Position{-1}));
  EXPECT_TRUE(marked.session.at_end_mark(PartitionSlot{0}, Position{12}, Position{12}));
  marked.play("assign b");
  EXPECT_TRUE(marked.session.at_end_mark(PartitionSlot{0}, Position{0}, Position{-1}));
}

TEST(GroupSessionTest, a_position_above_the_log_is_at_no_end_before_the_log_was_asked) {
  SourceOptions to_end;
  to_end.end_marks = std::map<TopicPartition, Position>{{k_a, Position{10}}};
  Session marked(to_end);
  marked.play("assign a");
  EXPECT_FALSE(marked.session.at_end_mark(PartitionSlot{0}, Position{100}, Position{-1})) << "not known yet";
  EXPECT_FALSE(marked.session.at_end_mark(PartitionSlot{0}, Position{100}, Position{10}))
      << "the log was cut";
}

TEST(GroupSessionTest, nothing_is_told_when_it_closes) {
  Session session;
  session.play("assign a");
  session.play("resolved");
  session.log.clear();
  EXPECT_NE(session.session.close(), nullptr);
  EXPECT_THAT(session.log, ElementsAre("close"));
  EXPECT_EQ(session.session.state(), State::none);
  EXPECT_FALSE(session.session.started());
  EXPECT_THAT(session.session.partitions(), IsEmpty());
}

}  // namespace
}  // namespace penstock::source
