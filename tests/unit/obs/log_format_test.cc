#include "obs/log_format.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::obs {
namespace {

using namespace std::string_view_literals;

// 2026-01-31T00:00:12.345Z
constexpr WallTime k_time{std::chrono::milliseconds(1769817612345)};

std::string json_value(std::string_view text) {
  const std::vector<Field> fields{{"v", text}};
  const std::string line = format_line(LogFormat::json, k_time, Level::info, "m", fields);
  constexpr std::string_view k_front =
      R"({"time":"2026-01-31T00:00:12.345Z","level":"info","message":"m","v":)";
  EXPECT_TRUE(line.starts_with(k_front)) << line;
  EXPECT_TRUE(line.ends_with('}')) << line;
  return line.substr(k_front.size(), line.size() - k_front.size() - 1);
}

std::string text_value(std::string_view text) {
  const std::vector<Field> fields{{"v", text}};
  const std::string line = format_line(LogFormat::text, k_time, Level::info, "m", fields);
  constexpr std::string_view k_front = "2026-01-31T00:00:12.345Z info m v=";
  EXPECT_TRUE(line.starts_with(k_front)) << line;
  return line.substr(k_front.size());
}

TEST(LogFormat, text_shows_time_level_message_and_fields) {
  const std::vector<Field> fields{{"topic", "api"},       {"partition", Partition{3}},
                                  {"offset", Offset{-1}}, {"bytes", std::uint64_t{7}},
                                  {"direct", true},       {"seconds", 0.25}};
  EXPECT_EQ(format_line(LogFormat::text, k_time, Level::warning, "uploads fall behind", fields),
            "2026-01-31T00:00:12.345Z warning uploads fall behind topic=api partition=3 offset=-1 bytes=7 "
            "direct=true seconds=0.25");
}

TEST(LogFormat, json_keeps_the_types_of_values) {
  const std::vector<Field> fields{
      {"topic", "api"},  {"partition", Partition{3}}, {"bytes", std::numeric_limits<std::uint64_t>::max()},
      {"direct", false}, {"seconds", 0.25},           {"rate", std::numeric_limits<double>::infinity()}};
  EXPECT_EQ(format_line(LogFormat::json, k_time, Level::error, "say \"when\"", fields),
            R"({"time":"2026-01-31T00:00:12.345Z","level":"error","message":"say \"when\"","topic":"api",)"
            R"("partition":3,"bytes":18446744073709551615,"direct":false,"seconds":0.25,"rate":null})");
}

TEST(LogFormat, a_field_without_a_text_is_left_out) {
  const std::vector<Field> fields{{"code", ""}, {"topic", "api"}, {"note", ""}};
  EXPECT_EQ(format_line(LogFormat::journal, k_time, Level::info, "m", fields), "<6>m topic=api");
  EXPECT_TRUE(format_line(LogFormat::json, k_time, Level::info, "m", fields)
                  .ends_with(R"("message":"m","topic":"api"})"));
}

TEST(LogFormat, journal_lines_carry_the_priority_and_no_time) {
  EXPECT_EQ(format_line(LogFormat::journal, k_time, Level::debug, "m", {}), "<7>m");
  EXPECT_EQ(format_line(LogFormat::journal, k_time, Level::info, "m", {}), "<6>m");
  EXPECT_EQ(format_line(LogFormat::journal, k_time, Level::warning, "m", {}), "<4>m");
  EXPECT_EQ(format_line(LogFormat::journal, k_time, Level::error, "m", {}), "<3>m");
}

TEST(LogFormat, a_time_before_the_epoch_does_not_show_negative_milliseconds) {
  const WallTime before{std::chrono::milliseconds(-1)};
  EXPECT_EQ(format_line(LogFormat::text, before, Level::info, "m", {}), "1969-12-31T23:59:59.999Z info m");
}

struct Case {
  std::string_view input;
  std::string_view json;
  std::string_view text;
};

TEST(LogFormat, hostile_values_stay_one_line_of_valid_utf8) {
  const std::vector<Case> cases{
      {"plain", R"("plain")", "plain"},
      {"two words", R"("two words")", R"("two words")"},
      {"a=b", R"("a=b")", R"("a=b")"},
      {"quote\"", R"("quote\"")", R"("quote\"")"},
      {"back\\slash", R"("back\\slash")", R"("back\\slash")"},
      {"line\nfeed", R"("line\nfeed")", R"(line\nfeed)"},
      {"cr\rtab\t", R"("cr\u000dtab\u0009")", R"(cr\x0dtab\x09)"},
      {"nul\0!"sv, R"("nul\u0000!")", R"(nul\x00!)"},
      {"esc\x1b[2J\x7f", R"("esc\u001b[2J\u007f")", R"(esc\x1b[2J\x7f)"},
      {"sch\xc3\xb6n", "\"sch\xc3\xb6n\"", "sch\xc3\xb6n"},
      {"\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xe2\x82\xac\xf0\x9f\x98\x80\"", "\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"\xff\xfe", R"("\\xff\\xfe")", R"(\xff\xfe)"},
      {"cut\xc3", R"("cut\\xc3")", R"(cut\xc3)"},
      {"cut\xe2\x82", R"("cut\\xe2\\x82")", R"(cut\xe2\x82)"},
      {"cut\xf0\x9f\x98", R"("cut\\xf0\\x9f\\x98")", R"(cut\xf0\x9f\x98)"},
      {"overlong\xc0\xaf", R"("overlong\\xc0\\xaf")", R"(overlong\xc0\xaf)"},
      {"\xe0\x80\xaf", R"("\\xe0\\x80\\xaf")", R"(\xe0\x80\xaf)"},
      {"\xf0\x80\x80\xaf", R"("\\xf0\\x80\\x80\\xaf")", R"(\xf0\x80\x80\xaf)"},
      {"surrogate\xed\xa0\x80", R"("surrogate\\xed\\xa0\\x80")", R"(surrogate\xed\xa0\x80)"},
      {"\xf4\x90\x80\x80", R"("\\xf4\\x90\\x80\\x80")", R"(\xf4\x90\x80\x80)"},
      {"\x80 alone", R"("\\x80 alone")", R"("\x80 alone")"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(json_value(c.input), c.json);
    EXPECT_EQ(text_value(c.input), c.text);
  }
}

TEST(LogFormat, a_message_cannot_forge_a_second_line) {
  for (const LogFormat format : {LogFormat::text, LogFormat::journal, LogFormat::json}) {
    const std::string line = format_line(format, k_time, Level::info, "first\n<0>second\r", {});
    EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace penstock::obs
