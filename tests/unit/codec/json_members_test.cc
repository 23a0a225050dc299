#include "codec/json_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::codec {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(JsonMembers, are_the_texts_and_numbers_at_the_top) {
  const auto members = json_members(
      R"({"sub": "gateway \u00e9", "exp": 1790000000, "iat": 1.5, "ok": true, "aud": ["a"], "deep": {"sub": "x"}, "n": null})");
  ASSERT_TRUE(members.has_value());
  EXPECT_THAT(members->texts, ElementsAre(Pair("sub", "gateway \u00e9")));
  EXPECT_THAT(members->numbers, ElementsAre(Pair("exp", 1790000000.0), Pair("iat", 1.5)));
}

TEST(JsonMembers, are_none_of_anything_but_one_whole_object) {
  for (const char* text :
       {"", "[1]", "1", "\"a\"", "{", "{\"a\":}", "{} {}", "{\"a\":1}x", "{'a':1}", "{\"a\":01}"}) {
    EXPECT_FALSE(json_members(text).has_value()) << text;
  }
  EXPECT_TRUE(json_members(" {} ").has_value());
}

}  // namespace
}  // namespace penstock::codec
