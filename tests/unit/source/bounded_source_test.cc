#include "source/bounded_source.h"

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::source {
namespace {

const TopicPartition k_bounded{"orders", Partition{0}};
const TopicPartition k_unbounded{"orders", Partition{1}};

// Hands over the records of one span, and counts what it is asked for.
class OneSpanSource final : public Source {
 public:
  Result<void> start(SourceHandlers handlers) override {
    handlers_ = std::move(handlers);
    return {};
  }
  void assign() {
    const std::array<Assigned, 2> assigned{Assigned{.id = k_bounded, .start = Position{0}},
                                           Assigned{.id = k_unbounded, .start = Position{0}}};
    handlers_.assigned(assigned);
  }
  void offer(std::vector<std::int64_t> offsets, std::int64_t next, bool lost = false) {
    records.clear();
    for (const std::int64_t offset : offsets) {
      records.emplace_back().offset = Offset{offset};
    }
    span = {.slot = PartitionSlot{0}, .records = records, .next = Position{next}, .lost = lost};
    has_span = true;
  }
  void poll() override {}
  const RecordSpan* front() override { return has_span ? &span : nullptr; }
  void taken(std::size_t count) override { takes.push_back(count); }
  void fetch_from(PartitionSlot slot, Position position) override { fetches.emplace_back(slot, position); }
  void read_elsewhere(PartitionSlot, Position) override {}
  void hold(PartitionSlot slot) override {
    holds.push_back(slot);
    has_span = false;
  }
  void distrust(PartitionSlot, Position) override {}
  void read_entries(std::vector<TopicPartition>,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)>) override {}
  void commit(std::span<const CommitItem>, std::function<void(CommitReply)>) override {}
  void release() override {}
  void close() override {}
  void partition_states(std::vector<PartitionState>& states) const override {
    states = {{.slot = PartitionSlot{0}, .position = Position{17}, .log_end = Position{90}},
              {.slot = PartitionSlot{1}, .position = Position{3}, .log_end = Position{90}}};
  }
  SourceCounters counters() const override { return {}; }

  std::vector<RecordView> records;
  RecordSpan span;
  bool has_span = false;
  std::vector<std::size_t> takes;
  std::vector<std::pair<PartitionSlot, Position>> fetches;
  std::vector<PartitionSlot> holds;

 private:
  SourceHandlers handlers_;
};

// Partition 0 ends at 20.
class BoundedSourceTest : public ::testing::Test {
 protected:
  BoundedSourceTest() {
    auto made = std::make_unique<OneSpanSource>();
    inner = made.get();
    bounded = std::make_unique<BoundedSource>(std::move(made),
                                              std::map<TopicPartition, Position>{{k_bounded, Position{20}}});
    SourceHandlers handlers;
    handlers.assigned = [this](std::span<const Assigned>) { ++assignments; };
    EXPECT_TRUE(bounded->start(std::move(handlers)).ok());
    inner->assign();
  }

  PartitionState state(std::uint32_t slot) const {
    std::vector<PartitionState> states;
    bounded->partition_states(states);
    return states.at(slot);
  }

  OneSpanSource* inner = nullptr;
  std::unique_ptr<BoundedSource> bounded;
  int assignments = 0;
};

TEST_F(BoundedSourceTest, what_lies_before_the_end_passes_as_it_is) {
  EXPECT_EQ(assignments, 1);
  inner->offer({10, 11, 19}, 20);
  const RecordSpan* front = bounded->front();
  ASSERT_EQ(front, &inner->span);
  bounded->taken(3);
  EXPECT_EQ(inner->takes, std::vector<std::size_t>{3});
  EXPECT_TRUE(inner->holds.empty());
  EXPECT_FALSE(state(0).at_end_mark);
  EXPECT_EQ(state(0).log_end, Position{20});  // the lag is that of the range
}

TEST_F(BoundedSourceTest, a_span_over_the_end_is_cut_there_and_the_partition_stands_at_it) {
  inner->offer({18, 19, 20, 21}, 22, true);
  const RecordSpan* front = bounded->front();
  ASSERT_NE(front, nullptr);
  EXPECT_EQ(front->records.size(), 2u);
  EXPECT_EQ(front->next, Position{20});
  EXPECT_FALSE(front->lost);  // what is lost lies behind records that are not handed over
  bounded->taken(1);
  EXPECT_TRUE(inner->holds.empty());
  inner->offer({19, 20, 21}, 22);
  ASSERT_EQ(bounded->front()->records.size(), 1u);
  bounded->taken(1);
  EXPECT_EQ(inner->takes, (std::vector<std::size_t>{1, 1}));
  EXPECT_EQ(inner->holds, std::vector<PartitionSlot>{PartitionSlot{0}});
  EXPECT_EQ(state(0).position, Position{20});
  EXPECT_TRUE(state(0).at_end_mark);
  EXPECT_EQ(bounded->front(), nullptr);
}

TEST_F(BoundedSourceTest, an_end_in_a_hole_is_reached_by_a_span_without_records) {
  inner->offer({25}, 26);
  const RecordSpan* front = bounded->front();
  ASSERT_NE(front, nullptr);
  EXPECT_TRUE(front->records.empty());
  EXPECT_EQ(front->next, Position{20});
  bounded->taken(0);
  EXPECT_EQ(inner->holds.size(), 1u);
  EXPECT_TRUE(state(0).at_end_mark);
}

TEST_F(BoundedSourceTest, reading_begins_only_before_an_end) {
  bounded->fetch_from(PartitionSlot{0}, Position{5});
  bounded->fetch_from(PartitionSlot{0}, Position{20});
  EXPECT_EQ(inner->fetches.size(), 1u);
  EXPECT_EQ(state(0).position, Position{20});
  EXPECT_TRUE(state(0).at_end_mark);
  bounded->fetch_from(PartitionSlot{0}, Position{19});  // a batch was dropped
  EXPECT_EQ(inner->fetches.size(), 2u);
  EXPECT_FALSE(state(0).at_end_mark);
}

TEST_F(BoundedSourceTest, a_partition_without_an_end_is_not_read_and_is_at_its_mark) {
  bounded->fetch_from(PartitionSlot{1}, Position{3});
  EXPECT_TRUE(inner->fetches.empty());
  EXPECT_EQ(inner->holds, std::vector<PartitionSlot>{PartitionSlot{1}});
  EXPECT_TRUE(state(1).at_end_mark);
  EXPECT_EQ(state(1).log_end, Position{3});
}

// What was cut is of another position meanwhile.
TEST_F(BoundedSourceTest, a_cut_is_forgotten_when_its_partition_is_sent_elsewhere) {
  inner->offer({18, 20}, 21);
  ASSERT_EQ(bounded->front()->records.size(), 1u);
  bounded->fetch_from(PartitionSlot{0}, Position{10});
  bounded->taken(1);
  EXPECT_TRUE(inner->holds.empty());
  EXPECT_FALSE(state(0).at_end_mark);
}

}  // namespace
}  // namespace penstock::source
