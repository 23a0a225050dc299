// How it works
//
// A template is checked as a text first, with its placeholders taken for ordinary characters. Then it is cut
// into parts, each a literal or a field. From these expand() puts together a name, and longest_name() one
// that no other name of the topic exceeds.
//
// For example, "{topic}/{yyyy}{MM}{dd}/part" with a batch that was opened on 31 January 2026:
//
//   parts    topic    "/"   yyyy   MM   dd   "/part"
//   name     orders    /    2026   01   31    /part    -abcdef0123456789-42.txt.gz
//   bytes     249      1     4     2    2       5       1 + 16 + 1 + 20 + 8
//
// 1. expand() writes each part, then the batch: the incarnation in 16 hex digits, and the counter.
// 2. longest_name() expands with the longest of each, here 309 bytes. That is with a topic of 249 bytes, a
//    counter of 20 digits and the longest extension. appliance/name_check.cc looks whether the sink can hold
//    it.
//
// The batch stands in every name, whatever the template says. So a template of "x" still gives no name twice.
#include "codec/blob_name.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "base/control_character.h"
#include "codec/name_rules.h"

namespace penstock::codec {
namespace {

constexpr std::size_t k_counter_digits_max = 20;  // 2^64 - 1

constexpr std::string_view k_longest_extension = ".json.zst";
static_assert(k_longest_extension.size() == k_extension_bytes_max);

// Without the template's text, which may have come from the environment.
Error invalid(std::string what) {
  return make_error(ErrorKind::invalid_input, Action::fatal, std::move(what));
}

// A placeholder that is none, as it may be shown.
std::string word_of(std::string_view name) {
  const bool is_word = name.size() <= 16 && std::all_of(name.begin(), name.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                       });
  return is_word ? concat(" {", name, "}") : "";
}

void append_number(std::string& out, std::uint64_t number, std::size_t width) {
  std::array<char, k_counter_digits_max> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  const auto length = static_cast<std::size_t>(end - digits.data());
  out.append(width > length ? width - length : 0, '0');
  out.append(digits.data(), length);
}

void append_hex(std::string& out, std::uint64_t number) {
  for (int shift = 60; shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[(number >> shift) & 0xF];
  }
}

// What a name's characters and segments must be, placeholders taken for ordinary text. Empty: all is well.
std::string complaint_about(std::string_view text) {
  if (text.empty()) {
    return "is empty; write for example {topic}/{yyyy}/{MM}/{dd}/{topic}-{yyyy}{MM}{dd}T{HH}{mm}{ss}Z";
  }
  if (text.front() == '/' || text.back() == '/') {
    return "begins or ends with '/'; leave that '/' out";
  }
  if (has_control_character(text) || text.find('\\') != std::string_view::npos) {
    return "holds a control character or a backslash; leave it out";
  }
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view segment = text.substr(begin, end - begin);
    const bool last = end == text.size();
    if (segment.empty()) {
      return "holds \"//\", an empty segment; write one '/'";
    }
    // "." and ".." among them. A dot at the very end stays within the name, before the batch.
    const std::string fault = part_fault(last && segment.back() == '.' ? concat(segment, "-") : segment);
    if (!fault.empty()) {
      return concat("has a part that ", fault, "; write another one",
                    segment.front() == '_' ? ", or end sink.url with it" : "");
    }
    begin = end + 1;
  }
  return {};
}

}  // namespace

Result<PathTemplate> PathTemplate::parse(std::string_view text, std::string_view name_space) {
  static constexpr std::array<std::pair<std::string_view, Field>, 8> k_fields{
      {{"topic", Field::topic},
       {"partition", Field::partition},
       {"yyyy", Field::yyyy},
       {"MM", Field::MM},
       {"dd", Field::dd},
       {"HH", Field::HH},
       {"mm", Field::mm},
       {"ss", Field::ss}}};
  if (std::string complaint = complaint_about(text); !complaint.empty()) {
    return invalid(std::move(complaint));
  }
  PathTemplate result;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '}') {
      return invalid("has a '}' without '{'; leave it out");
    }
    if (text[at] != '{') {
      const std::size_t end = std::min(text.find_first_of("{}", at), text.size());
      result.parts_.push_back({Field::literal, std::string(text.substr(at, end - at))});
      at = end;
      continue;
    }
    const std::size_t close = text.find_first_of("{}/", at + 1);
    if (close == std::string_view::npos || text[close] != '}') {
      return invalid(concat("has a '{' that is not closed, at character ", at + 1, "; add '}'"));
    }
    const std::string_view name = text.substr(at + 1, close - at - 1);
    if (name == "namespace") {
      result.parts_.push_back({Field::literal, std::string(name_space)});
      at = close + 1;
      continue;
    }
    const auto* found = std::find_if(k_fields.begin(), k_fields.end(),
                                     [&](const auto& field) { return field.first == name; });
    if (found == k_fields.end()) {
      return invalid(concat("has an unknown placeholder", word_of(name),
                            "; known are {namespace} {topic} {partition} {yyyy} {MM} {dd} {HH} {mm} {ss}"));
    }
    result.parts_.push_back({found->second, {}});
    at = close + 1;
  }
  return result;
}

bool PathTemplate::uses_partition() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.field == Field::partition; });
}

std::string PathTemplate::longest_name(std::string_view topic) const {
  const std::optional<Partition> partition =
      uses_partition() ? std::optional(Partition{INT32_MAX}) : std::nullopt;
  return expand(topic, partition, WallTime{}, {.incarnation = UINT64_MAX, .counter = UINT64_MAX},
                k_longest_extension);
}

std::string PathTemplate::expand(std::string_view topic, std::optional<Partition> partition, WallTime opened,
                                 const BatchId& batch, std::string_view extension) const {
  CHECK(partition.has_value() == uses_partition());
  const auto second = std::chrono::floor<std::chrono::seconds>(opened);
  const auto day = std::chrono::floor<std::chrono::days>(second);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(second - day);
  std::string name;
  for (const Part& part : parts_) {
    switch (part.field) {
      case Field::literal:
        name += part.literal;
        break;
      case Field::topic:
        name += topic;
        break;
      case Field::partition:
        append_number(name, static_cast<std::uint64_t>(partition->value), 1);
        break;
      case Field::yyyy:
        append_number(name, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
        break;
      case Field::MM:
        append_number(name, static_cast<unsigned>(date.month()), 2);
        break;
      case Field::dd:
        append_number(name, static_cast<unsigned>(date.day()), 2);
        break;
      case Field::HH:
        append_number(name, static_cast<std::uint64_t>(time.hours().count()), 2);
        break;
      case Field::mm:
        append_number(name, static_cast<std::uint64_t>(time.minutes().count()), 2);
        break;
      case Field::ss:
        append_number(name, static_cast<std::uint64_t>(time.seconds().count()), 2);
        break;
    }
  }
  name += '-';
  append_hex(name, batch.incarnation);
  name += '-';
  append_number(name, batch.counter, 1);
  name += extension;
  return name;
}

}  // namespace penstock::codec
