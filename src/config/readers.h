// From a node to a typed value, within the limits of its key. Each returns what is wrong, and then leaves
// `out` alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/document.h"
#include "config/key.h"
#include "config/secret.h"

namespace penstock::config {

// Any single value that is not empty.
Complaint read_text(const Node& node, std::string& out);
Complaint read_secret(const Node& node, Secret& out);

// A list of single values, or one value; commas divide in either, so that a variable can hold a list. At
// least one.
Complaint read_list(const Node& node, std::vector<std::string>& out);

Complaint read_count(const Key& key, const Node& node, std::uint32_t& out);
Complaint read_size(const Key& key, const Node& node, std::uint64_t& out);
Complaint read_duration(const Key& key, const Node& node, Duration& out);

// The same for a key that takes a word in place of the number: none for the word.
Complaint read_count(const Key& key, const Node& node, std::optional<std::uint32_t>& out);
Complaint read_size(const Key& key, const Node& node, std::optional<std::uint64_t>& out);
Complaint read_duration(const Key& key, const Node& node, std::optional<Duration>& out);

// The `value` of the choice that was written.
Complaint read_choice(const Key& key, const Node& node, int& out);

template <class Enum>
Complaint read_choice(const Key& key, const Node& node, Enum& out) {
  int value = 0;
  Complaint complaint = read_choice(key, node, value);
  if (complaint.empty()) {
    out = static_cast<Enum>(value);
  }
  return complaint;
}

}  // namespace penstock::config
