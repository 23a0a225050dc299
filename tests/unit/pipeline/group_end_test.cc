#include "pipeline/group_end.h"

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonoTime k_start{std::chrono::hours(5)};

TopicPartition orders(std::int32_t partition) {
  return {"orders", Partition{partition}};
}

EndMark from_0_to(std::int64_t mark) {
  return {.log_start = Position{0}, .mark = Position{mark}};
}

TEST(GroupEndTest, without_marks_nothing_is_waited_for) {
  GroupEnd end({});
  EXPECT_TRUE(end.complete());
  EXPECT_TRUE(end.to_read(k_start).empty());
}

TEST(GroupEndTest, progress_counts_from_where_partitions_stood_and_never_beyond_their_marks) {
  GroupEnd end({{orders(0), from_0_to(10)}, {orders(1), from_0_to(100)}, {orders(2), from_0_to(7)}});
  const auto told = [&end] { return std::pair(end.progress().done, end.progress().total); };
  EXPECT_EQ(told(), std::pair(std::uint64_t{0}, std::uint64_t{0}));
  end.told(orders(0), Position{4});
  end.told(orders(1), Position{0});
  EXPECT_EQ(told(), std::pair(std::uint64_t{0}, std::uint64_t{106}));
  end.told(orders(0), Position{12});
  end.told(orders(1), Position{50});
  end.told(orders(2), Position{9});  // was done before
  EXPECT_EQ(told(), std::pair(std::uint64_t{56}, std::uint64_t{106}));
}

TEST(GroupEndTest, own_partitions_reach_their_marks_by_what_is_committed) {
  GroupEnd end({{orders(0), from_0_to(10)}});
  end.told(orders(0), Position{9});
  EXPECT_FALSE(end.complete());
  end.told(orders(7), Position{99});  // it did not exist when the run began
  EXPECT_FALSE(end.complete());
  end.told(orders(0), Position{10});
  EXPECT_TRUE(end.complete());
  EXPECT_TRUE(end.left().empty());
}

TEST(GroupEndTest, partitions_of_others_reach_their_marks_by_their_entries) {
  GroupEnd end({{orders(0), from_0_to(10)}, {orders(1), from_0_to(20)}, {orders(2), from_0_to(30)}});
  end.told(orders(0), Position{10});
  const std::vector<TopicPartition> open = end.to_read(k_start);
  EXPECT_EQ(open, (std::vector<TopicPartition>{orders(1), orders(2)}));
  const std::vector<std::optional<GroupEntry>> entries = {
      GroupEntry{.position = Position{25}, .metadata = {}},
      GroupEntry{.position = Position{29}, .metadata = {}}};
  end.read(open, entries);
  const std::vector<GroupEnd::Left> left = end.left();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].id, orders(2));
  EXPECT_EQ(left[0].at, Position{29});
  EXPECT_EQ(left[0].mark, Position{30});
  EXPECT_FALSE(end.complete());
}

// What a claim below the mark speaks of is not published for certain.
TEST(GroupEndTest, a_claim_counts_as_far_as_the_position_where_it_begins) {
  GroupEnd end({{orders(0), from_0_to(10)}, {orders(1), from_0_to(10)}});
  const std::vector<std::optional<GroupEntry>> entries = {
      GroupEntry{.position = Position{4}, .metadata = "p1;10;0badcafe;blob"},
      GroupEntry{.position = Position{10}, .metadata = "p1;15;0badcafe;blob"}};
  end.read(end.to_read(k_start), entries);
  ASSERT_EQ(end.left().size(), 1U);
  EXPECT_EQ(end.left()[0].id, orders(0));
}

TEST(GroupEndTest, without_an_entry_only_a_log_with_nothing_below_the_mark_is_done) {
  GroupEnd end({{orders(0), from_0_to(0)},
                {orders(1), {.log_start = Position{7}, .mark = Position{7}}},
                {orders(2), {.log_start = Position{7}, .mark = Position{8}}}});
  const std::vector<TopicPartition> open = end.to_read(k_start);
  end.read(open, std::vector<std::optional<GroupEntry>>(open.size()));
  ASSERT_EQ(end.left().size(), 1U);
  EXPECT_EQ(end.left()[0].id, orders(2));
  EXPECT_EQ(end.left()[0].at, std::nullopt);
}

TEST(GroupEndTest, what_was_reached_stays_so_when_a_partition_moves) {
  GroupEnd end({{orders(0), from_0_to(10)}});
  end.told(orders(0), Position{10});
  end.told(orders(0), Position{3});
  EXPECT_TRUE(end.complete());
}

TEST(GroupEndTest, the_workers_of_a_process_read_once_a_second_together) {
  GroupEnd end({{orders(0), from_0_to(10)}});
  EXPECT_EQ(end.to_read(k_start).size(), 1U);
  EXPECT_TRUE(end.to_read(k_start + milliseconds(999)).empty());
  EXPECT_EQ(end.to_read(k_start + seconds(1)).size(), 1U);
}

TEST(GroupEndTest, news_are_positions_that_have_changed) {
  GroupEnd end({{orders(0), from_0_to(10)}});
  end.told(orders(0), Position{3});
  const std::uint64_t before = end.news();
  end.told(orders(0), Position{3});
  EXPECT_EQ(end.news(), before);
  end.told(orders(0), Position{4});
  EXPECT_GT(end.news(), before);
}

}  // namespace
}  // namespace penstock::pipeline
