#include "codec/json_value.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::codec {
namespace {

TEST(JsonValue, reads_what_is_nested) {
  const auto json = json_object(R"({"a":[{"b":"c\n"},{"b":2.5}],"d":true,"e":null,"f":12})");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["a"].items.size(), 2);
  EXPECT_EQ((*json)["a"].items[0]["b"].text, "c\n");
  EXPECT_EQ((*json)["a"].items[1]["b"].number, 2.5);
  EXPECT_TRUE((*json)["d"].truth);
  EXPECT_FALSE((*json)["e"].number);
  EXPECT_EQ((*json)["f"].number, 12);
}

TEST(JsonValue, what_is_not_there_is_empty) {
  const auto json = json_object("{}");
  ASSERT_TRUE(json);
  EXPECT_TRUE((*json)["a"]["b"].items.empty());
  EXPECT_EQ((*json)["a"].text, "");
}

TEST(JsonValue, refuses_what_is_no_object) {
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{"), std::string("{}x"), std::string("3"),
        std::string("{\"a\":}"), "{\"a\":" + std::string(1000, '[') + std::string(1000, ']') + "}"}) {
    EXPECT_FALSE(json_object(text)) << text.substr(0, 20);
  }
}

}  // namespace
}  // namespace penstock::codec
