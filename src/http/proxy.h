// Which proxy the environment names for a URL, by the rules of libcurl. Reads the environment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::http {

struct Proxy {
  // "https_proxy".
  std::string variable;
  std::string host;
  std::uint16_t port = 0;
};

// Loopback, by name or number, and what is link-local, such as a cloud's metadata service. No proxy can stand
// for those, and a token that one answers with would go to it. The client never takes one for them.
bool is_never_proxied(std::string_view host);

// None: the client connects to the host itself. A user and a password in the variable are left out. Of
// no_proxy the forms "*", a name with or without its dot, and an address are known. libcurl also takes a
// block of addresses (10.0.0.0/8), which counts here for no host: a URL has a name there, nearly always.
std::optional<Proxy> proxy_of(std::string_view url);

}  // namespace penstock::http
