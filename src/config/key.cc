#include "config/key.h"

#include <cstddef>
#include <vector>

#include "base/clock.h"
#include "base/concat.h"
#include "base/units.h"

namespace penstock::config {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    result += i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    result += words[i];
  }
  return result;
}

template <class ToText>
std::string range(const Key& key, ToText to_text) {
  std::string text = concat(to_text(key.limits.min), " to ", to_text(key.limits.max));
  return key.word.empty() ? text : concat(key.word, ", or ", text);
}

}  // namespace

std::string allowed_values(const Key& key) {
  switch (key.kind) {
    case Kind::count:
      return range(key, [](std::uint64_t value) { return concat(value); });
    case Kind::size:
      return range(key, [](std::uint64_t value) { return format_size(value); });
    case Kind::duration:
      return range(key, [](std::uint64_t value) {
        return format_duration(Duration(static_cast<Duration::rep>(value)));
      });
    case Kind::choice: {
      std::vector<std::string> words;
      for (const Choice& option : key.choices) {
        words.emplace_back(option.word);
      }
      return joined(words);
    }
    default:
      return std::string(key.allowed);
  }
}

}  // namespace penstock::config
