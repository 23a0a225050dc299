// How it works
//
// A reader asks in turn: is the node a single value, can it be read as this kind, and does it lie within the
// key's limits? The first question that fails gives the complaint, and `out` is written only after the last.
// A complaint of the second or third question ends in what the key allows.
//
// For example, sink.block_bytes, whose limits are 64KiB and 4000MiB:
//
//   [8MiB]    is a list; write one value
//   8MB       has an unknown unit; write a whole number and B, KiB, ...; here 64KiB to 4000MiB
//   1KiB      is outside its limits; write 64KiB to 4000MiB
//   8MiB      taken: 8,388,608
//
// In the second line all before "; here" is from parse_size(), which knows nothing of keys.
//
// read_list() is the exception: it takes one value for a list of one, and cuts every value at its commas. So
// `brokers: "${BROKERS}"` may become two brokers, as load.cc has put the variable's text there before.
#include "config/readers.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>

#include <penstock/result.h>

#include "base/concat.h"
#include "base/units.h"

namespace penstock::config {
namespace {

// The kernel and the libraries would take what stands before it for all of it.
constexpr const char* k_holds_nul = "holds a zero byte; remove it";

Complaint require_single_value(const Node& node) {
  switch (node.kind) {
    case NodeKind::null:
      return "has no value; write one, or remove the line";
    case NodeKind::list:
      return "is a list; write one value";
    case NodeKind::map:
      return "is a mapping; write one value";
    case NodeKind::scalar:
      break;
  }
  if (node.text.find('\0') != std::string::npos) {
    return k_holds_nul;
  }
  return node.text.empty() ? "is empty; write a value, or remove the line" : "";
}

Complaint outside(const Key& key) {
  return concat("is outside its limits; write ", allowed_values(key));
}

bool within(const Limits& limits, std::uint64_t value) {
  return limits.min <= value && value <= limits.max;
}

// The parsers' predicates, each with this key's own limits behind.
template <class T>
Complaint complaint_of(const Key& key, const Result<T>& parsed) {
  return concat(parsed.error().message, "; here ", allowed_values(key));
}

Complaint append_items(std::string_view text, std::vector<std::string>& items) {
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    const std::size_t first = item.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
      return "has an empty item; remove it";
    }
    item = item.substr(first, item.find_last_not_of(" \t") - first + 1);
    items.emplace_back(item);
    if (comma == std::string_view::npos) {
      return {};
    }
    text.remove_prefix(comma + 1);
  }
}

bool is_word(const Key& key, const Node& node) {
  return node.kind == NodeKind::scalar && !key.word.empty() && node.text == key.word;
}

}  // namespace

Complaint read_text(const Node& node, std::string& out) {
  Complaint complaint = require_single_value(node);
  if (complaint.empty()) {
    out = node.text;
  }
  return complaint;
}

Complaint read_secret(const Node& node, Secret& out) {
  Complaint complaint = require_single_value(node);
  if (complaint.empty()) {
    out = node.files.empty() ? Secret(node.text)
                             : Secret(node.text, SecretOrigin{.read = node.draw_again, .files = node.files});
  }
  return complaint;
}

Complaint read_list(const Node& node, std::vector<std::string>& out) {
  if (node.kind == NodeKind::null || (node.kind == NodeKind::list && node.items.empty())) {
    return "is empty; write at least one item";
  }
  std::vector<std::string> items;
  const std::vector<Node> alone{node};
  for (const Node& item : node.kind == NodeKind::list ? node.items : alone) {
    if (item.kind != NodeKind::scalar) {
      return "holds something that is not a single value; write a list of words, such as [a, b]";
    }
    if (item.text.find('\0') != std::string::npos) {
      return k_holds_nul;
    }
    if (Complaint complaint = append_items(item.text, items); !complaint.empty()) {
      return complaint;
    }
  }
  out = std::move(items);
  return {};
}

Complaint read_count(const Key& key, const Node& node, std::uint32_t& out) {
  if (Complaint complaint = require_single_value(node); !complaint.empty()) {
    return complaint;
  }
  const char* end = node.text.data() + node.text.size();
  std::uint32_t count = 0;
  const auto [rest, problem] = std::from_chars(node.text.data(), end, count);
  if (problem == std::errc::result_out_of_range) {
    return outside(key);
  }
  if (problem != std::errc{} || rest != end) {
    return concat("is not a whole number; write ", allowed_values(key));
  }
  if (!within(key.limits, count)) {
    return outside(key);
  }
  out = count;
  return {};
}

Complaint read_size(const Key& key, const Node& node, std::uint64_t& out) {
  if (Complaint complaint = require_single_value(node); !complaint.empty()) {
    return complaint;
  }
  const Result<std::uint64_t> bytes = parse_size(node.text);
  if (!bytes) {
    return complaint_of(key, bytes);
  }
  if (!within(key.limits, *bytes)) {
    return outside(key);
  }
  out = *bytes;
  return {};
}

Complaint read_duration(const Key& key, const Node& node, Duration& out) {
  if (Complaint complaint = require_single_value(node); !complaint.empty()) {
    return complaint;
  }
  const Result<Duration> duration = parse_duration(node.text);
  if (!duration) {
    return complaint_of(key, duration);
  }
  if (!within(key.limits, static_cast<std::uint64_t>(duration->count()))) {
    return outside(key);
  }
  out = *duration;
  return {};
}

Complaint read_count(const Key& key, const Node& node, std::optional<std::uint32_t>& out) {
  if (is_word(key, node)) {
    out.reset();
    return {};
  }
  std::uint32_t count = 0;
  Complaint complaint = read_count(key, node, count);
  if (complaint.empty()) {
    out = count;
  }
  return complaint;
}

Complaint read_size(const Key& key, const Node& node, std::optional<std::uint64_t>& out) {
  if (is_word(key, node)) {
    out.reset();
    return {};
  }
  std::uint64_t bytes = 0;
  Complaint complaint = read_size(key, node, bytes);
  if (complaint.empty()) {
    out = bytes;
  }
  return complaint;
}

Complaint read_duration(const Key& key, const Node& node, std::optional<Duration>& out) {
  if (is_word(key, node)) {
    out.reset();
    return {};
  }
  Duration duration{};
  Complaint complaint = read_duration(key, node, duration);
  if (complaint.empty()) {
    out = duration;
  }
  return complaint;
}

Complaint read_choice(const Key& key, const Node& node, int& out) {
  if (Complaint complaint = require_single_value(node); !complaint.empty()) {
    return complaint;
  }
  const auto found = std::find_if(key.choices.begin(), key.choices.end(),
                                  [&](const Choice& choice) { return choice.word == node.text; });
  if (found == key.choices.end()) {
    return concat("is none of its values; write ", allowed_values(key));
  }
  out = found->value;
  return {};
}

}  // namespace penstock::config
