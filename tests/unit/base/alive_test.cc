#include "base/alive.h"

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(Alive, a_guard_runs_while_the_object_is_there_and_not_after) {
  int calls = 0;
  auto alive = std::make_unique<Alive>();
  const std::function<void(int)> add = alive->guard([&calls](int count) { calls += count; });
  add(2);
  EXPECT_EQ(calls, 2);
  alive.reset();
  add(2);
  EXPECT_EQ(calls, 2);
}

TEST(Alive, a_guard_passes_on_what_can_only_be_moved) {
  std::string got;
  const Alive alive;
  auto take = alive.guard([&got](std::unique_ptr<std::string> text) { got = *text; });
  take(std::make_unique<std::string>("orders"));
  EXPECT_EQ(got, "orders");
}

TEST(Alive, a_watch_sees_its_own_object_destroyed_in_the_middle_of_a_call) {
  auto alive = std::make_unique<Alive>();
  const Alive::Watch watch = alive->watch();
  EXPECT_FALSE(watch.gone());
  alive.reset();
  EXPECT_TRUE(watch.gone());
}

TEST(Alive, renew_ends_what_was_given_out_before_and_nothing_later) {
  Alive alive;
  const Alive::Watch before = alive.watch();
  alive.renew();
  const Alive::Watch after = alive.watch();
  EXPECT_TRUE(before.gone());
  EXPECT_FALSE(after.gone());
}

}  // namespace
}  // namespace penstock
