#include "codec/name_rules.h"

#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace penstock::codec {
namespace {

struct Ruled {
  std::string name;
  std::string_view said;  // empty: it is a good name
};

void expect_rows(std::span<const Ruled> rows, const NameRoom& room) {
  for (const Ruled& row : rows) {
    const std::string fault = name_fault(row.name, room);
    EXPECT_EQ(fault.empty(), row.said.empty()) << row.name << ": " << fault;
    EXPECT_NE(fault.find(row.said), std::string::npos) << row.name << ": " << fault;
  }
}

TEST(NameRules, a_name_is_refused_by_what_stores_drop_and_readers_skip) {
  const Ruled rows[] = {
      {"orders/2026/orders-1.txt", ""},
      {"a", ""},
      {"a b/..c", "\"..c\", which begins with '.'"},
      {"_x/2026/x-1.txt", "\"_x\", which begins with '_', and Auto Loader and Spark skip"},
      {"x/_x-1.txt", "\"_x-1.txt\", which begins with '_'"},
      {".x/2026/x-1.txt", "\".x\", which begins with '.'"},
      {"x/.x-1.txt", "begins with '.'"},
      {"__consumer_offsets/a", "begins with '_'"},
      {"x./2026/x.-1.txt", "\"x.\", which ends with '.', which Azure drops"},
      {"x/2026/x.", "ends with '.'"},
      {"x.y/x.y-1.txt", ""},
      {"x_/x_-1.txt", ""},
      {"-x/-x-1.txt", ""},
      {"./a", "begins with '.'"},
      {"../a", "begins with '.'"},
      {"a//b", "is empty"},
      {"/a", "is empty"},
      {"a/", "is empty"},
      {"", "is empty"},
      {"a\\b", "a backslash"},
      {"a\nb", "a control character"},
      {"a\x7f", "a control character"},
      {"a\xC2\x81", "a control character"},
      {"\xC3\xA9t\xC3\xA9/\xC2\xA0/x", ""},
  };
  expect_rows(rows, {});
}

TEST(NameRules, a_name_is_refused_where_the_sink_has_no_room_for_it) {
  const auto of = [](std::size_t bytes) { return std::string(bytes, 't'); };
  const auto parts = [](std::size_t count) {
    std::string name = "a";
    for (std::size_t i = 1; i < count; ++i) {
      name += "/a";
    }
    return name;
  };
  const Ruled anywhere[] = {
      {of(900), ""},
      {of(901), "can have 901 bytes, and there is room for 900"},
      {parts(61), ""},
      {parts(62), "has 62 parts between '/', and there is room for 61"},
  };
  expect_rows(anywhere, {});
  const Ruled in_a_directory[] = {
      {of(255) + "/" + of(249), ""},
      {of(256) + "/a", "can have 256 bytes, and the sink holds at most 255"},
      {"a/" + of(250), "can have 250 bytes, and the sink holds at most 249"},
      {of(250), "at most 249"},
      {of(250) + "/a", ""},
  };
  expect_rows(in_a_directory, {.part_bytes_max = 255, .last_part_bytes_max = 249});
}

TEST(NameRules, a_long_part_does_not_hide_what_is_said_about_it) {
  EXPECT_LT(name_fault("_" + std::string(800, 't'), {}).size(), 200U);
}

}  // namespace
}  // namespace penstock::codec
