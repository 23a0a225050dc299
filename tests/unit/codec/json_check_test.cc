#include "codec/json_check.h"

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "codec/json_grammar.h"

namespace penstock::codec {
namespace {

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

std::vector<std::string> json_texts() {
  return {"{}",
          "[]",
          "0",
          "-0",
          "-12.5e+3",
          "1E400",
          "123456789012345678901234567890",
          "true",
          "false",
          "null",
          " \t\r\nnull \n",
          "\"\"",
          "\"\\u00e4 \\\\ \\/ \\\" \\b\\f\\n\\r\\t\"",
          "\"\\ud83d\\ude00\"",
          "\"ä€😀\x7f\"",
          "{\"a\":[1,{\"b\":null}],\"a\":\"twice\"}",
          "{\n  \"pretty\": [ 1 , 2 ]\r\n}",
          "[[[]],{}]",
          "\"" + std::string(300'000, 'x') + "\"",
          "[1234567890123456789012," + std::string(200'000, ' ') + "{}]",
          nested(k_json_depth_max)};
}

std::vector<std::string> other_texts() {
  return {"",
          " ",
          "nul",
          "nulll",
          "True",
          "NaN",
          "01",
          "1.",
          ".5",
          "+1",
          "-",
          "1e",
          "0x10",
          "1 2",
          "{}{}",
          "{} x",
          "[1,]",
          "[,1]",
          "[1 2]",
          "{\"a\":1,}",
          "{\"a\"}",
          "{\"a\" 1}",
          "{a:1}",
          "{1:2}",
          "[1}",
          "[",
          "]",
          "{\"a\":",
          "\"open",
          "\"a\nb\"",
          "\"a\tb\"",
          "\"\\x\"",
          "\"\\u12g4\"",
          "\"\\ud83d\"",
          "\"\\ud83d\\u0041\"",
          "'a'",
          "// comment\n1",
          "\xEF\xBB\xBF{}",
          std::string("{}\0", 3),
          std::string("\"\0\"", 3),
          "\"\xff\"",
          "\"\xc3\"",
          "\"\xed\xa0\x80\"",
          "\"\xc0\xaf\"",
          "\"" + std::string(300'000, 'x'),
          "[\"" + std::string(300'000, 'x') + "\",\"\xff\"]",
          nested(k_json_depth_max + 1)};
}

TEST(JsonCheckTest, knows_what_is_exactly_one_value) {
  JsonCheck check;
  for (const std::string& text : json_texts()) {
    EXPECT_TRUE(check.is_json(as_bytes(text))) << text.substr(0, 60);
    EXPECT_TRUE(follows_json_grammar(text)) << text.substr(0, 60);
  }
  for (const std::string& text : other_texts()) {
    EXPECT_FALSE(check.is_json(as_bytes(text))) << text.substr(0, 60);
    EXPECT_FALSE(follows_json_grammar(text)) << text.substr(0, 60);
  }
}

TEST(JsonCheckTest, what_lies_behind_a_value_does_not_count) {
  JsonCheck check;
  for (const std::string& text : json_texts()) {
    for (const char behind : {'\0', '1', 'e', '"', '}', ',', ' ', '\xff'}) {
      const std::string padded = text + std::string(JsonCheck::k_padding, behind);
      EXPECT_TRUE(check.is_json_padded(as_bytes(padded).first(text.size()))) << text.substr(0, 60) << behind;
    }
  }
  for (const std::string_view text : {"[1", "nul", "\"a", "1.", "[", "{\"a\":"}) {
    for (const std::string_view rest : {"]", "l", "\"", "5", "]", "1}"}) {
      std::string padded(text);
      padded.append(rest).append(JsonCheck::k_padding, ' ');
      EXPECT_FALSE(check.is_json_padded(as_bytes(padded).first(text.size()))) << text << rest;
    }
  }
}

TEST(JsonCheckTest, is_of_one_mind_with_the_walk_over_texts_with_one_fault) {
  JsonCheck check;
  std::mt19937_64 random(5);
  const std::string_view alphabet = "{}[]\",:\\0123456789eE+-.truefalsn \n\xc3\xa4\xff";
  for (const std::string& whole : json_texts()) {
    if (whole.size() > 1000 || whole.find("\\ud") != std::string::npos) {
      continue;  // half of a pair is what they may differ in
    }
    for (int i = 0; i < 300; ++i) {
      std::string text = whole;
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
      EXPECT_EQ(check.is_json(as_bytes(text)), follows_json_grammar(text)) << text;
    }
  }
}

TEST(JsonCheckTest, a_value_that_is_none_leaves_nothing_behind) {
  JsonCheck check;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(check.is_json(as_bytes("[[[{\"a\":")));
    EXPECT_TRUE(check.is_json(as_bytes("[1]")));
  }
}

TEST(IsUtf8Test, takes_text_and_nothing_else) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("ä€😀"));
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
  EXPECT_FALSE(is_utf8("\xff"));
  EXPECT_FALSE(is_utf8("\xc3"));
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
}

}  // namespace
}  // namespace penstock::codec
