// Without the white space around it. Keys, tokens and numbers are pasted into files with some.
#pragma once

#include <cstddef>
#include <string_view>

namespace penstock {

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view k_white = " \t\r\n";
  const std::size_t first = text.find_first_not_of(k_white);
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, text.find_last_not_of(k_white) - first + 1);
}

}  // namespace penstock
