#include "base/json_string.h"

#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace penstock {
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
      {"line\r\n\ttab", R"("line\u000d\n\u0009tab")"},
      {std::string("nul\0!", 5), R"("nul\u0000!")"},
      {"\x7f", R"("\u007f")"},
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
      {"\xff", R"("\\xff")"},
      {"\xc3", R"("\\xc3")"},                             // cut off
      {"\xc3(", R"("\\xc3(")"},                           // continued wrongly
      {"\xc0\xaf", R"("\\xc0\\xaf")"},                    // overlong
      {"\xed\xa0\x80", R"("\\xed\\xa0\\x80")"},           // a surrogate
      {"\xf4\x90\x80\x80", R"("\\xf4\\x90\\x80\\x80")"},  // beyond U+10FFFF
  };
  for (const Row& row : rows) {
    EXPECT_EQ(json_string(row.text), row.json);
  }
}

TEST(JsonString, escapes_a_byte_wherever_it_stands) {
  for (const char special : {'"', '\\', '\x1f', '\x7f', '\xff'}) {
    const std::string escaped = json_string(std::string(1, special));
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text(20, ' ');
      text[at] = special;
      EXPECT_EQ(json_string(text), "\"" + std::string(at, ' ') + escaped.substr(1, escaped.size() - 2) +
                                       std::string(19 - at, ' ') + "\"");
    }
  }
  const std::string plain = " !#[]^`az{|}~0123456789";
  EXPECT_EQ(json_string(plain), "\"" + plain + "\"");
}

}  // namespace
}  // namespace penstock
