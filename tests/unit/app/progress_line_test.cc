#include "app/progress_line.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonoTime k_begin{std::chrono::hours(5)};

Pace pace() {
  return Pace([](std::uint64_t count) { return std::to_string(count); }, "offsets");
}

TEST(PaceTest, tells_done_of_total_rate_and_what_is_left) {
  Pace of_offsets = pace();
  EXPECT_EQ(of_offsets.text(k_begin, 1000, 5000), "1000 of 5000 offsets (20 %)");
  EXPECT_EQ(of_offsets.text(k_begin + milliseconds(900), 1500, 5000), "1500 of 5000 offsets (30 %)");
  EXPECT_EQ(of_offsets.text(k_begin + seconds(10), 2000, 5000),
            "2000 of 5000 offsets (40 %), 100 offsets/s, 30s left");
  EXPECT_EQ(of_offsets.text(k_begin + seconds(40), 5000, 5000),
            "5000 of 5000 offsets (100 %), 100 offsets/s");
}

// What was done before is no pace of this run.
TEST(PaceTest, says_no_rate_while_nothing_moves) {
  Pace of_offsets = pace();
  of_offsets.text(k_begin, 4000, 5000);
  EXPECT_EQ(of_offsets.text(k_begin + seconds(60), 4000, 5000), "4000 of 5000 offsets (80 %)");
}

TEST(PaceTest, a_total_that_is_not_known_is_left_out) {
  Pace of_offsets = pace();
  EXPECT_EQ(of_offsets.text(k_begin, 0, 0), "0 offsets");
  EXPECT_EQ(of_offsets.text(k_begin + seconds(2), 10, 0), "10 offsets, 5 offsets/s");
}

TEST(PaceTest, never_more_than_all_of_it) {
  Pace of_offsets = pace();
  EXPECT_EQ(of_offsets.text(k_begin, 7, 5), "7 of 5 offsets (100 %)");
}

TEST(ProgressLineTest, without_a_terminal_it_says_plain_lines_and_clears_nothing) {
  testing::internal::CaptureStderr();
  std::string said;
  {
    ProgressLine line(ProgressLine::Where::lines, [&said](const std::string& text) { said += text + "|"; });
    EXPECT_FALSE(line.is_due());  // the first ten seconds
    line.show("a");
    line.show("b");
  }
  EXPECT_EQ(said, "a|b|");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ProgressLineTest, nowhere_it_is_never_due) {
  ProgressLine line(ProgressLine::Where::nowhere, {});
  EXPECT_FALSE(line.is_due());
}

}  // namespace
}  // namespace penstock::app
