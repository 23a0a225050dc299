// Readiness: level-triggered, and silent after unwatch(), whatever the number names by then.
#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "unit/io/loop_fixture.h"

namespace penstock::io {
namespace {

constexpr Interest k_read{.readable = true};
constexpr Interest k_write{.writable = true};
constexpr Interest k_both{.readable = true, .writable = true};

class LoopWatch : public LoopTest {
 protected:
  int calls = 0;
  Interest last;

  std::function<void(Interest)> counting() {
    return [this](Interest now) {
      ++calls;
      last = now;
    };
  }
};

TEST_P(LoopWatch, a_descriptor_is_ready_as_long_as_it_holds_bytes) {
  for (Pair (*make)() : {pipe_pair, socket_pair}) {
    const Pair pair = make();
    calls = 0;
    loop->watch(pair.ours.get(), k_read, counting());
    run_a_while();
    EXPECT_EQ(calls, 0);
    send_byte(pair.theirs);
    run_until([&] { return calls >= 3; });  // again and again, nobody takes the byte
    EXPECT_EQ(last, k_read);
    take_byte(pair.ours);
    loop->run_once(0s);  // what was found ready before may still be told
    loop->run_once(0s);
    calls = 0;
    run_a_while();
    EXPECT_EQ(calls, 0);
    send_byte(pair.theirs);
    run_until([&] { return calls >= 1; });
    loop->unwatch(pair.ours.get());
  }
}

TEST_P(LoopWatch, only_what_is_asked_for_is_told) {
  const Pair pair = socket_pair();
  send_byte(pair.theirs);  // readable and writable
  loop->watch(pair.ours.get(), k_write, counting());
  run_until([&] { return calls > 0; });
  EXPECT_EQ(last, k_write);
  loop->watch(pair.ours.get(), k_both, counting());
  calls = 0;
  run_until([&] { return calls > 0; });
  EXPECT_EQ(last, k_both);
  loop->watch(pair.ours.get(), k_read, counting());
  calls = 0;
  run_until([&] { return calls > 0; });
  EXPECT_EQ(last, k_read);
  loop->watch(pair.ours.get(), {}, counting());
  calls = 0;
  run_a_while();
  EXPECT_EQ(calls, 0);
  loop->watch(pair.ours.get(), k_read, counting());
  run_until([&] { return calls > 0; });
}

TEST_P(LoopWatch, watching_again_puts_the_new_callback_in_the_place_of_the_old) {
  const Pair pair = pipe_pair();
  int old_calls = 0;
  loop->watch(pair.ours.get(), k_read, [&](Interest) { ++old_calls; });
  run_a_while();
  send_byte(pair.theirs);
  loop->watch(pair.ours.get(), k_read, counting());
  run_until([&] { return calls >= 3; });
  EXPECT_EQ(old_calls, 0);
}

TEST_P(LoopWatch, a_hang_up_is_readiness) {
  Pair pair = pipe_pair();
  loop->watch(pair.ours.get(), k_read, counting());
  run_a_while();
  pair.theirs.reset();
  run_until([&] { return calls >= 2; });
  EXPECT_EQ(last, k_read);
  loop->watch(pair.ours.get(), {}, counting());
  calls = 0;
  run_a_while();
  EXPECT_EQ(calls, 0);
}

TEST_P(LoopWatch, the_reader_gone_is_readiness_to_write) {
  Pair pair = pipe_pair();
  pair.ours.reset();
  loop->watch(pair.theirs.get(), k_write, counting());
  run_until([&] { return calls >= 1; });
  EXPECT_EQ(last, k_write);
}

TEST_P(LoopWatch, unwatched_within_its_own_callback_it_does_not_run_again) {
  const Pair pair = pipe_pair();
  send_byte(pair.theirs);
  // What the callback owns must live until it returns.
  auto owned = std::make_shared<int>(42);
  loop->watch(pair.ours.get(), k_read, [&, owned](Interest) {
    loop->unwatch(pair.ours.get());
    ++calls;
    EXPECT_EQ(*owned, 42);
  });
  run_until([&] { return calls > 0; });
  run_a_while();
  EXPECT_EQ(calls, 1);
}

TEST_P(LoopWatch, a_callback_replaces_itself) {
  const Pair pair = socket_pair();
  send_byte(pair.theirs);
  int first_calls = 0;
  loop->watch(pair.ours.get(), k_read, [&](Interest) {
    ++first_calls;
    loop->watch(pair.ours.get(), k_both, counting());
  });
  run_until([&] { return calls >= 2; });
  EXPECT_EQ(first_calls, 1);
  EXPECT_EQ(last, k_both);
}

// Both are ready in the same turn; whichever runs first silences the other.
TEST_P(LoopWatch, unwatched_by_another_callback_of_the_same_turn_it_does_not_run) {
  for (int round = 0; round < 20; ++round) {
    const Pair a = pipe_pair();
    const Pair b = pipe_pair();
    int ran = 0;
    loop->watch(a.ours.get(), k_read, [&](Interest) {
      ++ran;
      loop->unwatch(b.ours.get());
      loop->unwatch(a.ours.get());
    });
    loop->watch(b.ours.get(), k_read, [&](Interest) {
      ++ran;
      loop->unwatch(a.ours.get());
      loop->unwatch(b.ours.get());
    });
    loop->run_once(0s);
    send_byte(a.theirs);
    send_byte(b.theirs);
    run_until([&] { return ran > 0; });
    run_a_while();
    EXPECT_EQ(ran, 1);
  }
}

TEST_P(LoopWatch, after_unwatch_an_answer_that_is_under_way_is_dropped) {
  const Pair empty = pipe_pair();
  for (int round = 0; round < 100; ++round) {
    const Pair pair = pipe_pair();
    loop->watch(pair.ours.get(), k_read, counting());
    loop->run_once(0s);
    send_byte(pair.theirs);  // the kernel has it ready from here on
    loop->unwatch(pair.ours.get());
    if (round % 2 == 0) {
      ASSERT_EQ(::dup3(empty.ours.get(), pair.ours.get(), O_CLOEXEC), pair.ours.get());
      loop->watch(pair.ours.get(), k_read, counting());
    }
    loop->run_once(0s);
    loop->run_once(0s);
    loop->unwatch(pair.ours.get());
  }
  EXPECT_EQ(calls, 0);
  loop.reset();  // ends only if every poll was canceled
}

TEST_P(LoopWatch, a_number_that_is_used_again_belongs_to_its_new_watch) {
  for (int round = 0; round < 100; ++round) {
    Pair old = pipe_pair();
    int old_calls = 0;
    int new_calls = 0;
    loop->watch(old.ours.get(), k_read, [&](Interest) { ++old_calls; });
    loop->run_once(0s);
    send_byte(old.theirs);
    const int number = old.ours.get();
    loop->unwatch(number);
    const Pair fresh = pipe_pair();
    // The number is closed and names another, empty, pipe in one step.
    ASSERT_EQ(::dup3(fresh.ours.get(), number, O_CLOEXEC), number);
    loop->watch(number, k_read, [&](Interest) { ++new_calls; });
    for (int i = 0; i < 3; ++i) {
      loop->run_once(0s);
    }
    EXPECT_EQ(old_calls, 0);
    EXPECT_EQ(new_calls, 0);
    send_byte(fresh.theirs);
    run_until([&] { return new_calls > 0; });
    EXPECT_EQ(old_calls, 0);
    loop->unwatch(number);
  }
  loop.reset();  // ends only if every poll was canceled
}

// The answer to the old watch is already taken from the kernel when the number gets its new one.
TEST_P(LoopWatch, a_number_that_is_used_again_within_the_turn_does_not_inherit_an_answer) {
  const Pair empty = pipe_pair();
  for (int round = 0; round < 20; ++round) {
    const Pair a = pipe_pair();
    const Pair b = pipe_pair();
    int inherited = 0;
    const auto reuse = [&](const Pair& own, const Pair& other) {
      loop->unwatch(own.ours.get());
      loop->unwatch(other.ours.get());
      ASSERT_EQ(::dup3(empty.ours.get(), other.ours.get(), O_CLOEXEC), other.ours.get());
      loop->watch(other.ours.get(), k_read, [&](Interest) { ++inherited; });
      ++calls;
    };
    calls = 0;
    loop->watch(a.ours.get(), k_read, [&](Interest) { reuse(a, b); });
    loop->watch(b.ours.get(), k_read, [&](Interest) { reuse(b, a); });
    loop->run_once(0s);
    send_byte(a.theirs);
    send_byte(b.theirs);
    run_until([&] { return calls > 0; });
    for (int i = 0; i < 3; ++i) {
      loop->run_once(0s);
    }
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(inherited, 0);
    loop->unwatch(a.ours.get());
    loop->unwatch(b.ours.get());
  }
  loop.reset();  // ends only if every poll was canceled
}

TEST_P(LoopWatch, unwatching_what_is_not_watched_is_nothing) {
  loop->unwatch(-1);
  loop->unwatch(0);
  loop->unwatch(1'000'000);
}

TEST_P(LoopWatch, more_descriptors_than_the_queue_has_entries_are_all_told) {
  remake(4);
  std::vector<Pair> pairs;
  std::vector<int> told(300);
  for (std::size_t i = 0; i < told.size(); ++i) {
    pairs.push_back(pipe_pair());
    loop->watch(pairs[i].ours.get(), k_read, [&, i](Interest) {
      take_byte(pairs[i].ours);
      ++told[i];
    });
  }
  loop->run_once(0s);
  for (const Pair& pair : pairs) {
    send_byte(pair.theirs);
  }
  run_until([&] { return std::ranges::count(told, 1) == static_cast<std::ptrdiff_t>(told.size()); });
}

PENSTOCK_OVER_BOTH_LOOPS(LoopWatch);

}  // namespace
}  // namespace penstock::io
