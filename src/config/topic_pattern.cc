// How it works
//
// regcomp() and regexec() do the work. But some short expressions make them take all memory or time. So
// WrittenOut first estimates how long the expression is with its repetitions written out. It reads the
// expression once, from left to right, and keeps a Group per open parenthesis: the size of what came before,
// and of the last item, which is all that a repetition repeats.
//
// For example, "^svc-(a|b{3})+$":
// 1. "^svc-" is 5 items. The '(' opens a group.
// 2. In the group 'a', '|' and 'b' are 1 each. "{3}" makes the last item 4, since one is always added. The
//    group comes to 6.
// 3. The ')' closes it. It is now the last item of the whole, of size 7, as a pair of parentheses counts 1.
// 4. The '+' doubles that item: 14. With '$' the sum is 5 + 14 + 1 = 20, far below k_written_out_max.
//
// "(^svc-)+" is refused whatever its size. Its group holds a '^', and what is bound to a place must not be
// repeated. What is no expression at all gets some number here. If that is small enough, regcomp() says what
// is wrong.
#include "config/topic_pattern.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/concat.h"

namespace penstock::config {
namespace {

// regcomp() writes what is repeated as often as it may come: "a{200}" is 200 characters to it, "a++" 4,
// "(a+){9}" 18, and some 30 of such doublings are all memory there is. A topic's name has at most 249 bytes.
// And what is bound to a place within what is repeated, "((^|a)*){30}", takes it twice the time for each time
// (glibc 2.36 and others).
constexpr std::uint64_t k_written_out_max = 1000;
constexpr std::size_t k_expression_bytes_max = 1000;  // as deep can groups be, and regcomp() goes into them

constexpr std::string_view k_bound_escapes = "bB<>`'";

// How many characters an expression comes to with its repetitions written out. One that is no expression has
// any number.
class WrittenOut {
 public:
  static std::uint64_t size_of(std::string_view expression) { return WrittenOut(expression).size(); }

 private:
  explicit WrittenOut(std::string_view expression) : rest_(expression) {}

  std::uint64_t size() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      take(c);
    }
    std::uint64_t sum = 0;
    for (const Group& group : open_) {
      sum = bounded(sum + group.before + group.last);
    }
    return sum;
  }

  struct Group {
    std::uint64_t before = 0;
    std::uint64_t last = 0;  // what a repetition repeats
    bool is_bound = false;   // holds a '^', or another that binds to a place
    bool last_is_bound = false;
  };

  static std::uint64_t bounded(std::uint64_t size) { return std::min(size, k_written_out_max + 1); }

  void take(char c) {
    if (c == '(') {
      open_.emplace_back();
    } else if (c == ')' && open_.size() > 1) {
      const Group group = open_.back();
      open_.pop_back();
      append(group.before + group.last + 1, group.is_bound);
    } else if (c == '*' || c == '+') {
      repeat(c == '+' ? 2 : 1);
    } else if (c == '{') {
      repeat(greatest_number());
    } else if (c == '\\') {
      const std::string_view escaped = rest_.substr(0, 1);
      rest_.remove_prefix(escaped.size());
      append(1, !escaped.empty() && k_bound_escapes.find(escaped) != std::string_view::npos);
    } else if (c == '[') {
      skip_bracket();
      append(1, false);
    } else if (c != '?') {
      append(1, c == '^' || c == '$');
    }
  }

  void append(std::uint64_t size, bool is_bound) {
    Group& group = open_.back();
    group.before = bounded(group.before + group.last);
    group.last = bounded(size);
    group.last_is_bound = is_bound;
    group.is_bound = group.is_bound || is_bound;
  }

  void repeat(std::uint64_t times) {
    Group& group = open_.back();
    group.last =
        group.last_is_bound ? k_written_out_max + 1 : bounded(std::max<std::uint64_t>(1, group.last) * times);
  }

  // Of "3}", "3,5}", "3,}": what comes at most, and one more for an open end.
  std::uint64_t greatest_number() {
    std::uint64_t greatest = 0;
    std::uint64_t number = 0;
    for (; !rest_.empty() && rest_.front() != '}'; rest_.remove_prefix(1)) {
      const char c = rest_.front();
      number = c >= '0' && c <= '9' ? bounded(number * 10 + static_cast<std::uint64_t>(c - '0')) : 0;
      greatest = std::max(greatest, number);
    }
    rest_.remove_prefix(std::min<std::size_t>(1, rest_.size()));  // the '}'
    return greatest + 1;
  }

  // "^]a-z[:digit:]]": a ']' ends it that is not its first, nor of a class.
  void skip_bracket() {
    std::size_t at = rest_.starts_with('^') ? 1 : 0;
    at += rest_.substr(at).starts_with(']') ? 1 : 0;
    while (at < rest_.size() && rest_[at] != ']') {
      at += class_bytes(rest_.substr(at));
    }
    rest_.remove_prefix(std::min(at + 1, rest_.size()));
  }

  // Of "[:digit:]..."; 1 of any other character.
  static std::size_t class_bytes(std::string_view text) {
    for (const std::string_view end : {":]", ".]", "=]"}) {
      if (text.size() > 1 && text[0] == '[' && text[1] == end[0] && text.find(end, 2) != text.npos) {
        return text.find(end, 2) + end.size();
      }
    }
    return 1;
  }

  std::string_view rest_;
  std::vector<Group> open_{Group{}};
};

// POSIX gives no letter behind a backslash a meaning. This library takes most of them for the letter itself,
// so that "\\d" matches a d, and gives some a meaning of its own, which another library need not. Another
// character behind a backslash is that character, and so is another backslash.
std::string letter_escape_fault(std::string_view expression) {
  struct Way {
    char letter;
    std::string_view posix;
  };
  static constexpr std::array<Way, 6> k_ways{{{'d', "[0-9]"},
                                              {'D', "[^0-9]"},
                                              {'w', "[[:alnum:]_]"},
                                              {'W', "[^[:alnum:]_]"},
                                              {'s', "[[:space:]]"},
                                              {'S', "[^[:space:]]"}}};
  for (std::size_t at = expression.find('\\'); at != std::string_view::npos && at + 1 < expression.size();
       at = expression.find('\\', at + 2)) {
    const char letter = expression[at + 1];
    if ((letter < 'a' || letter > 'z') && (letter < 'A' || letter > 'Z')) {
      continue;
    }
    const auto* way = std::find_if(k_ways.begin(), k_ways.end(),
                                   [letter](const Way& each) { return each.letter == letter; });
    return concat("holds \\", letter, ", which means nothing in a POSIX expression; write ",
                  way != k_ways.end() ? way->posix : "the letter alone, or leave it out");
  }
  return {};
}

}  // namespace

Result<TopicPattern> TopicPattern::compile(const std::string& expression) {
  if (expression.size() > k_expression_bytes_max || WrittenOut::size_of(expression) > k_written_out_max) {
    return invalid_input(concat("is an expression that could take all memory or time; write at most ",
                                k_expression_bytes_max,
                                " bytes, fewer repetitions within each other, and ^ and $ outside of them"));
  }
  if (const std::string fault = letter_escape_fault(expression); !fault.empty()) {
    return invalid_input(fault);
  }
  auto regex = std::make_unique<regex_t>();
  const int code = ::regcomp(regex.get(), expression.c_str(), REG_EXTENDED | REG_NOSUB);
  if (code != 0) {
    std::array<char, 128> reason{};
    ::regerror(code, regex.get(), reason.data(), reason.size());
    return invalid_input(concat("is not a regular expression: ", reason.data(),
                                "; write a POSIX extended one, such as \"^svc-.*\""));
  }
  TopicPattern pattern;
  pattern.compiled_ = std::shared_ptr<const regex_t>(regex.release(), [](const regex_t* compiled) {
    auto* owned = const_cast<regex_t*>(compiled);  // regfree() wants what regcomp() filled in
    ::regfree(owned);
    delete owned;
  });
  return pattern;
}

bool TopicPattern::matches(const std::string& topic) const {
  return compiled_ != nullptr && ::regexec(compiled_.get(), topic.c_str(), 0, nullptr, 0) == 0;
}

}  // namespace penstock::config
