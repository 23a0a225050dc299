#include "config/topic_pattern.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::config {
namespace {

using testing::HasSubstr;

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

TEST(TopicPattern, expressions_that_people_write_are_taken) {
  for (const std::string& expression :
       {std::string("^svc-.*"), std::string("^[a-z0-9._-]+-(in|out)(-dlq)?$"), std::string("^x{1,249}$"),
        std::string("^([a-z]{1,40}-){1,20}$"), std::string("[]+({]*"), std::string("[^]+{]"),
        std::string("[[:alpha:]+{]+"), std::string("(^|x)[^$]*(y|$)"), std::string("[$^]*a\\$*"),
        std::string("\\+\\{\\("), std::string("^(a|b|)$"), "^(" + repeated("payments-eu|", 60) + "x)$"}) {
    const auto pattern = TopicPattern::compile(expression);
    EXPECT_TRUE(pattern.ok()) << expression << ": " << pattern.error().message;
  }
}

// regcomp() writes repetitions out, and would take all memory there is.
TEST(TopicPattern, repetitions_within_each_other_are_refused_before_they_take_memory) {
  for (const std::string& expression :
       {"a" + repeated("+", 40), "a" + repeated("{9}", 9), repeated("(", 40) + "a" + repeated("+)", 40),
        std::string("((a{200}){200}){2}"), std::string("(a{32000}|b){2}"), std::string("([)]a{200}){200}"),
        std::string("([[:alpha:])]a{200}){200}"), "a{1,9" + repeated("9", 40) + "}", "()" + repeated("+", 40),
        std::string("((^|a)*){30}"), repeated("(\\b)*", 30), std::string("(x|(a|b$)?)*"),
        std::string(1001, 'a')}) {
    const auto pattern = TopicPattern::compile(expression);
    ASSERT_FALSE(pattern.ok()) << expression;
    EXPECT_THAT(pattern.error().message, HasSubstr("could take all memory or time; write")) << expression;
  }
}

TEST(TopicPattern, a_letter_behind_a_backslash_is_refused_with_the_posix_way) {
  struct Row {
    const char* expression;
    const char* said;
  };
  for (const Row& row :
       {Row{"^svc-\\d+$", "holds \\d, which means nothing in a POSIX expression; write [0-9]"},
        Row{"^\\w+$", "write [[:alnum:]_]"}, Row{"^[\\w.]+$", "write [[:alnum:]_]"},
        Row{"a\\S", "write [^[:space:]]"}, Row{"\\bsvc", "holds \\b"}, Row{"\\.\\Q", "the letter alone"},
        Row{"\\\\\\d", "holds \\d"}}) {
    const auto pattern = TopicPattern::compile(row.expression);
    ASSERT_FALSE(pattern.ok()) << row.expression;
    EXPECT_THAT(pattern.error().message, HasSubstr(row.said)) << row.expression;
  }
  for (const char* expression : {"^svc\\.a$", "\\\\d", "\\^a", "^(a)\\1$", "\\-"}) {
    EXPECT_TRUE(TopicPattern::compile(expression).ok()) << expression;
  }
}

TEST(TopicPattern, what_is_no_expression_is_said_not_to_be_one) {
  for (const char* expression :
       {"(", ")a(", "a)(b", "[", "[a", "[[:alpha:", "a{", "a{2,1}", "\\", "*(", "{"}) {
    const auto pattern = TopicPattern::compile(expression);  // some of these are expressions to this library
    if (!pattern.ok()) {
      EXPECT_THAT(pattern.error().message, HasSubstr("is not a regular expression: ")) << expression;
    }
  }
}

}  // namespace
}  // namespace penstock::config
