// The one table of all keys. It drives parsing, defaults, the suggestions for unknown keys, and the reference
// page: a key is added here and nowhere else.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "config/document.h"
#include "config/settings.h"

namespace penstock::config {

// What is wrong with a value: a predicate, "is empty; write ...", without the value. Empty: nothing is.
using Complaint = std::string;

enum class Kind : std::uint8_t { text, secret, choice, count, size, duration, list, mapping, overrides };

enum class Availability : std::uint8_t { now, later };

// One value of a key that takes words.
struct Choice {
  std::string_view word{};
  int value = 0;  // of the enum it stands for
  Availability availability = Availability::now;
};

// In the unit of the kind: a number, bytes, or nanoseconds. Both ends are allowed.
struct Limits {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};

struct Key {
  std::string_view path{};  // "source.fetch_wait"
  Kind kind = Kind::text;
  std::string_view since{};          // the version that brought it
  std::string_view fallback{};       // the default, as it would be written; empty: none
  std::string_view fallback_note{};  // where the default comes from, if it is not a plain value
  Limits limits{};                   // count, size, duration
  std::string_view word{};  // count, size, duration: the one word taken in place of a number ("auto")
  std::span<const Choice> choices{};  // choice
  std::string_view allowed{};         // the others: what may be written
  std::string_view help{};            // a paragraph
  Complaint (*parse)(const Key& key, const Node& node,
                     Settings& settings) = nullptr;  // null: overrides, which load.cc takes apart
};

// In the order of the reference page; keys of one section stand together.
std::span<const Key> all_keys();

// Null if there is none.
const Key* find_key(std::string_view path);

// Whether keys lie below: "source", "source.auth".
bool is_section(std::string_view path);

// What a person may write, in one line: "64KiB to 4000MiB", "none, gzip or zstd".
std::string allowed_values(const Key& key);

}  // namespace penstock::config
