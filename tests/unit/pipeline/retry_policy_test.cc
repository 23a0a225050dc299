#include "pipeline/retry_policy.h"

#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

namespace penstock::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Error plain() {
  return {
      .kind = ErrorKind::unavailable, .action = Action::retry, .message = {}, .code = {}, .retry_after = {}};
}

Error asking(milliseconds wait) {
  Error error = plain();
  error.retry_after = wait;
  return error;
}

TEST(RetryDelay, doubles_up_to_the_longest_with_the_upper_half_at_random) {
  const RetryOptions options{.first = milliseconds(250), .longest = seconds(10)};
  struct Row {
    std::uint32_t attempt;
    Duration ceiling;
  };
  for (const Row& row : {Row{1, milliseconds(250)}, Row{2, milliseconds(500)}, Row{3, seconds(1)},
                         Row{4, seconds(2)}, Row{6, seconds(8)}, Row{7, seconds(10)}, Row{8, seconds(10)},
                         Row{64, seconds(10)}, Row{UINT32_MAX, seconds(10)}}) {
    SCOPED_TRACE(row.attempt);
    EXPECT_EQ(retry_delay(options, row.attempt, plain(), 0), row.ceiling / 2);
    for (std::uint64_t random = 1; random < UINT64_MAX / 3; random *= 3) {
      const Duration wait = retry_delay(options, row.attempt, plain(), random);
      EXPECT_GE(wait, row.ceiling / 2);
      EXPECT_LT(wait, row.ceiling);
      EXPECT_EQ(wait, retry_delay(options, row.attempt, plain(), random)) << "not pure";
    }
  }
}

TEST(RetryDelay, never_comes_back_before_the_server_asked) {
  const RetryOptions options{.first = milliseconds(250), .longest = seconds(10)};
  EXPECT_EQ(retry_delay(options, 1, asking(seconds(60)), 0), seconds(60));
  for (std::uint64_t random = 1; random < UINT64_MAX / 3; random *= 3) {
    const Duration wait = retry_delay(options, 1, asking(seconds(60)), random);
    EXPECT_GE(wait, seconds(60));
    EXPECT_LT(wait, milliseconds(67'500));
  }
  EXPECT_GE(retry_delay(options, 7, asking(milliseconds(1)), 5), seconds(5)) << "its own wait is longer";
  EXPECT_GE(retry_delay(options, 1, asking(milliseconds(0)), 5), milliseconds(125));
}

}  // namespace
}  // namespace penstock::pipeline
