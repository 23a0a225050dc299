#include "verify/quarantine_lines.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec/json_check.h"
#include "format/envelope.h"
#include "format/quarantine.h"

namespace penstock::verify {
namespace {

std::string line(const std::string& partition, const std::string& offset,
                 const std::string& topic = "orders") {
  return R"({"reason":"not-json","topic":")" + topic + R"(","partition":)" + partition + R"(,"offset":)" +
         offset + R"(,"value_base64":"e30="})";
}

TEST(QuarantineLines, a_line_says_which_record_it_is) {
  EXPECT_EQ(read_quarantine_line(line("3", "41"), "orders"), (RecordPlace{Partition{3}, Offset{41}}));
  EXPECT_EQ(read_quarantine_line(line("0", "9223372036854775806"), "orders"),
            (RecordPlace{Partition{0}, Offset{9223372036854775806}}));
}

TEST(QuarantineLines, reads_what_the_quarantine_writes) {
  codec::JsonCheck json;
  RecordView record;
  record.offset = Offset{41};
  record.value = as_bytes("{");
  for (const QuarantineReason reason : {QuarantineReason::not_json, QuarantineReason::too_large}) {
    const format::RowContext context{.rows = format::k_quarantine_format.rows,
                                     .topic = "orders-1.x_y",
                                     .partition = Partition{3},
                                     .json = &json,
                                     .reason = to_string(reason)};
    const std::string written = format::envelope_parts(context, record).head;
    EXPECT_EQ(read_quarantine_line(written, "orders-1.x_y"), (RecordPlace{Partition{3}, Offset{41}}))
        << written;
  }
}

TEST(QuarantineLines, anything_else_is_none) {
  EXPECT_FALSE(read_quarantine_line("", "orders"));
  EXPECT_FALSE(read_quarantine_line("{}", "orders"));
  EXPECT_FALSE(read_quarantine_line(line("3", "41", "ordersx"), "orders"));
  EXPECT_FALSE(read_quarantine_line(line("3", "41"), "ordersx"));
  EXPECT_FALSE(read_quarantine_line(line("-1", "41"), "orders"));
  EXPECT_FALSE(read_quarantine_line(line("3", "-41"), "orders"));
  EXPECT_FALSE(read_quarantine_line(line("3", "9223372036854775808"), "orders"));
  EXPECT_FALSE(read_quarantine_line(line("2147483648", "41"), "orders"));
  EXPECT_FALSE(read_quarantine_line(line("3", "4 1"), "orders"));
  const std::string whole = line("3", "41");
  EXPECT_FALSE(read_quarantine_line(whole.substr(0, whole.find(R"(,"value)")), "orders")) << "41 of 4123?";
  EXPECT_FALSE(read_quarantine_line(" " + whole, "orders"));
}

class QuarantineLinesTest : public ::testing::Test {
 protected:
  Result<void> feed(std::string_view piece) {
    return lines.feed(piece, [this](RecordPlace place) { found.push_back(place.offset.value); });
  }

  QuarantineLines lines{"orders"};
  std::vector<std::int64_t> found;
};

TEST_F(QuarantineLinesTest, pieces_may_end_anywhere) {
  const std::string text = line("0", "1") + "\n" + line("0", "2") + "\n" + line("0", "300") + "\n";
  for (const char c : text) {
    ASSERT_TRUE(feed({&c, 1}).ok());
  }
  EXPECT_EQ(found, (std::vector<std::int64_t>{1, 2, 300}));
}

TEST_F(QuarantineLinesTest, a_line_may_be_of_any_length_and_the_last_counts_when_it_ends) {
  const std::string value(1 << 20, 'A');
  ASSERT_TRUE(feed(line("0", "1") + value).ok());
  ASSERT_TRUE(feed(value + "\n" + line("0", "2")).ok());
  EXPECT_EQ(found, std::vector<std::int64_t>{1});
  ASSERT_TRUE(feed("\n").ok());
  EXPECT_EQ(found, (std::vector<std::int64_t>{1, 2}));
}

TEST_F(QuarantineLinesTest, a_line_that_does_not_read_is_named) {
  const Result<void> fed = feed(line("0", "1") + "\n\n");
  ASSERT_FALSE(fed.ok());
  EXPECT_EQ(fed.error().message, "line 2 is not that of a record in quarantine of the topic orders");
}

}  // namespace
}  // namespace penstock::verify
