// How it works. The URL is taken apart from the left: scheme, authority, then the path segment by segment.
// The host decides where the account stands.
//
//   https://contoso.blob.core.windows.net/lake/raw      host with dots: the account is its first label
//   https://contoso.dfs.core.windows.net/lake/raw       the same account's other door: blobs go in by .blob.
//   http://127.0.0.1:10000/devstoreaccount1/lake/raw    IP address, or no dot: the path's first segment
//   https://data.example.org/lake/raw                   custom domain: `data` may not be the account, so
//                                                       account_is_certain is false, and any key is taken
//
// Each refusal says what to write instead. None repeats what it refuses, as people paste secrets there.
#include "azure/endpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/concat.h"
#include "base/control_character.h"
#include "base/letter_case.h"

namespace penstock::azure {

namespace {

constexpr std::size_t k_container_bytes_min = 3;
constexpr std::size_t k_container_bytes_max = 63;

// What stands between "//" and the path.
struct Authority {
  std::string host;  // in lower case; an IPv6 address with its brackets
  std::string port;  // ":10000" or ""
};

bool is_ipv4(std::string_view host) {
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || (is_ipv4(host) && host.starts_with("127."));
}

bool is_path_style(std::string_view host) {
  return host.starts_with('[') || is_ipv4(host) || host.find('.') == std::string_view::npos;
}

bool is_port(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0 && number <= 65535;
}

bool is_host(std::string_view host) {
  if (host.empty()) {
    return false;
  }
  if (host.starts_with('[')) {
    return host.size() > 2 && host.find_first_not_of("0123456789abcdef:.", 1) == host.size() - 1 &&
           host.ends_with(']');
  }
  return host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string_view::npos &&
         !host.starts_with('.') && !host.ends_with('.') && host.find("..") == std::string_view::npos;
}

std::optional<Authority> parse_authority(std::string_view text) {
  Authority authority;
  const std::size_t after_brackets = text.starts_with('[') ? text.find(']') : 0;
  const std::size_t colon = text.find(':', after_brackets == std::string_view::npos ? 0 : after_brackets);
  authority.host = lower(text.substr(0, colon));
  if (!is_host(authority.host)) {
    return std::nullopt;
  }
  if (colon != std::string_view::npos) {
    if (!is_port(text.substr(colon + 1))) {
      return std::nullopt;
    }
    authority.port = text.substr(colon);
  }
  return authority;
}

// Takes the first segment off `path`.
std::string_view take_segment(std::string_view& path) {
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(path.size(), segment.size() + 1));
  return segment;
}

bool is_path_style_account(std::string_view name) {
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool is_container(std::string_view name) {
  return name.size() >= k_container_bytes_min && name.size() <= k_container_bytes_max &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos &&
         !name.starts_with('-') && !name.ends_with('-') && name.find("--") == std::string_view::npos;
}

bool is_prefix(std::string_view prefix) {
  if (has_control_character(prefix) || prefix.find_first_of("\\%") != std::string_view::npos) {
    return false;
  }
  while (!prefix.empty()) {
    const std::string_view segment = take_segment(prefix);
    // Azure drops the dot at a segment's end, and then no signature fits the name that was signed.
    if (segment.empty() || segment.ends_with('.')) {
      return false;
    }
  }
  return true;
}

// "contoso.dfs.core.windows.net" is the same account's other door: blobs go in by its blob host.
std::string blob_host(const std::string& host) {
  const std::size_t dot = host.find('.');
  constexpr std::string_view k_dfs = ".dfs.";
  if (host.compare(dot, k_dfs.size(), k_dfs) != 0) {
    return host;
  }
  return host.substr(0, dot) + ".blob." + host.substr(dot + k_dfs.size());
}

Result<Endpoint> with_names(Endpoint endpoint, std::string_view path) {
  if (!endpoint.base_path.empty() && endpoint.account.empty()) {
    return invalid_input(concat("the sink's URL ends before the account: write ", endpoint.origin,
                                "/ACCOUNT/CONTAINER/PREFIX (path-style, because of its host)"));
  }
  if (!is_path_style_account(endpoint.account)) {
    return invalid_input(
        "the account in the sink's URL has characters that no account's name has: use [a-z0-9-]");
  }
  const std::string_view container = take_segment(path);
  if (container.empty()) {
    return invalid_input(concat("the sink's URL names no container: write ", endpoint.origin,
                                endpoint.base_path, "/CONTAINER/PREFIX"));
  }
  if (!is_container(container)) {
    return invalid_input(
        "the sink's URL holds what cannot be a container's name: write 3 to 63 lower-case letters, "
        "digits and single hyphens");
  }
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  if (!is_prefix(path)) {
    return invalid_input(concat(
        "the prefix in the sink's URL has an empty segment, one that ends with '.', a backslash, '%' or "
        "a control character: write names plainly, as in ",
        endpoint.origin, endpoint.base_path, "/", container, "/raw/api"));
  }
  endpoint.container = container;
  endpoint.prefix = path;
  return endpoint;
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view url) {
  if (url.find_first_of("?#") != std::string_view::npos) {
    return invalid_input(
        "the sink's URL has a query or fragment: end it after the prefix, and put a SAS into sink.auth");
  }
  const std::size_t scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, scheme_end);
  if (scheme_end == std::string_view::npos || (scheme != "https" && scheme != "http")) {
    return invalid_input(
        "the sink's URL must begin with https:// (http:// only for an emulator on this machine)");
  }
  url.remove_prefix(scheme_end + 3);
  const std::string_view authority_text = take_segment(url);
  if (authority_text.find('@') != std::string_view::npos) {
    return invalid_input("the sink's URL has a user or password in it: put credentials into sink.auth");
  }
  const auto authority = parse_authority(authority_text);
  if (!authority) {
    return invalid_input(
        "the sink's URL has no host that can be one: write https://ACCOUNT.blob.core.windows.net");
  }
  if (scheme == "http" && !is_loopback(authority->host)) {
    return invalid_input(
        "the sink's URL would send data and credentials in the clear: write https:// (http:// is only for an "
        "emulator on this machine: 127.0.0.1, [::1] or localhost)");
  }
  Endpoint endpoint;
  if (is_path_style(authority->host)) {
    endpoint.origin = concat(scheme, "://", authority->host, authority->port);
    endpoint.account = take_segment(url);
    endpoint.base_path = "/" + endpoint.account;
    endpoint.account_is_certain = true;
    return with_names(std::move(endpoint), url);
  }
  const std::string host = blob_host(authority->host);
  endpoint.origin = concat(scheme, "://", host, authority->port);
  endpoint.account = host.substr(0, host.find('.'));
  endpoint.account_is_certain = host.compare(endpoint.account.size(), 6, ".blob.") == 0;
  return with_names(std::move(endpoint), url);
}

std::string Endpoint::description() const {
  return concat(origin, base_path, "/", container, prefix.empty() ? "" : "/", prefix);
}

std::string Endpoint::full_name(std::string_view name) const {
  return prefix.empty() ? std::string(name) : concat(prefix, "/", name);
}

}  // namespace penstock::azure
