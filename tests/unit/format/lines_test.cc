#include "format/lines.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::format {
namespace {

// What the contract says, a byte at a time.
std::string flattened(std::string text, std::size_t& replaced) {
  replaced = 0;
  for (char& c : text) {
    if (c == '\n' || c == '\r') {
      c = ' ';
      ++replaced;
    }
  }
  return text;
}

void expect_flattened(const std::string& text) {
  std::size_t expected_count = 0;
  const std::string expected = flattened(text, expected_count);
  std::string copy(text.size() + 2, '#');  // a byte of fence at either side
  EXPECT_EQ(copy_flat(as_bytes(text), reinterpret_cast<std::byte*>(copy.data() + 1)), expected_count);
  EXPECT_EQ(copy.substr(1, text.size()), expected);
  EXPECT_EQ(copy.front(), '#');
  EXPECT_EQ(copy.back(), '#');
}

TEST(Ndjson, line_breaks_become_spaces_and_nothing_else_changes) {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) {
    every_byte += static_cast<char>(byte);
  }
  expect_flattened(every_byte);
  expect_flattened("{\n  \"a\": 1,\r\n  \"b\": \"\\n\"\r}");
  expect_flattened("");
}

TEST(Ndjson, every_length_and_every_place_of_a_line_break) {
  for (std::size_t size = 1; size <= 200; ++size) {
    expect_flattened(std::string(size, 'x'));
    expect_flattened(std::string(size, '\n'));
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = at % 2 == 0 ? '\n' : '\r';
      expect_flattened(text);
    }
  }
}

TEST(Ndjson, random_text_at_every_alignment) {
  std::mt19937_64 random(42);
  for (int round = 0; round < 300; ++round) {
    std::string text(random() % 700, '\0');
    for (char& c : text) {
      c = "ab\n\r{}"[random() % 6];
    }
    expect_flattened(text.substr(random() % (text.size() + 1)));
  }
}

}  // namespace
}  // namespace penstock::format
