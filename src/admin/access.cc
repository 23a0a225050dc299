#include "admin/access.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/base64.h"
#include "base/ip_address.h"
#include "base/letter_case.h"
#include "base/trimmed.h"
#include "base/types.h"
#include "crypto/hash.h"

namespace penstock::admin {
namespace {

// Digests, so that neither a length nor a place shows in the time.
bool is_token(std::string_view shown, std::string_view token) {
  const crypto::Sha256 ours = crypto::sha256(as_bytes(token));
  const crypto::Sha256 theirs = crypto::sha256(as_bytes(shown));
  return crypto::equal_in_constant_time(ours, theirs);
}

// What may stand behind a host: nothing, or ":9464".
bool is_port(std::string_view text) {
  return text.empty() || (text.size() > 1 && text[0] == ':' &&
                          text.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

// The password in "user:password", in base64.
std::string password_of(std::string_view credentials) {
  const Result<std::vector<std::byte>> bytes = base64_decode(credentials);
  if (!bytes.ok()) {
    return {};
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  const std::size_t colon = text.find(':');
  return colon == std::string_view::npos ? std::string() : std::string(text.substr(colon + 1));
}

}  // namespace

bool shows_token(std::string_view authorization, std::string_view token) {
  const std::size_t space = authorization.find(' ');
  if (token.empty() || space == std::string_view::npos) {
    return false;
  }
  const std::string_view scheme = authorization.substr(0, space);
  const std::string_view shown = trimmed(authorization.substr(space));
  if (same_word(scheme, "bearer")) {
    return is_token(shown, token);
  }
  return same_word(scheme, "basic") && is_token(password_of(shown), token);
}

bool names_an_address(std::string_view host) {
  const bool has_brackets = host.starts_with('[');
  const std::size_t end = has_brackets ? host.find(']') : host.find(':');
  if (has_brackets && end == std::string_view::npos) {
    return false;
  }
  const std::string_view name = host.substr(has_brackets ? 1 : 0, has_brackets ? end - 1 : end);
  if (!is_port(host.substr(std::min(host.size(), has_brackets ? end + 1 : name.size())))) {
    return false;
  }
  return has_brackets ? ipv6_address(name).has_value()
                      : host.empty() || same_word(name, "localhost") || ipv4_address(name).has_value();
}

}  // namespace penstock::admin
