#include "app/json_text.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

TEST(JsonString, is_valid_json_whatever_the_bytes) {
  struct Row {
    std::string text;
    std::string json;
  };
  const Row rows[] = {
      {"", R"("")"},
      {"plain", R"("plain")"},
      {R"(a "quoted" \ path)", R"("a \"quoted\" \\ path")"},
      {"line\r\n\ttab", R"("line\u000d\u000a\u0009tab")"},
      {std::string("nul\0!", 5), R"("nul\u0000!")"},
      {"\x7f", R"("\u007f")"},
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
      {"\xff", R"("\ufffd")"},
      {"\xc3", R"("\ufffd")"},                                // cut off
      {"\xc3(", R"("\ufffd(")"},                              // continued wrongly
      {"\xc0\xaf", R"("\ufffd\ufffd")"},                      // overlong
      {"\xed\xa0\x80", R"("\ufffd\ufffd\ufffd")"},            // a surrogate
      {"\xf4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")"},  // beyond U+10FFFF
  };
  for (const Row& row : rows) {
    EXPECT_EQ(json_string(row.text), row.json);
  }
}

}  // namespace
}  // namespace penstock::app
