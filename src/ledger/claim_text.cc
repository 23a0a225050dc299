#include "ledger/claim_text.h"

#include <algorithm>
#include <charconv>

namespace penstock::ledger {
namespace {

constexpr std::string_view k_version = "p1;";
constexpr std::size_t k_sink_digits = 8;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
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

std::optional<Claim> parse_claim(std::string_view rest) {
  const auto next = take_field(rest);
  const auto sink = take_field(rest);
  if (!next || !sink || rest.empty()) {
    return std::nullopt;
  }
  const auto position = parse_position(*next);
  if (!position || sink->size() != k_sink_digits || !std::all_of(sink->begin(), sink->end(), is_hex)) {
    return std::nullopt;
  }
  return Claim{.next = *position, .sink = std::string(*sink), .blob = std::string(rest)};
}

}  // namespace

std::string format_claim(const Claim& claim) {
  std::string text(k_version);
  text += std::to_string(claim.next.value);
  text += ';';
  text += claim.sink;
  text += ';';
  text += claim.blob;
  return text;
}

MetadataText parse_metadata(std::string_view metadata) {
  if (metadata.empty()) {
    return NoClaim{};
  }
  if (metadata.size() < 2 || metadata[0] != 'p' || !is_digit(metadata[1])) {
    return ForeignText{};
  }
  // "p10;" is another version, and so is a "p1;" whose rest is not ours.
  if (metadata.substr(0, k_version.size()) == k_version) {
    if (auto claim = parse_claim(metadata.substr(k_version.size()))) {
      return *std::move(claim);
    }
  }
  return UnknownVersion{};
}

}  // namespace penstock::ledger
