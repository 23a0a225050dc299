// A JSON text as its tokens, where each begins, by simdjson's first stage. Inside.
//
// That stage knows strings from what is between them, and that all of the text is UTF-8. It knows nothing of
// grammar. Each function here takes what it is asked for from the front of the tokens, and is strict about
// it: what was taken to the last token without a fault is a JSON text as follows_json_grammar() has it.
//
// For example `{"a": 12}` has the tokens `{` `"a"` `:` `12` `}`, at 0, 1, 4, 6 and 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/types.h"
#include "codec/row_arena.h"
#include "codec/same_bytes.h"

namespace penstock::codec {

class JsonTokens {
 public:
  JsonTokens();
  ~JsonTokens();
  JsonTokens(const JsonTokens&) = delete;
  JsonTokens& operator=(const JsonTokens&) = delete;

  // What is longer has no tokens: they take four bytes for each of the text's, so 16 MiB at most.
  static constexpr std::size_t k_text_bytes_max = std::size_t{4} << 20;

  // False: it is no JSON. `text` stays where it is while its tokens are asked for.
  bool read(Bytes text);

  // The first byte of the next token; 0 behind the last.
  char next() const { return at_ < count_ ? text_[tokens_[at_]] : '\0'; }
  bool at_end() const { return at_ == count_; }

  // The place, for back_to() and text_since().
  std::size_t at() const { return at_; }
  void back_to(std::size_t at) { at_ = at; }
  // The text from the token at `at` up to the last that was taken, which is another.
  std::string_view text_since(std::size_t at) const {
    const std::size_t begins = tokens_[at];
    return text_.substr(begins, end_of(at_ - 1) - begins);
  }

  // These take a token. False: another comes, and nothing was taken.
  bool take(char structural) {
    if (next() != structural) {
      return false;
    }
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (at_end() || end_of(at_) - tokens_[at_] != word.size() ||
        !same_bytes(text_.data() + tokens_[at_], word.data(), word.size())) {
      return false;
    }
    ++at_;
    return true;
  }
  // What is between the quotes, and whether it has escapes. They are right.
  struct String {
    std::string_view raw;
    bool escaped = false;
  };
  bool take_string(String& out) {
    if (next() != '"') {
      return false;
    }
    const std::size_t begins = tokens_[at_] + std::size_t{1};
    const std::size_t end = end_of(at_);
    if (end <= begins || text_[end - 1] != '"') {
      return false;
    }
    out.raw = text_.substr(begins, end - 1 - begins);
    out.escaped = has_escapes_ && is_escaped(out.raw);
    if (out.escaped && !has_right_escapes(begins, end)) {
      return false;
    }
    ++at_;
    return true;
  }
  // A member's name and the colon behind it. `quoted` is not empty, and has no quote but the first and the
  // last byte, and no escape.
  bool take_name(std::string_view quoted) {
    if (at_ + 1 >= count_ || text_[tokens_[at_ + 1]] != ':' ||
        tokens_[at_ + 1] - tokens_[at_] < quoted.size() ||
        !same_bytes(text_.data() + tokens_[at_], quoted.data(), quoted.size())) {
      return false;
    }
    at_ += 2;
    return true;
  }
  bool take_number(std::string_view& out);
  // For speed: digits alone, and of a real perhaps a fraction. What is longer, or has an exponent, is for
  // take_number().
  bool take_short_integer(std::int64_t& out);
  bool take_short_real(double& out);

  // All of a value of any kind, `depth` levels deep.
  bool take_value(std::size_t depth);

 private:
  struct Stage;

  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  // Behind the last byte of the token.
  std::size_t end_of(std::size_t at) const {
    std::size_t end = at + 1 < count_ ? tokens_[at + 1] : text_.size();
    while (is_space(text_[end - 1])) {
      --end;
    }
    return end;
  }
  static bool is_escaped(std::string_view raw) {
    return !raw.empty() && std::memchr(raw.data(), '\\', raw.size()) != nullptr;
  }
  bool has_right_escapes(std::size_t begins, std::size_t end) const;
  bool take_members(std::size_t depth);

  std::unique_ptr<Stage> stage_;
  std::string_view text_;
  const std::uint32_t* tokens_ = nullptr;
  std::size_t count_ = 0;
  std::size_t at_ = 0;
  bool has_escapes_ = false;  // the text, in any of its strings
};

// What the escapes of a string stand for, in the arena.
std::string_view unescaped(std::string_view raw, RowArena& arena);

// The bytes at the front that are a number; 0: it begins with none.
std::size_t json_number_bytes(std::string_view text);

}  // namespace penstock::codec
