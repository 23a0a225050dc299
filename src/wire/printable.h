// A stranger's words, made fit for a message to the operator.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock::wire {

// At most 200 characters; what is not printable ASCII becomes '?'.
inline std::string printable(std::string_view text) {
  constexpr std::size_t k_characters_max = 200;
  std::string out;
  for (const char c : text.substr(0, k_characters_max)) {
    out += c >= ' ' && c <= '~' ? c : '?';
  }
  if (text.size() > k_characters_max) {
    out += "...";
  }
  return out;
}

}  // namespace penstock::wire
