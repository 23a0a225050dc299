// How it works
//
// A text is taken apart field by field, at each ';'. What is left behind the last field of a claim is the
// blob's name, which may hold ';' itself. The worked case is
//
//   p3;1500;3fa9c011;;e970;orders/a;b.txt
//
// 1. "p3;" is a version that is known, and says that five fields follow.
// 2. "1500" must be a position as we write it, "3fa9c011" eight hex digits, "" an id or nothing, "e970" a
//    letter and a position.
// 3. "orders/a;b.txt" is what is left.
//
// Whatever does not fit makes the whole text an UnknownVersion. Of a text without a claim it makes a
// ForeignText, as an early version would take it.
#include "ledger/claim_text.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "base/control_character.h"

namespace penstock::ledger {
namespace {

constexpr std::string_view k_claim = "p1;";
constexpr std::string_view k_claim_with_topic = "p2;";
constexpr std::string_view k_claim_with_bare = "p3;";
constexpr std::string_view k_no_claim_with_topic = "i1;";
constexpr std::string_view k_no_claim_with_bare = "i2;";
constexpr std::size_t k_sink_digits = 8;
constexpr std::size_t k_topic_id_digits = 32;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}

bool are_hex_digits(std::string_view text, std::size_t count) {
  return text.size() == count && std::all_of(text.begin(), text.end(), is_hex);
}

// Takes the text up to the next ';', and that too. Nothing if there is none.
std::optional<std::string_view> take_field(std::string_view& rest) {
  const std::size_t end = rest.find(';');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return field;
}

// Digits and nothing else, as format_claim() writes them. One text per position keeps equal claims equal as
// text.
std::optional<Position> parse_position(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit) ||
      (text.size() > 1 && text[0] == '0')) {
    return std::nullopt;
  }
  Position position;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position.value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return position;
}

std::optional<Bare> parse_bare(std::string_view text) {
  if (text.empty() || (text[0] != 'e' && text[0] != 's')) {
    return std::nullopt;
  }
  const auto from = parse_position(text.substr(1));
  return from ? std::optional(Bare{.from = *from, .is_start = text[0] == 's'}) : std::nullopt;
}

std::string format_bare(const Bare& bare) {
  return (bare.is_start ? 's' : 'e') + std::to_string(bare.from.value);
}

// The text behind the version.
std::optional<Claim> parse_claim(std::string_view version, std::string_view rest) {
  const bool with_bare = version == k_claim_with_bare;
  const bool with_topic = with_bare || version == k_claim_with_topic;
  const auto next = take_field(rest);
  const auto sink = take_field(rest);
  const auto topic_id = with_topic ? take_field(rest) : std::optional(std::string_view());
  const auto bare_text = with_bare ? take_field(rest) : std::optional(std::string_view());
  if (!next || !sink || !topic_id || !bare_text || !is_blob_name(rest)) {
    return std::nullopt;
  }
  const auto position = parse_position(*next);
  const auto bare = parse_bare(*bare_text);
  const bool topic_id_is_ours =
      are_hex_digits(*topic_id, k_topic_id_digits) || (topic_id->empty() && version != k_claim_with_topic);
  if (!position || !are_hex_digits(*sink, k_sink_digits) || !topic_id_is_ours ||
      bare.has_value() != with_bare) {
    return std::nullopt;
  }
  return Claim{.next = *position,
               .sink = std::string(*sink),
               .blob = std::string(rest),
               .topic_id = std::string(*topic_id),
               .bare = bare};
}

std::optional<NoClaim> parse_no_claim(std::string_view metadata) {
  if (metadata.empty()) {
    return NoClaim{};
  }
  const bool with_bare = metadata.starts_with(k_no_claim_with_bare);
  if (!with_bare && !metadata.starts_with(k_no_claim_with_topic)) {
    return std::nullopt;
  }
  std::string_view rest = metadata.substr(k_no_claim_with_bare.size());
  const auto topic_id = with_bare ? take_field(rest) : std::optional(rest);
  const auto bare = with_bare ? parse_bare(rest) : std::nullopt;
  const bool topic_id_is_ours =
      topic_id && (are_hex_digits(*topic_id, k_topic_id_digits) || (with_bare && topic_id->empty()));
  if (!topic_id_is_ours || bare.has_value() != with_bare) {
    return std::nullopt;
  }
  return NoClaim{.topic_id = std::string(*topic_id), .bare = bare};
}

}  // namespace

bool is_blob_name(std::string_view name) {
  if (has_control_character(name) || name.find('\\') != std::string_view::npos) {
    return false;
  }
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      return false;
    }
    begin = end + 1;
  }
  return true;
}

std::string format_claim(const Claim& claim) {
  std::string text(claim.bare ? k_claim_with_bare : claim.topic_id.empty() ? k_claim : k_claim_with_topic);
  text += std::to_string(claim.next.value);
  text += ';';
  text += claim.sink;
  text += ';';
  if (claim.bare || !claim.topic_id.empty()) {
    text += claim.topic_id;
    text += ';';
  }
  if (claim.bare) {
    text += format_bare(*claim.bare);
    text += ';';
  }
  text += claim.blob;
  return text;
}

std::string format_no_claim(std::string_view topic_id, const std::optional<Bare>& bare) {
  std::string text;
  if (bare) {
    text = k_no_claim_with_bare;
    text += topic_id;
    text += ';';
    text += format_bare(*bare);
  } else if (!topic_id.empty()) {
    text = k_no_claim_with_topic;
    text += topic_id;
  }
  return text;
}

MetadataText parse_metadata(std::string_view metadata) {
  if (auto no_claim = parse_no_claim(metadata)) {
    return *std::move(no_claim);
  }
  if (metadata.size() < 2 || metadata[0] != 'p' || !is_digit(metadata[1])) {
    return ForeignText{};
  }
  // "p10;" is another version, and so is a "p1;" whose rest is not ours.
  const std::string_view version = metadata.substr(0, k_claim.size());
  if (version == k_claim || version == k_claim_with_topic || version == k_claim_with_bare) {
    if (auto claim = parse_claim(version, metadata.substr(version.size()))) {
      return *std::move(claim);
    }
  }
  return UnknownVersion{};
}

bool holds_no_claim(std::string_view metadata) {
  return std::holds_alternative<NoClaim>(parse_metadata(metadata));
}

}  // namespace penstock::ledger
