#include "http/message.h"

#include <algorithm>
#include <cctype>

namespace penstock::http {

std::optional<std::string_view> Headers::find(std::string_view name) const {
  const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  for (const auto& [known, value] : headers_) {
    if (std::equal(known.begin(), known.end(), name.begin(), name.end(), same)) {
      return value;
    }
  }
  return std::nullopt;
}

std::string_view host_of(std::string_view url) {
  if (const std::size_t scheme = url.find("://"); scheme != std::string_view::npos) {
    url.remove_prefix(scheme + 3);
  }
  url = url.substr(0, url.find_first_of("/?#"));
  if (const std::size_t user = url.rfind('@'); user != std::string_view::npos) {
    url.remove_prefix(user + 1);
  }
  return url;
}

}  // namespace penstock::http
