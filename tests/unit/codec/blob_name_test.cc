#include "codec/blob_name.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::codec {
namespace {

constexpr std::string_view k_default = "{topic}/{yyyy}/{MM}/{dd}/{HH}/{topic}-{yyyy}{MM}{dd}T{HH}{mm}{ss}Z";

WallTime utc(int year, unsigned month, unsigned day, int hour, int minute, int second) {
  using namespace std::chrono;
  return sys_days(std::chrono::year(year) / month / day) + hours(hour) + minutes(minute) + seconds(second) +
         milliseconds(999);
}

TEST(PathTemplate, expands_every_placeholder_and_ends_in_the_batch) {
  const auto path = PathTemplate::parse(k_default);
  ASSERT_TRUE(path.ok());
  EXPECT_FALSE(path->uses_partition());
  EXPECT_EQ(path->expand("api", {}, utc(2026, 1, 31, 23, 5, 9), {0xABCDEF0123456789, 42}, ".txt.gz"),
            "api/2026/01/31/23/api-20260131T230509Z-abcdef0123456789-42.txt.gz");
}

TEST(PathTemplate, a_namespace_is_the_same_in_every_name) {
  const auto path =
      PathTemplate::parse("{namespace}/{topic}/{partition}/{yyyy}/{MM}/{dd}/{HH}/{mm}/{ss}", "contoso");
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(path->expand("api", Partition{3}, utc(2026, 1, 31, 23, 5, 9), {0xABCDEF0123456789, 42}, ".avro"),
            "contoso/api/3/2026/01/31/23/05/09-abcdef0123456789-42.avro");
}

TEST(PathTemplate, the_incarnation_always_has_sixteen_digits) {
  const auto path = PathTemplate::parse("x{partition}");
  ASSERT_TRUE(path.ok());
  EXPECT_TRUE(path->uses_partition());
  EXPECT_EQ(path->expand("t", Partition{7}, utc(1970, 1, 1, 0, 0, 0), {1, 0}, ".txt"),
            "x7-0000000000000001-0.txt");
}

TEST(PathTemplate, a_wrong_template_is_refused_with_what_to_do) {
  struct Case {
    std::string text;
    std::string said;
  };
  const std::vector<Case> cases{
      {"", "is empty"},
      {"/a", "begins or ends with '/'"},
      {"a/", "begins or ends with '/'"},
      {"a//b", "empty segment"},
      {"a/../b", "begins with '.'"},
      {"./b", "begins with '.'"},
      {"a./b", "ends with '.'"},
      {"..", "begins with '.'"},
      {"a/.b", "begins with '.'"},
      {"a/_b", "begins with '_'"},
      {"_a/b", "begins with '_'"},
      {".a/b", "begins with '.'"},
      {"{topic}/_x/f", "end sink.url with it"},
      {"a\\b", "a backslash"},
      {"a\nb", "a control character"},
      {"a\x7f", "a control character"},
      {"{topc}", "unknown placeholder {topc}"},
      {"{}", "unknown placeholder {}"},
      {"{hunter2}", "unknown placeholder; known"},
      {"{mM}", "unknown placeholder {mM}"},
      {"a{topic", "not closed, at character 2"},
      {"a{topic{dd}", "not closed, at character 2"},
      {"a{to/pic}", "not closed, at character 2"},
      {"a}b", "'}' without '{'"},
      {"hunter2/", "ends with '/'"},
      {"hunter2./b", "ends with '.'"},
  };
  for (const Case& c : cases) {
    const auto path = PathTemplate::parse(c.text);
    ASSERT_FALSE(path.ok()) << c.text;
    EXPECT_NE(path.error().message.find(c.said), std::string::npos) << path.error().message;
    EXPECT_EQ(path.error().message.find("hunter2"), std::string::npos) << "it may be a secret";
    EXPECT_EQ(path.error().kind, ErrorKind::invalid_input);
  }
}

TEST(PathTemplate, what_is_unusual_and_right_is_accepted) {
  for (const std::string_view text : {"a_/b", "a b/{topic}", "a..b/c", "{dd}", "a/b.", "\xC3\xA9/x"}) {
    EXPECT_TRUE(PathTemplate::parse(text).ok()) << text;
  }
}

TEST(PathTemplate, no_name_is_longer_than_it_says) {
  for (const std::string_view text : {k_default, std::string_view("p={partition}/{topic}")}) {
    const auto path = PathTemplate::parse(text);
    ASSERT_TRUE(path.ok());
    const std::string topic(249, 't');
    const std::optional<Partition> partition =
        path->uses_partition() ? std::optional(Partition{INT32_MAX}) : std::nullopt;
    const std::string longest =
        path->expand(topic, partition, utc(2261, 12, 31, 23, 59, 59), {UINT64_MAX, UINT64_MAX}, ".json.zst");
    EXPECT_EQ(longest.size(), path->longest_name(topic).size());
    EXPECT_LT(longest.size(), k_blob_name_bytes_max);
  }
}

}  // namespace
}  // namespace penstock::codec
