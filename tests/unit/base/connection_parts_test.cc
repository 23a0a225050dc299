#include "base/connection_parts.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ConnectionParts, what_comes_with_pasting_is_taken_off) {
  const std::string plain = "Name=contoso;Key=a/b+c==";
  for (const std::string& text : {
           plain, plain + ";", plain + "\r\n", " \t" + plain + "\n\n", "\"" + plain + "\"",
           "'" + plain + "'\n", "\xEF\xBB\xBF" + plain,
           std::string("\xEF\xBB\xBF\"Name=contoso; Key=a/b+c==\"\r\n"),
           std::string(";; Name = contoso ;\n Key\t= a/b+c== ;;"),
           std::string("Name=con\ntoso;Key=a/b\r\n+c=="),  // a terminal has broken the line
       }) {
    const auto parts = connection_parts(text);
    ASSERT_TRUE(parts.ok()) << text;
    EXPECT_EQ(joined(*parts), plain) << text;
  }
  EXPECT_EQ(connection_parts("")->size(), 0U);
}

TEST(ConnectionParts, a_value_is_found_by_its_name_in_any_case_and_the_last_one_counts) {
  const auto parts = connection_parts("KEY=one;other=x;key=two").value();
  EXPECT_EQ(value_of_part(parts, "Key"), "two");
  EXPECT_EQ(value_of_part(parts, "Other"), "x");
  EXPECT_EQ(value_of_part(parts, "Ke"), "");
}

TEST(ConnectionParts, a_part_without_a_value_is_told_by_its_number_alone) {
  const auto parts = connection_parts("Name=contoso;;hunter2;Key=x");
  ASSERT_FALSE(parts.ok());
  EXPECT_THAT(parts.error().message, HasSubstr("part 3"));
  EXPECT_THAT(parts.error().message, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace penstock
