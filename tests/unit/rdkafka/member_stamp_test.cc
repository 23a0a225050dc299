#include "rdkafka/member_stamp.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace penstock::rdkafka {
namespace {

using std::string_literals::operator""s;

// As librdkafka 2.0.2 and 2.8.0 write it.
std::string written(std::int32_t generation, const std::string& rest) {
  std::string bytes = "CGMDv2:" + std::string(4, '\0') + rest;
  std::memcpy(bytes.data() + 7, &generation, 4);
  return bytes;
}

Result<MemberStamp> parse(const std::string& bytes, std::string_view member = "me-1") {
  return parse_member_stamp(as_bytes(bytes), "group", member);
}

TEST(MemberStamp, of_a_dynamic_member) {
  const auto stamp = parse(written(7, "group\0me-1\0\1"s));
  ASSERT_TRUE(stamp.ok()) << stamp.error().message;
  EXPECT_EQ(*stamp, (MemberStamp{.generation = 7, .member_id = "me-1", .instance_id = std::nullopt}));
}

TEST(MemberStamp, of_a_static_member) {
  const auto stamp = parse(written(0x01020304, "group\0me-1\0\0instance\0"s));
  ASSERT_TRUE(stamp.ok()) << stamp.error().message;
  EXPECT_EQ(*stamp, (MemberStamp{.generation = 0x01020304, .member_id = "me-1", .instance_id = "instance"}));
}

TEST(MemberStamp, every_shorter_and_every_longer_one_is_refused) {
  for (const std::string& whole :
       {written(7, "group\0me-1\0\1"s), written(7, "group\0me-1\0\0instance\0"s)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(parse(whole.substr(0, size)).ok()) << size;
    }
    EXPECT_FALSE(parse(whole + "\0"s).ok());
    EXPECT_FALSE(parse(whole + "x").ok());
  }
}

TEST(MemberStamp, what_contradicts_the_library_is_refused) {
  const std::string whole = written(7, "group\0me-1\0\1"s);
  EXPECT_FALSE(parse(whole, "me-2").ok()) << "another member";
  EXPECT_FALSE(parse_member_stamp(as_bytes(whole), "other", "me-1").ok()) << "another group";
  EXPECT_FALSE(parse(written(7, "group\0me-1\0\2"s)).ok()) << "another flag";
  for (std::size_t i = 0; i < 7; ++i) {
    std::string other = whole;
    other[i] ^= 1;
    EXPECT_FALSE(parse(other).ok()) << "magic, byte " << i;
  }
}

TEST(MemberStamp, of_nobody_it_is_of_the_layout_and_is_known_as_such) {
  const auto no_member = parse(written(7, "group\0\0\1"s), "");
  ASSERT_TRUE(no_member.ok()) << no_member.error().message;
  EXPECT_TRUE(is_of_nobody(*no_member));
  const auto lost = parse(written(-1, "group\0me-1\0\1"s));
  ASSERT_TRUE(lost.ok()) << lost.error().message;
  EXPECT_TRUE(is_of_nobody(*lost)) << "a generation that an empty group accepts";
  EXPECT_FALSE(is_of_nobody(*parse(written(7, "group\0me-1\0\1"s))));
}

TEST(MemberStamp, the_refusal_says_what_to_do) {
  const auto refused = parse("CGMDv3:");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
  EXPECT_EQ(refused.error().action, Action::fatal);
  EXPECT_NE(refused.error().message.find("source.fetch: librdkafka"), std::string::npos);
}

}  // namespace
}  // namespace penstock::rdkafka
