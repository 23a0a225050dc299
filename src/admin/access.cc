#include "admin/access.h"

#include <cstddef>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/letter_case.h"
#include "base/trimmed.h"
#include "base/types.h"
#include "crypto/base64.h"
#include "crypto/hash.h"

namespace penstock::admin {
namespace {

// Digests, so that neither a length nor a place shows in the time.
bool is_token(std::string_view shown, std::string_view token) {
  const crypto::Sha256 ours = crypto::sha256(as_bytes(token));
  const crypto::Sha256 theirs = crypto::sha256(as_bytes(shown));
  return crypto::equal_in_constant_time(ours, theirs);
}

// The password in "user:password", in base64.
std::string password_of(std::string_view credentials) {
  const Result<std::vector<std::byte>> bytes = crypto::base64_decode(credentials);
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
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    in6_addr v6{};
    return end != std::string_view::npos &&
           ::inet_pton(AF_INET6, std::string(host.substr(1, end - 1)).c_str(), &v6) == 1;
  }
  const std::string name(host.substr(0, host.rfind(':')));
  in_addr v4{};
  return name.empty() || same_word(name, "localhost") || ::inet_pton(AF_INET, name.c_str(), &v4) == 1;
}

}  // namespace penstock::admin
