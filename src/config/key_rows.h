// What the parts of the table of keys are written with (keys.cc), and the parts. Internal to this module.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/key.h"
#include "config/readers.h"
#include "identity/options.h"

namespace penstock::config {

enum class Side : std::uint8_t { source, sink };

// The parts, each in the order of the reference page.
std::span<const Key> source_keys();
std::span<const Key> sink_keys();
std::span<const Key> registry_keys();

// Of source.auth or sink.auth: who we are to Entra. Both sides have the same.
std::span<const Key> identity_keys(Side side);

inline constexpr std::uint64_t k_ms = 1'000'000;
inline constexpr std::uint64_t k_s = 1'000 * k_ms;
inline constexpr std::uint64_t k_m = 60 * k_s;
inline constexpr std::uint64_t k_h = 60 * k_m;

template <class Enum>
constexpr Choice choice(std::string_view word, Enum value) {
  return Choice{.word = word, .value = static_cast<int>(value)};
}

// A kind of identity stands beside the other types of auth, above all of their values.
inline constexpr int k_identity = 100;

constexpr Choice choice(std::string_view word, identity::Kind kind) {
  return Choice{.word = word, .value = k_identity + static_cast<int>(kind)};
}

// Reads the type of an auth: a value of its enum, or `by_identity` and the kind.
template <class Type>
Complaint read_auth_type(const Key& key, const Node& node, Type by_identity, Type& type,
                         identity::Kind& kind) {
  int value = 0;
  Complaint complaint = read_choice(key, node, value);
  if (complaint.empty()) {
    type = value < k_identity ? static_cast<Type>(value) : by_identity;
    kind = value < k_identity ? identity::Kind::best : static_cast<identity::Kind>(value - k_identity);
  }
  return complaint;
}

// Reads a text and keeps it if `check` has nothing against it.
template <class Check>
Complaint read_checked(const Node& node, std::string& out, Check check) {
  std::string text;
  Complaint complaint = read_text(node, text);
  if (complaint.empty()) {
    complaint = check(text);
  }
  if (complaint.empty()) {
    out = std::move(text);
  }
  return complaint;
}

template <class Check>
Complaint read_checked_list(const Node& node, std::vector<std::string>& out, Check check) {
  std::vector<std::string> items;
  Complaint complaint = read_list(node, items);
  if (complaint.empty()) {
    complaint = check(items);
  }
  if (complaint.empty()) {
    out = std::move(items);
  }
  return complaint;
}

// A part of several parts.
std::vector<Key> joined(std::initializer_list<std::span<const Key>> parts);

}  // namespace penstock::config
