#include "base/check.h"

#include <gtest/gtest.h>

#include "base/types.h"

namespace penstock {
namespace {

TEST(CheckDeathTest, prints_both_sides_and_aborts) {
  EXPECT_DEATH(CHECK(1 + 1 == 3), "CHECK\\(1 \\+ 1 == 3\\) failed: 2 == 3");
  EXPECT_DEATH(CHECK(Position{4} < Position{4}), "failed: 4 < 4");
  const bool flag = false;
  EXPECT_DEATH(CHECK(flag), "CHECK\\(flag\\) failed");
}

TEST(Check, lets_the_truth_pass) {
  CHECK(1 == 1);
  CHECK(Position{1} < Position{2});
  CHECK(true);
}

}  // namespace
}  // namespace penstock
