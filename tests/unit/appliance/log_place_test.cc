#include "appliance/log_place.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appliance/fault_at.h"

namespace penstock::appliance {
namespace {

constexpr source::LogBounds k_log{Position{100}, Position{200}};

TEST(LogPlace, is_read_as_people_write_it) {
  EXPECT_EQ(read_log_place("--to", "earliest")->kind, LogPlace::Kind::start);
  EXPECT_EQ(read_log_place("--to", "end")->kind, LogPlace::Kind::end);
  EXPECT_EQ(read_log_place("--to", "latest")->kind, LogPlace::Kind::end);
  const auto offset = read_log_place("--to", "42");
  ASSERT_TRUE(offset.ok());
  EXPECT_EQ(offset->offset, Position{42});
  EXPECT_EQ(read_log_place("--to", "2026-01-31T00:00:00Z")->kind, LogPlace::Kind::time);
}

TEST(LogPlace, anything_else_is_a_fault_of_the_usage_that_names_the_option) {
  for (const char* text : {"", "-1", "12x", "0x10", "99999999999999999999", "2026-01-31", "yesterday"}) {
    const auto place = read_log_place("--from", text);
    ASSERT_FALSE(place.ok()) << text;
    EXPECT_THAT(place.error().message, ::testing::HasSubstr("--from"));
    EXPECT_EQ(place.error().code, k_configuration_fault);
  }
}

TEST(LogPlace, the_same_place_has_the_same_text) {
  EXPECT_EQ(to_text(*read_log_place("", "end")), to_text(*read_log_place("", "latest")));
  EXPECT_EQ(to_text(*read_log_place("", "007")), "7");
  EXPECT_EQ(to_text(*read_log_place("", "2026-01-31T00:00:00Z")),
            to_text(*read_log_place("", "2026-01-31T00:00:00.000Z")));
  EXPECT_NE(to_text(*read_log_place("", "1769817600000")),
            to_text(*read_log_place("", "2026-01-31T00:00:00Z")));
}

TEST(LogPlace, is_a_position_in_each_log) {
  EXPECT_EQ(position_in(*read_log_place("", "earliest"), k_log, {}), Position{100});
  EXPECT_EQ(position_in(*read_log_place("", "end"), k_log, {}), Position{200});
  EXPECT_EQ(position_in(*read_log_place("", "7"), k_log, {}), Position{7});
  const LogPlace time = *read_log_place("", "2026-01-31T00:00:00Z");
  EXPECT_EQ(position_in(time, k_log, Position{150}), Position{150});
  EXPECT_EQ(position_in(time, k_log, {}), Position{200});
}

}  // namespace
}  // namespace penstock::appliance
