#include "identity/retry_after.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace penstock::identity {

std::optional<std::chrono::milliseconds> retry_after_of(const http::Response& answer) {
  constexpr std::uint32_t k_seconds_max = 300;
  const std::string_view text = answer.headers.find("Retry-After").value_or("");
  std::uint32_t seconds = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || fault != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return std::chrono::seconds{std::min(seconds, k_seconds_max)};
}

}  // namespace penstock::identity
