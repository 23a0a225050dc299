#include "base/connection_parts.h"

#include <algorithm>
#include <cstddef>

#include "base/concat.h"
#include "base/letter_case.h"
#include "base/trimmed.h"

namespace penstock {
namespace {

std::string_view bare(std::string_view text) {
  constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(k_byte_order_mark)) {
    text.remove_prefix(k_byte_order_mark.size());
  }
  text = trimmed(text);
  const bool quoted =
      text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

Result<std::vector<ConnectionPart>> connection_parts(std::string_view text) {
  std::string line(bare(text));
  std::erase_if(line, [](char c) { return c == '\r' || c == '\n'; });
  std::string_view rest = line;
  std::vector<ConnectionPart> parts;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::string_view part = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (trimmed(part).empty()) {
      continue;
    }
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return invalid_input(concat("part ", number, " is not Name=value: copy the whole string again"));
    }
    parts.push_back({.name = std::string(trimmed(part.substr(0, equals))),
                     .value = std::string(trimmed(part.substr(equals + 1)))});
  }
  return parts;
}

std::string value_of_part(const std::vector<ConnectionPart>& parts, std::string_view name) {
  const auto found = std::find_if(parts.rbegin(), parts.rend(),
                                  [name](const ConnectionPart& part) { return same_word(part.name, name); });
  return found == parts.rend() ? std::string() : found->value;
}

std::string joined(const std::vector<ConnectionPart>& parts) {
  std::string text;
  for (const ConnectionPart& part : parts) {
    text += concat(text.empty() ? "" : ";", part.name, "=", part.value);
  }
  return text;
}

}  // namespace penstock
