#include "obs/troubles.h"

#include <algorithm>

#include "base/utf8.h"

namespace penstock::obs {
namespace {

// Cut between two characters.
void cut(std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return;
  }
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t bytes = std::max<std::size_t>(1, utf8_sequence(std::string_view(text).substr(end)));
    if (end + bytes > bytes_max) {
      break;
    }
    end += bytes;
  }
  text.resize(end);
  text += " ...";
}

// What tells two sentences apart: not their numbers, since many say for how long something has lasted.
std::string key_of(std::string_view message) {
  std::string key;
  for (const char c : message.substr(0, TroubleBoard::k_text_bytes_max)) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit || !key.ends_with('0')) {
      key += is_digit ? '0' : c;
    }
  }
  return key;
}

// Without the time and the level that stand in front of a line of the log.
std::string text_of(std::string_view message, std::span<const Field> fields) {
  constexpr std::string_view k_priority = "<3>";
  std::string line = format_line(LogFormat::journal, WallTime{}, Level::error, message, fields);
  line.erase(0, k_priority.size());
  cut(line, TroubleBoard::k_text_bytes_max);
  return line;
}

}  // namespace

void TroubleBoard::add(WallTime time, Level level, std::string_view message, std::span<const Field> fields) {
  Trouble trouble{.first = time, .last = time, .level = level, .text = text_of(message, fields)};
  std::string key = key_of(message);
  const std::lock_guard lock(mutex_);
  if (const auto known = std::find(messages_.begin(), messages_.end(), key); known != messages_.end()) {
    const auto former = troubles_.begin() + (known - messages_.begin());
    trouble.first = former->first;
    trouble.times = former->times + 1;
    troubles_.erase(former);
    messages_.erase(known);
  } else if (troubles_.size() == k_troubles_max) {
    troubles_.pop_back();
    messages_.pop_back();
  }
  troubles_.push_front(std::move(trouble));
  messages_.push_front(std::move(key));
}

std::vector<Trouble> TroubleBoard::troubles() const {
  const std::lock_guard lock(mutex_);
  return {troubles_.begin(), troubles_.end()};
}

}  // namespace penstock::obs
