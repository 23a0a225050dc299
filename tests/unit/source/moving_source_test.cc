#include "source/moving_source.h"

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::source {
namespace {

const TopicPartition k_moved{"orders", Partition{0}};
const TopicPartition k_kept{"orders", Partition{1}};

// Hands over an assignment, and answers commits as it is told.
class AssigningSource final : public Source {
 public:
  Result<void> start(SourceHandlers handlers) override {
    handlers_ = std::move(handlers);
    return {};
  }
  void assign(std::optional<GroupEntry> entry) {
    const std::array<Assigned, 2> assigned{
        Assigned{.id = k_kept, .start = Position{0}},
        Assigned{.id = k_moved, .start = Position{0}, .entry = std::move(entry), .topic_id = "id"}};
    handlers_.assigned(assigned);
  }
  void poll() override {}
  const RecordSpan* front() override { return &span; }
  void taken(std::size_t) override {}
  void fetch_from(PartitionSlot, Position) override { ++fetches; }
  void read_elsewhere(PartitionSlot slot, Position from) override { skips.emplace_back(slot, from); }
  void hold(PartitionSlot) override { ++holds; }
  void distrust(PartitionSlot, Position) override {}
  void read_entries(std::vector<TopicPartition>,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)>) override {}
  void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) override {
    committed.assign(commits.begin(), commits.end());
    done(CommitReply::alike(commits.size(), outcome));
  }
  void release() override {}
  void close() override {}
  void partition_states(std::vector<PartitionState>& states) const override {
    states = {{.slot = PartitionSlot{0}, .position = Position{0}, .log_end = Position{9}},
              {.slot = PartitionSlot{1}, .position = Position{0}, .log_end = Position{9}}};
  }
  SourceCounters counters() const override { return {}; }

  RecordSpan span;
  CommitOutcome outcome = CommitOutcome::done;
  std::vector<CommitItem> committed;
  int fetches = 0;
  int holds = 0;
  std::vector<std::pair<PartitionSlot, Position>> skips;

 private:
  SourceHandlers handlers_;
};

const GroupEntry k_seen{.position = Position{40}, .metadata = "i1;x", .leader_epoch = 3};

// Partition 0 is moved from 40 to 7.
class MovingSourceTest : public ::testing::Test {
 protected:
  MovingSourceTest() {
    auto made = std::make_unique<AssigningSource>();
    inner = made.get();
    moving = std::make_unique<MovingSource>(
        std::move(made),
        std::map<TopicPartition, PositionMove>{{k_moved, {.seen = k_seen, .to = Position{7}}}});
    SourceHandlers handlers;
    handlers.assigned = [this](std::span<const Assigned> partitions) {
      ++assignments;
      told = partitions.size();
    };
    handlers.moved = [this](PartitionSlot slot, Position to, const std::string& topic_id) {
      EXPECT_EQ(assignments, rounds);  // the pipeline knows of the assignment first
      EXPECT_EQ(topic_id, "id");
      moves.emplace_back(slot, to);
    };
    handlers.failed = [this](Error error) { failures.push_back(std::move(error)); };
    EXPECT_TRUE(moving->start(std::move(handlers)).ok());
  }
  void assign(std::optional<GroupEntry> entry) {
    ++rounds;
    inner->assign(std::move(entry));
  }
  std::vector<bool> at_end() const {
    std::vector<PartitionState> states;
    moving->partition_states(states);
    std::vector<bool> ends;
    for (const PartitionState& state : states) {
      EXPECT_EQ(state.slot, PartitionSlot{0});
      ends.push_back(state.at_end_mark);
    }
    return ends;
  }
  void commit(Position position) {
    const std::array<CommitItem, 1> items{
        CommitItem{.slot = PartitionSlot{0}, .position = position, .metadata = {}}};
    moving->commit(items, [](const CommitReply&) {});
  }

  AssigningSource* inner = nullptr;
  std::unique_ptr<MovingSource> moving;
  int assignments = 0;
  std::size_t told = 0;
  int rounds = 0;
  std::vector<std::pair<PartitionSlot, Position>> moves;
  std::vector<Error> failures;
};

using Moves = std::vector<std::pair<PartitionSlot, Position>>;

TEST_F(MovingSourceTest, a_partition_looks_as_if_its_log_had_moved_and_nothing_is_read) {
  assign(GroupEntry{.position = Position{40}, .metadata = "i1;x", .leader_epoch = -1});
  EXPECT_EQ(moves, (Moves{{PartitionSlot{0}, Position{7}}}));
  EXPECT_EQ(inner->skips, (Moves{{PartitionSlot{1}, Position{-1}}}));  // no epoch of the former place
  EXPECT_EQ(told, 1u);                                                 // the other one is left alone
  EXPECT_EQ(at_end(), std::vector<bool>{false});
  moving->fetch_from(PartitionSlot{0}, Position{7});
  EXPECT_EQ(at_end(), std::vector<bool>{true});
  EXPECT_EQ(inner->fetches, 0);
  EXPECT_EQ(inner->holds, 1);
  EXPECT_EQ(moving->front(), nullptr);
}

TEST_F(MovingSourceTest, what_is_set_is_not_set_again_in_a_later_assignment) {
  assign(k_seen);
  moving->fetch_from(PartitionSlot{0}, Position{7});
  inner->outcome = CommitOutcome::unknown;
  commit(Position{7});
  ASSERT_EQ(inner->committed.size(), 1u);
  EXPECT_EQ(inner->committed[0].slot, PartitionSlot{1});
  assign(k_seen);
  EXPECT_EQ(moves.size(), 2u);  // it may not have been set
  moving->fetch_from(PartitionSlot{0}, Position{7});
  inner->outcome = CommitOutcome::done;
  commit(Position{7});
  assign(GroupEntry{.position = Position{90}, .metadata = "of another"});
  EXPECT_EQ(moves.size(), 2u);
  EXPECT_TRUE(failures.empty());
  EXPECT_EQ(told, 0u);
  EXPECT_TRUE(at_end().empty());
}

TEST_F(MovingSourceTest, an_entry_that_was_not_shown_is_left_as_it_is) {
  for (const std::optional<GroupEntry>& other :
       {std::optional<GroupEntry>(), std::optional(GroupEntry{.position = Position{41}, .metadata = "i1;x"}),
        std::optional(GroupEntry{.position = Position{40}, .metadata = "p1;50;00000000;x"})}) {
    assign(other);
  }
  EXPECT_TRUE(moves.empty());
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_EQ(failures[0].action, Action::fatal);
}

}  // namespace
}  // namespace penstock::source
