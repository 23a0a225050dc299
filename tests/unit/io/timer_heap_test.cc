#include "io/timer_heap.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::io {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

MonoTime at(int ms) {
  return MonoTime(milliseconds(ms));
}

struct TimerHeapTest : testing::Test {
  TimerHeap heap;
  std::vector<int> ran;

  TimerId start(int due_ms, int name) {
    return heap.start(at(due_ms), [this, name] { ran.push_back(name); });
  }
};

TEST_F(TimerHeapTest, runs_in_the_order_they_are_due_and_none_early) {
  start(30, 3);
  start(10, 1);
  start(20, 2);
  EXPECT_EQ(heap.next_due(), at(10));
  heap.run_due(at(9));
  EXPECT_THAT(ran, IsEmpty());
  heap.run_due(at(20));
  EXPECT_THAT(ran, ElementsAre(1, 2));
  EXPECT_EQ(heap.next_due(), at(30));
  heap.run_due(at(100));
  EXPECT_THAT(ran, ElementsAre(1, 2, 3));
  EXPECT_FALSE(heap.next_due().has_value());
}

TEST_F(TimerHeapTest, those_due_together_run_in_the_order_of_their_start) {
  start(10, 0);
  heap.cancel(start(10, 99));  // so that slots are not handed out in ascending order
  for (int i = 1; i < 20; ++i) {
    start(10, i);
  }
  heap.run_due(at(10));
  EXPECT_TRUE(std::ranges::is_sorted(ran));
  EXPECT_EQ(ran.size(), 20U);
}

TEST_F(TimerHeapTest, a_canceled_timer_does_not_run_and_the_others_do) {
  start(10, 1);
  const TimerId canceled = start(20, 2);
  start(30, 3);
  heap.cancel(canceled);
  heap.cancel(canceled);
  heap.cancel(TimerId::none);
  heap.run_due(at(30));
  EXPECT_THAT(ran, ElementsAre(1, 3));
}

TEST_F(TimerHeapTest, the_name_of_a_timer_that_ran_does_not_cancel_the_one_in_its_slot) {
  const TimerId first = start(10, 1);
  heap.run_due(at(10));
  const TimerId second = start(10, 2);
  EXPECT_NE(first, second);
  heap.cancel(first);
  heap.run_due(at(10));
  EXPECT_THAT(ran, ElementsAre(1, 2));
}

TEST_F(TimerHeapTest, a_task_cancels_one_that_is_due_with_it) {
  TimerId other = TimerId::none;
  heap.start(at(10), [&] { heap.cancel(other); });
  other = start(10, 2);
  heap.run_due(at(10));
  EXPECT_THAT(ran, IsEmpty());
  EXPECT_EQ(heap.size(), 0U);
}

TEST_F(TimerHeapTest, a_task_that_cancels_itself_does_nothing) {
  TimerId self = TimerId::none;
  self = heap.start(at(10), [&] {
    heap.cancel(self);
    ran.push_back(1);
  });
  heap.run_due(at(10));
  EXPECT_THAT(ran, ElementsAre(1));
}

TEST_F(TimerHeapTest, what_a_task_starts_waits_for_the_next_call) {
  heap.start(at(10), [&] { start(0, 7); });
  heap.run_due(at(10));
  EXPECT_THAT(ran, IsEmpty());
  heap.run_due(at(10));
  EXPECT_THAT(ran, ElementsAre(7));
}

TEST_F(TimerHeapTest, many_starts_and_cancels_agree_with_a_sorted_list) {
  std::mt19937 random(1);
  std::vector<std::pair<int, TimerId>> expected;
  std::vector<TimerId> order;
  for (int i = 0; i < 2000; ++i) {
    if (!expected.empty() && random() % 3 == 0) {
      const std::size_t victim = random() % expected.size();
      heap.cancel(expected[victim].second);
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(victim));
      continue;
    }
    const int due = static_cast<int>(random() % 100);
    auto id = std::make_shared<TimerId>();
    *id = heap.start(at(due), [&order, id] { order.push_back(*id); });
    expected.emplace_back(due, *id);
  }
  std::ranges::sort(expected);  // ids ascend with their start
  for (int now = 0; now < 100; now += 7) {
    heap.run_due(at(now));
  }
  heap.run_due(at(100));
  ASSERT_EQ(order.size(), expected.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(order[i], expected[i].second);
  }
}

}  // namespace
}  // namespace penstock::io
