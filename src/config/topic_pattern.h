// Regular expressions over topic names: POSIX extended, the kind that librdkafka takes for subscriptions, so
// that source.topics_regex and overrides[].match read alike.
#pragma once

#include <memory>
#include <string>

#include <regex.h>

#include <penstock/result.h>

namespace penstock::config {

// Value type; copies share the compiled expression, which is only read.
class TopicPattern {
 public:
  // Matches nothing.
  TopicPattern() = default;

  // The error's message is a predicate: "is not a regular expression: Unmatched ( ...". It does not repeat
  // the text. Refused are also an expression that would take much memory or time, and a backslash before a
  // letter: people who write "\d" do not mean the letter d.
  static Result<TopicPattern> compile(const std::string& expression);

  // Whether it matches anywhere in the topic's name: "^" and "$" bind it to the ends.
  bool matches(const std::string& topic) const;

 private:
  std::shared_ptr<const regex_t> compiled_;
};

}  // namespace penstock::config
