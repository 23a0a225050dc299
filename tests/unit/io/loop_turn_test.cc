// One turn of a loop: timers, deferred tasks, waking, and when it sleeps.
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/io/loop_fixture.h"

namespace penstock::io {
namespace {

using testing::ElementsAre;

// Long enough that a test which sleeps for it fails by its own limit, not by a clock.
constexpr Duration k_for_ever = 10h;

class LoopTurn : public LoopTest {
 protected:
  // That turns sleep: 60 ms take a few of them, not thousands. Some may end early: a ring that was closed
  // shortly before interrupts one.
  void expect_sleep() {
    const MonoTime end = system_clock().now() + 60ms;
    int turns = 0;
    for (; system_clock().now() < end; ++turns) {
      loop->run_once(20ms);
    }
    EXPECT_LE(turns, 20);
  }
};

TEST_P(LoopTurn, timers_run_in_order_and_never_early) {
  std::vector<int> ran;
  const MonoTime begin = system_clock().now();
  loop->start_timer(20ms, [&] {
    EXPECT_GE(system_clock().now() - begin, 20ms);
    ran.push_back(2);
  });
  loop->start_timer(10ms, [&] {
    EXPECT_GE(system_clock().now() - begin, 10ms);
    ran.push_back(1);
  });
  loop->start_timer(-5s, [&] { ran.push_back(0); });
  while (ran.size() < 3) {
    loop->run_once(k_for_ever);
  }
  EXPECT_THAT(ran, ElementsAre(0, 1, 2));
}

TEST_P(LoopTurn, a_canceled_timer_does_not_run) {
  std::vector<int> ran;
  const TimerId canceled = loop->start_timer(1ms, [&] { ran.push_back(1); });
  TimerId also = TimerId::none;
  loop->start_timer(1ms, [&] {
    ran.push_back(2);
    loop->cancel_timer(also);
  });
  also = loop->start_timer(1ms, [&] { ran.push_back(3); });
  loop->start_timer(Duration::max(), [&] { ran.push_back(4); });
  loop->cancel_timer(canceled);
  bool last = false;
  loop->start_timer(5ms, [&] { last = true; });
  run_until([&] { return last; });
  EXPECT_THAT(ran, ElementsAre(2));
  loop->cancel_timer(canceled);
}

TEST_P(LoopTurn, a_timer_that_starts_itself_again_does_not_hold_up_the_turn) {
  int ran = 0;
  std::function<void()> again = [&] {
    ++ran;
    loop->start_timer(0s, again);
  };
  loop->start_timer(0s, again);
  for (int i = 0; i < 10; ++i) {
    loop->run_once(k_for_ever);
  }
  EXPECT_GE(ran, 9);
  EXPECT_LE(ran, 10);
}

TEST_P(LoopTurn, a_deferred_task_runs_at_the_next_turn_which_does_not_sleep) {
  std::vector<int> ran;
  loop->defer([&] {
    ran.push_back(1);
    loop->defer([&] { ran.push_back(3); });
  });
  loop->defer([&] { ran.push_back(2); });
  EXPECT_TRUE(ran.empty());
  loop->run_once(k_for_ever);  // sleeps not, because there is one more
  EXPECT_THAT(ran, ElementsAre(1, 2));
  loop->run_once(0s);
  EXPECT_THAT(ran, ElementsAre(1, 2, 3));
}

TEST_P(LoopTurn, a_turn_waits_no_longer_than_it_is_told) {
  expect_sleep();
  loop->run_once(0s);
  loop->run_once(-1s);
}

TEST_P(LoopTurn, wakes_before_the_sleep_are_not_lost_and_are_merged) {
  for (int i = 0; i < 5; ++i) {
    loop->wake();
  }
  loop->run_once(k_for_ever);
  expect_sleep();  // one wake, one turn
  loop->wake();
  loop->run_once(k_for_ever);
}

TEST_P(LoopTurn, another_thread_wakes_a_sleeping_loop_and_what_it_did_before_is_seen) {
  constexpr int k_rounds = 2000;
  std::atomic<int> asked{0};
  std::atomic<int> seen{0};
  std::thread other([&, target = loop.get()] {
    for (int i = 1; i <= k_rounds; ++i) {
      asked.store(i, std::memory_order_relaxed);
      target->wake();
      while (seen.load() < i) {
        std::this_thread::yield();
      }
    }
  });
  while (seen.load() < k_rounds) {
    loop->run_once(k_for_ever);
    seen.store(asked.load(std::memory_order_relaxed));
  }
  other.join();
}

TEST_P(LoopTurn, many_threads_wake_at_once) {
  std::atomic<int> left{4 * 5000};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, target = loop.get()] {
      for (int i = 0; i < 5000; ++i) {
        --left;
        target->wake();
      }
    });
  }
  while (left.load() > 0) {
    loop->run_once(k_for_ever);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST_P(LoopTurn, the_grant_says_what_runs) {
  const Grant& grant = loop->grant();
  EXPECT_EQ(grant.backend, GetParam() == Choice::io_uring ? Backend::io_uring : Backend::portable);
  EXPECT_GT(grant.memlock_bytes, 0U);
  EXPECT_EQ(grant.registered_bytes, 0U);
}

TEST_P(LoopTurn, use_from_another_thread_is_a_bug_that_is_caught) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        std::thread other([this] { loop->defer([] {}); });
        other.join();
      },
      "owner_");
}

PENSTOCK_OVER_BOTH_LOOPS(LoopTurn);

}  // namespace
}  // namespace penstock::io
