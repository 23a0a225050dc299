#include "http/proxy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "http/message.h"

namespace penstock::http {
namespace {

constexpr std::uint16_t k_proxy_port = 1080;  // libcurl's, where the variable has none

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

// "[::1]:443" and "::1" are "::1", "store:443" is "store".
std::string host_alone(std::string_view authority) {
  if (authority.starts_with('[')) {
    return lower(authority.substr(1, authority.find(']') - 1));
  }
  const std::size_t colon = authority.find(':');
  const bool has_port =
      colon != std::string_view::npos && authority.find(':', colon + 1) == std::string_view::npos;
  return lower(has_port ? authority.substr(0, colon) : authority);
}

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_excepted(const std::string& host) {
  const std::string_view lower_case = variable("no_proxy");
  std::string_view rest = lower_case.empty() ? variable("NO_PROXY") : lower_case;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(", "), rest.size());
    std::string one = lower(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (one == "*") {
      return true;
    }
    if (one.starts_with('.')) {
      one.erase(0, 1);
    }
    if (!one.empty() && (host == one || host.ends_with("." + one))) {
      return true;
    }
  }
  return false;
}

Proxy parsed(std::string_view name, std::string_view value) {
  Proxy proxy{.variable = std::string(name), .host = {}, .port = k_proxy_port};
  if (const std::size_t scheme = value.find("://"); scheme != std::string_view::npos) {
    proxy.port = value.starts_with("https") ? std::uint16_t{443} : k_proxy_port;
    value.remove_prefix(scheme + 3);
  }
  value = value.substr(0, value.find('/'));
  if (const std::size_t user = value.rfind('@'); user != std::string_view::npos) {
    value.remove_prefix(user + 1);
  }
  proxy.host = host_alone(value);
  const std::size_t colon = value.rfind(':');
  if (colon != std::string_view::npos && value.find(']', colon) == std::string_view::npos) {
    std::from_chars(value.data() + colon + 1, value.data() + value.size(), proxy.port);
  }
  return proxy;
}

}  // namespace

bool is_never_proxied(std::string_view authority) {
  const std::string host = host_alone(authority);
  const bool is_digits = host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" || host.starts_with("fe80:") ||
         (is_digits && (host.starts_with("127.") || host.starts_with("169.254.")));
}

std::optional<Proxy> proxy_of(std::string_view url) {
  const std::string host = host_alone(host_of(url));
  if (is_never_proxied(host) || is_excepted(host)) {
    return std::nullopt;
  }
  // In this order libcurl looks. It does not obey HTTP_PROXY, which a CGI program gets from its caller.
  const bool tls = url.starts_with("https:");
  const std::array<const char*, 4> names{tls ? "https_proxy" : "http_proxy",
                                         tls ? "HTTPS_PROXY" : "http_proxy", "all_proxy", "ALL_PROXY"};
  for (const char* const name : names) {
    if (const std::string_view value = variable(name); !value.empty()) {
      return parsed(name, value);
    }
  }
  return std::nullopt;
}

}  // namespace penstock::http
