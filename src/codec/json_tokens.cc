// How it works
//
// The tokens are simdjson's structural indexes. A string's begins at its quote, and where it ends is not
// among them. But whatever follows a string and is not white space is a token. So the string ends at the last
// byte before the next token that is no white space, and this must be a quote. For example `"a" x`: the next
// token is `x`, at 4, and the string ends at 2. Of `"a\" x` there is no such token, as the quote in it is
// escaped, and simdjson has refused the text, in which a string does not end.
//
// A number or a word may be longer than what it should be: `12x` is one token. So what was read of it must
// end where white space, the next token, or the end is.
#include "codec/json_tokens.h"

#include <algorithm>
#include <cstring>

#include <simdjson.h>

#include "base/check.h"
#include "codec/json_grammar.h"

namespace penstock::codec {
namespace {

// The tokens of texts up to this size have memory for good.
constexpr std::size_t k_kept_text_bytes = std::size_t{256} << 10;
constexpr std::size_t k_least_text_bytes = std::size_t{4} << 10;

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') {
    ++end;
  }
  return end - at;
}

std::uint32_t hex4(std::string_view text) {
  std::uint32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const auto digit = static_cast<std::uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    value = value << 4 | digit;
  }
  return value;
}

char* put_utf8(char* to, std::uint32_t point) {
  if (point < 0x80) {
    *to++ = static_cast<char>(point);
    return to;
  }
  if (point < 0x800) {
    *to++ = static_cast<char>(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      *to++ = static_cast<char>(0xE0 | point >> 12);
    } else {
      *to++ = static_cast<char>(0xF0 | point >> 18);
      *to++ = static_cast<char>(0x80 | (point >> 12 & 0x3F));
    }
    *to++ = static_cast<char>(0x80 | (point >> 6 & 0x3F));
  }
  *to++ = static_cast<char>(0x80 | (point & 0x3F));
  return to;
}

char unescaped_letter(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

// So many digits are a whole number below 2^53, and so is a power of ten with as many zeros. The quotient of
// two such doubles is the nearest to the true one.
constexpr std::size_t k_short_digits_max = 15;
constexpr double k_powers_of_ten[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

struct ShortNumber {
  std::int64_t digits = 0;  // without the point
  std::size_t fraction_digits = 0;
  bool is_negative = false;

  // False: it is longer, or something else.
  bool read(std::string_view text) {
    is_negative = text.starts_with('-');
    text.remove_prefix(is_negative ? 1 : 0);
    if (text.empty() || text.size() > k_short_digits_max + 1) {
      return false;
    }
    const std::size_t whole = add_digits(text, 0);
    if (whole == 0 || (whole > 1 && text.front() == '0')) {
      return false;
    }
    if (whole == text.size()) {
      return whole <= k_short_digits_max;
    }
    fraction_digits = text[whole] == '.' ? add_digits(text, whole + 1) : 0;
    return fraction_digits > 0 && whole + 1 + fraction_digits == text.size();
  }

  // Those that stand at `at`. Returns how many.
  std::size_t add_digits(std::string_view text, std::size_t at) {
    const std::size_t begin = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      digits = digits * 10 + (text[at] - '0');
    }
    return at - begin;
  }
};

}  // namespace

// simdjson has this stage in an interface that it calls internal, and versions 3.0 to 3.12 have it alike. It
// reads nothing behind the text, unlike the stages behind it.
struct JsonTokens::Stage {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

JsonTokens::JsonTokens() : stage_(std::make_unique<Stage>()) {}
JsonTokens::~JsonTokens() = default;

bool JsonTokens::read(Bytes text) {
  at_ = count_ = 0;
  text_ = as_text(text);
  if (text.empty() || text.size() > k_text_bytes_max) {
    return false;
  }
  auto& parser = stage_->parser;
  if (!parser || text.size() > parser->capacity() ||
      (parser->capacity() > k_kept_text_bytes && text.size() <= k_kept_text_bytes)) {
    std::size_t capacity = k_least_text_bytes;
    while (capacity < text.size()) {
      capacity *= 2;
    }
    parser.reset();
    CHECK((simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, 1, parser) ==
           simdjson::SUCCESS));
  }
  if (parser->stage1(reinterpret_cast<const std::uint8_t*>(text_.data()), text_.size(),
                     simdjson::stage1_mode::regular) != simdjson::SUCCESS) {
    return false;
  }
  has_escapes_ = is_escaped(text_);
  tokens_ = parser->structural_indexes.get();
  count_ = parser->n_structural_indexes;
  return true;
}

bool JsonTokens::has_right_escapes(std::size_t begins, std::size_t end) const {
  return follows_json_grammar(text_.substr(begins - 1, end - begins + 1));
}

bool JsonTokens::take_number(std::string_view& out) {
  if (at_end()) {
    return false;
  }
  const std::string_view rest = text_.substr(tokens_[at_], end_of(at_) - tokens_[at_]);
  if (rest.empty() || json_number_bytes(rest) != rest.size()) {
    return false;
  }
  out = rest;
  ++at_;
  return true;
}

bool JsonTokens::take_short_integer(std::int64_t& out) {
  ShortNumber number;
  if (at_end() || !number.read(text_.substr(tokens_[at_], end_of(at_) - tokens_[at_])) ||
      number.fraction_digits > 0) {
    return false;
  }
  out = number.is_negative ? -number.digits : number.digits;
  ++at_;
  return true;
}

bool JsonTokens::take_short_real(double& out) {
  ShortNumber number;
  if (at_end() || !number.read(text_.substr(tokens_[at_], end_of(at_) - tokens_[at_]))) {
    return false;
  }
  const double value = static_cast<double>(number.digits) / k_powers_of_ten[number.fraction_digits];
  out = number.is_negative ? -value : value;
  ++at_;
  return true;
}

bool JsonTokens::take_members(std::size_t depth) {
  if (take('}')) {
    return true;
  }
  String key;
  do {
    if (!take_string(key) || !take(':') || !take_value(depth)) {
      return false;
    }
  } while (take(','));
  return take('}');
}

bool JsonTokens::take_value(std::size_t depth) {
  std::string_view number;
  String string;
  const char first = next();
  if ((first == '{' || first == '[') && depth >= k_json_depth_max) {
    return false;
  }
  switch (first) {
    case '{':
      ++at_;
      return take_members(depth + 1);
    case '[':
      ++at_;
      if (take(']')) {
        return true;
      }
      do {
        if (!take_value(depth + 1)) {
          return false;
        }
      } while (take(','));
      return take(']');
    case '"':
      return take_string(string);
    case 't':
      return take_word("true");
    case 'f':
      return take_word("false");
    case 'n':
      return take_word("null");
    default:
      return take_number(number);
  }
}

std::string_view unescaped(std::string_view raw, RowArena& arena) {
  char* const begin = reinterpret_cast<char*>(arena.room(raw.size()).data());
  char* to = begin;
  while (!raw.empty()) {
    const std::size_t plain = std::min(raw.find('\\'), raw.size());
    std::memcpy(to, raw.data(), plain);
    to += plain;
    raw.remove_prefix(plain);
    if (raw.empty()) {
      break;
    }
    if (raw[1] != 'u') {
      *to++ = unescaped_letter(raw[1]);
      raw.remove_prefix(2);
      continue;
    }
    std::uint32_t point = hex4(raw.substr(2));
    raw.remove_prefix(6);
    if (point >= 0xD800 && point < 0xDC00) {
      point = 0x10000 + ((point - 0xD800) << 10) + (hex4(raw.substr(2)) - 0xDC00);
      raw.remove_prefix(6);
    }
    to = put_utf8(to, point);
  }
  return arena.keep(static_cast<std::size_t>(to - begin));
}

std::size_t json_number_bytes(std::string_view text) {
  std::size_t at = !text.empty() && text.front() == '-' ? 1 : 0;
  const std::size_t whole = digits_at(text, at);
  if (whole == 0 || (whole > 1 && text[at] == '0')) {
    return 0;
  }
  at += whole;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = digits_at(text, at + 1);
    if (fraction == 0) {
      return 0;
    }
    at += 1 + fraction;
  }
  if (at < text.size() && (text[at] | 0x20) == 'e') {
    ++at;
    at += at < text.size() && (text[at] == '+' || text[at] == '-') ? 1 : 0;
    const std::size_t exponent = digits_at(text, at);
    if (exponent == 0) {
      return 0;
    }
    at += exponent;
  }
  return at;
}

}  // namespace penstock::codec
