// A row of the table of keys (keys.h): what a key is called, what it takes, and the words that explain it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace penstock::config {

struct Node;
struct Settings;

// What is wrong with a value: a predicate, "is empty; write ...", without the value. Empty: nothing is.
using Complaint = std::string;

enum class Kind : std::uint8_t { text, secret, choice, count, size, duration, list, mapping, overrides };

// One value of a key that takes words.
struct Choice {
  std::string_view word{};
  // Of the enum that the word stands for. Two words may stand for one value.
  int value = 0;
};

// In the unit of the kind: a number, bytes, or nanoseconds. Both ends are allowed.
struct Limits {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};

struct Key {
  // "source.fetch_wait"
  std::string_view path{};
  Kind kind = Kind::text;
  // The version that brought it.
  std::string_view since{};
  // The default as it would be written. Empty: there is none.
  std::string_view fallback{};
  // Where the default comes from, if it is not a plain value.
  std::string_view fallback_note{};
  // Of a count, a size or a duration.
  Limits limits{};
  // Of a count, a size or a duration: the one word that is taken in place of a number ("auto").
  std::string_view word{};
  // Of a choice: its words.
  std::span<const Choice> choices{};
  // Of the other kinds: what may be written.
  std::string_view allowed{};
  // A paragraph of the reference page, in Markdown.
  std::string_view help{};
  // Puts the written value into `settings`, or says what is wrong with it and leaves them alone. Null for the
  // overrides, which load.cc takes apart.
  Complaint (*parse)(const Key& key, const Node& node, Settings& settings) = nullptr;
};

// What a person may write, in one line: "64KiB to 4000MiB", "none, gzip or zstd".
std::string allowed_values(const Key& key);

}  // namespace penstock::config
