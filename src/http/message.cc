#include "http/message.h"

#include "base/letter_case.h"

namespace penstock::http {

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& [known, value] : headers_) {
    if (same_word(known, name)) {
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
