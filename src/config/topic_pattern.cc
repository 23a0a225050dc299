#include "config/topic_pattern.h"

#include <array>
#include <utility>

#include "base/concat.h"

namespace penstock::config {

Result<TopicPattern> TopicPattern::compile(const std::string& expression) {
  auto regex = std::make_unique<regex_t>();
  const int code = ::regcomp(regex.get(), expression.c_str(), REG_EXTENDED | REG_NOSUB);
  if (code != 0) {
    std::array<char, 128> reason{};
    ::regerror(code, regex.get(), reason.data(), reason.size());
    return Error{.kind = ErrorKind::invalid_input,
                 .action = Action::fatal,
                 .message = concat("is not a regular expression: ", reason.data(),
                                   "; write a POSIX extended one, such as \"^svc-.*\""),
                 .code = {},
                 .retry_after = {}};
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
