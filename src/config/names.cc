// How it works
//
// What a name may hold follows from what others make of it. The deployment's name becomes a directory, a
// label and a part of the group's name, so it is held to letters, digits, '.', '_' and '-'. A topic and an
// instance have the characters that Kafka allows, which are the same. A group may have any visible ASCII.
//
// A time is read from the front by functions that take off what they recognize. parse_utc() looks only at the
// end whether all of them succeeded. For example:
//
//   2026-01-31T00:00:00.5Z       taken: the fraction is 500,000,000 ns, and what is left is "Z"
//   2026-01-31T00:00:00+01:00    refused: what is left is "+01:00", and only UTC is taken
//   2026-1-31T00:00:00Z          refused: "1-" is not two digits
//   2026-02-30T00:00:00Z         refused: the form is right, and there is no such day
#include "config/names.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>

#include <penstock/result.h>

#include "base/concat.h"
#include "base/foreign_limits.h"
#include "codec/blob_name.h"
#include "config/topic_pattern.h"

namespace penstock::config {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

bool is_name_character(char c) {
  return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
}

bool all_name_characters(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_name_character);
}

// `count` digits from the front, or none. Takes them off.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count ||
      !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(count), is_digit)) {
    return std::nullopt;
  }
  unsigned value = 0;
  for (const char digit : text.substr(0, count)) {
    value = value * 10 + static_cast<unsigned>(digit - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

// ".123456789": digits beyond the ninth would be below a nanosecond.
std::optional<Duration> take_fraction(std::string_view& text) {
  if (!take(text, '.')) {
    return Duration::zero();
  }
  Duration::rep value = 0;
  int digits = 0;
  for (; !text.empty() && is_digit(text.front()) && digits < 9; ++digits) {
    value = value * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  if (digits == 0) {
    return std::nullopt;
  }
  for (; digits < 9; ++digits) {
    value *= 10;
  }
  return Duration(value);
}

std::optional<WallTime> parse_utc(std::string_view text) {
  const auto year = take_digits(text, 4);
  const bool dash1 = take(text, '-');
  const auto month = take_digits(text, 2);
  const bool dash2 = take(text, '-');
  const auto day = take_digits(text, 2);
  const bool t = take(text, 'T');
  const auto hour = take_digits(text, 2);
  const bool colon1 = take(text, ':');
  const auto minute = take_digits(text, 2);
  const bool colon2 = take(text, ':');
  const auto second = take_digits(text, 2);
  const auto fraction = take_fraction(text);
  if (!(year && dash1 && month && dash2 && day && t && hour && colon1 && minute && colon2 && second &&
        fraction && text == "Z")) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  // Kafka's timestamps are milliseconds since 1970 and the clock's range ends in 2262.
  if (!date.ok() || *year < 1970 || *year > 2200 || *hour > 23 || *minute > 59 || *second > 59) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + *fraction;
}

}  // namespace

Complaint check_name(std::string_view name) {
  if (name.empty() || name.size() > k_name_bytes_max || !is_letter_or_digit(name.front()) ||
      !all_name_characters(name)) {
    return concat("cannot name a group, a metric and a directory; write 1 to ", k_name_bytes_max,
                  " letters, digits, '.', '_' and '-', a letter or digit first");
  }
  return {};
}

Complaint check_group(std::string_view group) {
  const bool visible = std::all_of(group.begin(), group.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (group.empty() || group.size() > k_group_bytes_max || !visible) {
    return concat("cannot be a consumer group; write 1 to ", k_group_bytes_max,
                  " visible ASCII characters without spaces");
  }
  return {};
}

Complaint check_topics(const std::vector<std::string>& topics) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const std::string& topic = topics[i];
    if (topic.starts_with('^')) {
      return concat("holds a regular expression, item ", i + 1, "; write it as source.topics_regex");
    }
    if (topic.size() > k_topic_bytes_max || topic == "." || topic == ".." || !all_name_characters(topic)) {
      return concat("holds something that cannot be a topic, item ", i + 1, "; write 1 to ",
                    k_topic_bytes_max, " letters, digits, '.', '_' and '-'");
    }
    if (!seen.insert(topic).second) {
      return concat("names a topic twice, item ", i + 1, "; remove one");
    }
  }
  return {};
}

Complaint check_topics_regex(const std::string& expression) {
  if (!expression.starts_with('^')) {
    return "does not begin with ^; write \"^svc-.*\" for the topics whose names begin with svc-";
  }
  const Result<TopicPattern> pattern = TopicPattern::compile(expression);
  return pattern ? Complaint{} : pattern.error().message;
}

Complaint check_instance(std::string_view name) {
  if (name.empty() || name.size() > k_instance_bytes_max || !all_name_characters(name)) {
    return concat("is not 1 to ", k_instance_bytes_max,
                  " letters, digits, '.', '_' and '-'; write such a name, auto or none");
  }
  return {};
}

Complaint check_path_template(std::string_view path) {
  if (path.size() > codec::k_blob_name_bytes_max) {
    return concat("is longer than ", codec::k_blob_name_bytes_max, " bytes; write a shorter one");
  }
  if (path.starts_with('/') || path.ends_with('/')) {
    return "begins or ends with '/'; remove it";
  }
  return {};
}

Complaint read_time(std::string_view text, WallTime& out) {
  const std::optional<WallTime> time = parse_utc(text);
  if (!time) {
    return "is no time; write one in UTC such as 2026-01-31T00:00:00Z";
  }
  out = *time;
  return {};
}

}  // namespace penstock::config
