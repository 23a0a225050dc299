// How it works. The walk is a loop over tokens. What may come next is one of five states; of the arrays and
// objects that are open, one bit each is kept.
//
// For example `{"a":[1]}`:
//
//   token   state before    open          state after
//   {       value           -             key or end
//   "a" :   key or end      object        value
//   [       value           object        value or end
//   1       value or end    object array  behind a value
//   ]       behind a value  object array  behind a value
//   }       behind a value  object        behind a value
//   (end)   behind a value  -             true
#include "codec/json_grammar.h"

#include <bitset>

#include "base/plain_run.h"
#include "base/utf8.h"

namespace penstock::codec {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_digit(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

class JsonWalk {
 public:
  explicit JsonWalk(std::string_view text) : rest_(text) {}

  bool to_the_end() {
    skip_space();
    while (!rest_.empty()) {
      if (!token()) {
        return false;
      }
      skip_space();
    }
    return depth_ == 0 && state_ == State::behind_value;
  }

 private:
  enum class State : unsigned char { value, value_or_end, key, key_or_end, behind_value };

  bool token() {
    switch (state_) {
      case State::value:
        return value();
      case State::value_or_end:
        return rest_.front() == ']' ? close() : value();
      case State::key:
        return key();
      case State::key_or_end:
        return rest_.front() == '}' ? close() : key();
      case State::behind_value:
        break;
    }
    return behind_value();
  }

  bool value() {
    state_ = State::behind_value;
    switch (rest_.front()) {
      case '{':
        return open(true, State::key_or_end);
      case '[':
        return open(false, State::value_or_end);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool behind_value() {
    if (depth_ == 0) {
      return false;
    }
    const bool in_object = objects_[depth_ - 1];
    if (took(',')) {
      state_ = in_object ? State::key : State::value;
      return true;
    }
    return rest_.front() == (in_object ? '}' : ']') && close();
  }

  bool open(bool object, State next) {
    if (depth_ == k_json_depth_max) {
      return false;
    }
    objects_[depth_++] = object;
    state_ = next;
    rest_.remove_prefix(1);
    return true;
  }

  bool close() {
    --depth_;
    state_ = State::behind_value;
    rest_.remove_prefix(1);
    return true;
  }

  bool key() {
    if (rest_.front() != '"' || !string()) {
      return false;
    }
    skip_space();
    state_ = State::value;
    return took(':');
  }

  bool string() {
    rest_.remove_prefix(1);
    while (true) {
      rest_.remove_prefix(plain_run(rest_));
      if (rest_.empty()) {
        return false;
      }
      const auto byte = static_cast<unsigned char>(rest_.front());
      if (took('"')) {
        return true;
      }
      if (byte == '\\') {
        if (!escape()) {
          return false;
        }
        continue;
      }
      const std::size_t length = byte < 0x20 ? 0 : utf8_sequence(rest_);
      if (length == 0) {
        return false;
      }
      rest_.remove_prefix(length);
    }
  }

  bool escape() {
    rest_.remove_prefix(1);
    if (took('u')) {
      const int unit = hex_unit();
      if (unit < 0xD800 || unit > 0xDFFF) {
        return unit >= 0;
      }
      if (unit > 0xDBFF || !took('\\') || !took('u')) {
        return false;
      }
      const int low = hex_unit();
      return low >= 0xDC00 && low <= 0xDFFF;
    }
    if (rest_.empty() || std::string_view("\"\\/bfnrt").find(rest_.front()) == std::string_view::npos) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  // -1: not four hex digits.
  int hex_unit() {
    if (rest_.size() < 4) {
      return -1;
    }
    int unit = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const int digit = hex_digit(rest_[i]);
      if (digit < 0) {
        return -1;
      }
      unit = unit * 16 + digit;
    }
    rest_.remove_prefix(4);
    return unit;
  }

  bool number() {
    took('-');
    if (!took('0') && !digits()) {
      return false;
    }
    if (took('.') && !digits()) {
      return false;
    }
    if (took('e') || took('E')) {
      if (!took('+')) {
        took('-');
      }
      return digits();
    }
    return true;
  }

  bool digits() {
    const std::size_t before = rest_.size();
    while (!rest_.empty() && is_digit(rest_.front())) {
      rest_.remove_prefix(1);
    }
    return rest_.size() < before;
  }

  bool word(std::string_view expected) {
    if (!rest_.starts_with(expected)) {
      return false;
    }
    rest_.remove_prefix(expected.size());
    return true;
  }

  bool took(char c) {
    if (!rest_.starts_with(c)) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\r' ||
                              rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }

  std::string_view rest_;
  State state_ = State::value;
  std::size_t depth_ = 0;
  std::bitset<k_json_depth_max> objects_;  // of those that are open: an object, or an array
};

}  // namespace

bool follows_json_grammar(std::string_view text) {
  return JsonWalk(text).to_the_end();
}

}  // namespace penstock::codec
