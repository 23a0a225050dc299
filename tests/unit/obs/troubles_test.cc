#include "obs/troubles.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/concat.h"
#include "obs/log.h"

namespace penstock::obs {
namespace {

using testing::HasSubstr;

WallTime said_at(int second) {
  return WallTime(std::chrono::seconds(second));
}

TEST(TroubleBoard, the_newest_is_first_with_its_fields) {
  TroubleBoard board;
  board.add(said_at(1), Level::warning, "one", {});
  const std::vector<Field> fields{{"topic", "api"}, {"worker", 3}};
  board.add(said_at(2), Level::error, "two", fields);
  const std::vector<Trouble> troubles = board.troubles();
  ASSERT_EQ(troubles.size(), 2);
  EXPECT_EQ(troubles[0].text, "two topic=api worker=3");
  EXPECT_EQ(troubles[0].level, Level::error);
  EXPECT_EQ(troubles[1].text, "one");
}

TEST(TroubleBoard, what_is_said_again_with_other_numbers_is_counted) {
  TroubleBoard board;
  board.add(said_at(1), Level::warning, "no answer for 9 s", {});
  board.add(said_at(2), Level::warning, "another", {});
  board.add(said_at(3), Level::warning, "no answer for 10 s", {});
  const std::vector<Trouble> troubles = board.troubles();
  ASSERT_EQ(troubles.size(), 2);
  EXPECT_EQ(troubles[0].text, "no answer for 10 s");
  EXPECT_EQ(troubles[0].times, 2);
  EXPECT_EQ(troubles[0].first, said_at(1));
  EXPECT_EQ(troubles[0].last, said_at(3));
}

TEST(TroubleBoard, it_is_bounded_in_number_and_bytes) {
  TroubleBoard board;
  for (int i = 0; i < 1000; ++i) {
    board.add(said_at(i), Level::error, std::string(static_cast<std::size_t>(i), 'x'), {});
  }
  board.add(said_at(1000), Level::error, concat("\u00e4", std::string(100'000, 'y')), {});
  const std::vector<Trouble> troubles = board.troubles();
  EXPECT_EQ(troubles.size(), TroubleBoard::k_troubles_max);
  EXPECT_LE(troubles[0].text.size(), TroubleBoard::k_text_bytes_max + 4);
}

TEST(TroubleBoard, a_hostile_message_is_one_line) {
  TroubleBoard board;
  board.add(said_at(1), Level::error, "a\nb\x1b[2J\xff", {});
  EXPECT_EQ(board.troubles()[0].text.find_first_of("\n\x1b\xff"), std::string::npos);
}

TEST(LastTroubles, holds_warnings_whatever_the_level_of_the_log_is) {
  init_log({.level = Level::error});
  log(Level::warning, "a warning of the test of the last troubles");
  log(Level::info, "an info of the test of the last troubles");
  init_log({});
  ASSERT_FALSE(last_troubles().empty());
  EXPECT_EQ(last_troubles()[0].text, "a warning of the test of the last troubles");
  EXPECT_THAT(last_troubles()[0].text, testing::Not(HasSubstr("info")));
}

}  // namespace
}  // namespace penstock::obs
