// How it works
//
// Brokers, the admin listener and the host in a url of Azure are all taken apart by split(). It gives a host
// and perhaps a port, or nothing if the text has no form that it knows. What a missing port or port 0 means
// is up to who asked:
//
//   text           split()              as a broker              as the listener
//   kafka:9092     kafka, 9092          taken                    taken
//   [::1]:9092     ::1, 9092            taken                    taken
//   kafka          kafka, no port       has no port              not address:port
//   kafka:0        kafka, 0             not host:port            taken: any free port
//   ::1            nothing              not host:port            not address:port
//
// The last has no brackets, so its host would end at the first ':' and be empty.
//
// The scheme of a sink's url tells the kind of store. check_azure_url() has a message of its own for each
// mistake that is likely there. For example, https://lake.dfs.core.windows.net/raw is a well-formed url. It
// is refused all the same, since files are written over the blob endpoint.
#include "config/addresses.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/concat.h"
#include "base/control_character.h"
#include "base/ip_address.h"
#include "config/readers.h"

namespace penstock::config {
namespace {

// Below it names of ours are made, and PATH_MAX is 4,096.
constexpr std::size_t k_directory_bytes_max = 3000;

constexpr std::string_view k_https = "https://";
constexpr std::string_view k_http = "http://";

struct HostPort {
  std::string_view host;  // without brackets
  std::optional<std::uint16_t> port;
};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || problem != std::errc{} || rest != text.data() + text.size()) {
    return std::nullopt;
  }
  return port;
}

bool is_host(std::string_view host, bool in_brackets) {
  constexpr std::string_view k_name = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  constexpr std::string_view k_ipv6 = "abcdefABCDEF0123456789:.";
  return !host.empty() && host.size() <= 255 &&
         host.find_first_not_of(in_brackets ? k_ipv6 : k_name) == std::string_view::npos;
}

// None: not of the form host:port, [address]:port, or either without its port.
std::optional<HostPort> split(std::string_view text) {
  const bool in_brackets = text.starts_with('[');
  const std::size_t host_end = in_brackets ? text.find(']') : text.find(':');
  const std::string_view host = text.substr(0, host_end).substr(in_brackets ? 1 : 0);
  if ((in_brackets && host_end == std::string_view::npos) || !is_host(host, in_brackets)) {
    return std::nullopt;
  }
  const std::string_view rest =
      host_end == std::string_view::npos ? std::string_view{} : text.substr(host_end + (in_brackets ? 1 : 0));
  if (rest.empty()) {
    return HostPort{.host = host, .port = {}};
  }
  const std::optional<std::uint16_t> port = parse_port(rest.substr(1));
  if (rest.front() != ':' || !port) {
    return std::nullopt;
  }
  return HostPort{.host = host, .port = port};
}

// What looks like an address has to be one: no name service would make anything of it.
bool can_be_bound(const HostPort& listen) {
  if (listen.host.find(':') != std::string_view::npos) {
    return ipv6_address(listen.host).has_value();
  }
  in_addr address{};
  return listen.host.find_first_not_of("0123456789.") != std::string_view::npos ||
         ::inet_aton(std::string(listen.host).c_str(), &address) == 1;  // as the resolver: 127.1 is one
}

Complaint check_azure_url(std::string_view url, std::string_view scheme) {
  constexpr std::string_view k_form = "https://<account>.blob.core.windows.net/<container>/<prefix>";
  if (url.find('?') != std::string_view::npos) {
    return "holds a '?': a SAS token has no place in a url; write it as sink.auth: {type: sas, token: ...}";
  }
  if (url.find_first_of("@#") != std::string_view::npos) {
    return concat("holds an '@' or a '#'; write ", k_form);
  }
  const std::string_view rest = url.substr(scheme.size());
  const std::size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  if (!split(authority)) {
    return concat("has no host that can be one; write ", k_form);
  }
  if (slash == std::string_view::npos || rest.find_first_not_of('/', slash) == std::string_view::npos) {
    return concat("names no container; write ", k_form);
  }
  if (rest.find("//") != std::string_view::npos) {
    return "holds an empty part ('//'); remove it";
  }
  if (authority.find(".dfs.") != std::string_view::npos) {
    return concat("is the dfs endpoint, and files are written over the blob one; write ", k_form);
  }
  if (scheme == "http://" && authority.find(".blob.core.") != std::string_view::npos) {
    return "would send everything in clear; write https://";
  }
  return {};
}

}  // namespace

Complaint check_brokers(const std::vector<std::string>& brokers) {
  for (std::size_t i = 0; i < brokers.size(); ++i) {
    if (brokers[i].find("://") != std::string::npos) {
      return concat("holds a url, item ", i + 1, "; write host:port, without a scheme");
    }
    const std::optional<HostPort> broker = split(brokers[i]);
    if (!broker || broker->port == std::uint16_t{0}) {
      return concat("holds something that is not host:port, item ", i + 1, "; write broker.example:9092");
    }
    if (!broker->port) {
      return concat("has no port, item ", i + 1,
                    "; write host:9093 for Event Hubs, mostly host:9092 for Kafka");
    }
  }
  return {};
}

Complaint read_listen(std::string_view text, AdminSettings& out) {
  if (text == "none") {
    out = {};
    return {};
  }
  const std::optional<HostPort> listen = split(text);
  if (!listen || !listen->port) {
    return "is not address:port; write 127.0.0.1:9464, 0.0.0.0:9464 if others must reach it, or none";
  }
  if (!can_be_bound(*listen)) {
    return "names no address that there can be; write 127.0.0.1:9464, 0.0.0.0:9464 if others must reach it, "
           "or "
           "none";
  }
  out.host = listen->host;
  out.port = *listen->port;
  return {};
}

bool is_loopback(std::string_view host) {
  if (const std::optional<in_addr> v4 = ipv4_address(host)) {
    return (ntohl(v4->s_addr) >> 24U) == 127;
  }
  const std::optional<in6_addr> v6 = ipv6_address(host);
  return host == "localhost" || (v6 && IN6_IS_ADDR_LOOPBACK(&*v6));
}

Complaint read_admin_token(const Node& node, Secret& out) {
  constexpr std::size_t k_shortest = 16;
  constexpr std::size_t k_longest = 256;
  Secret token;
  if (Complaint complaint = read_secret(node, token); !complaint.empty()) {
    return complaint;
  }
  const std::string& text = token.reveal();
  if (text.size() < k_shortest || text.size() > k_longest) {
    return concat("has ", text.size(), " characters; write ", k_shortest, " to ", k_longest,
                  ", such as openssl rand -hex 32 makes");
  }
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; })) {
    return "holds a space, or a sign that no header can have; write letters and digits, such as openssl rand "
           "-hex 32 makes";
  }
  out = std::move(token);
  return {};
}

Complaint read_sink_url(const std::string& url, SinkSettings& out) {
  constexpr std::string_view k_file = "file://";
  SinkKind kind = SinkKind::azure;
  std::string directory;
  if (url == "null:") {
    kind = SinkKind::null_store;
  } else if (url.starts_with(k_file)) {
    kind = SinkKind::directory;
    directory = url.substr(k_file.size());
    if (!directory.starts_with('/') || directory.find_first_not_of('/') == std::string::npos) {
      return "names no directory; write file:///srv/lake, with three slashes";
    }
  } else if (url.starts_with(k_https) || url.starts_with(k_http)) {
    Complaint complaint = check_azure_url(url, url.starts_with(k_https) ? k_https : k_http);
    if (!complaint.empty()) {
      return complaint;
    }
  } else {
    return "has no scheme that is known; write https://<account>.blob.core.windows.net/<container>/<prefix>, "
           "file:///<directory>, or null:";
  }
  out.url = url;
  out.kind = kind;
  out.directory = std::move(directory);
  return {};
}

Complaint read_authority(const std::string& url, std::string& out) {
  std::string_view rest = url;
  rest.remove_prefix(rest.starts_with(k_https) ? k_https.size() : rest.size());
  rest = rest.substr(0, rest.size() - (rest.ends_with('/') ? 1 : 0));
  if (!split(rest)) {
    return "is not https:// and a host; write https://login.microsoftonline.us";
  }
  out = concat(k_https, rest);
  return {};
}

Complaint check_registry_url(const std::string& url) {
  constexpr std::string_view k_plain = "write https://registry.example:8081, with the path of its API";
  std::string_view rest = url;
  if (rest.starts_with(k_https)) {
    rest.remove_prefix(k_https.size());
  } else if (rest.starts_with(k_http)) {
    rest.remove_prefix(k_http.size());
  } else {
    return concat("has no scheme that is known; ", k_plain);
  }
  if (rest.find('@') != std::string_view::npos) {
    return "holds an '@': a login has no place in a url; write it as registry.username and "
           "registry.password";
  }
  const std::size_t slash = rest.find('/');
  const std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
  if (!split(rest.substr(0, slash))) {
    return concat("has no host that can be one; ", k_plain);
  }
  constexpr std::string_view k_of_path =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%/+:,=";
  if (path.find_first_not_of(k_of_path) != std::string_view::npos ||
      path.find("//") != std::string_view::npos || path.ends_with('/')) {
    return concat("holds what no path of an API has, or ends with '/'; ", k_plain);
  }
  return {};
}

Complaint check_registry_user(const std::string& user) {
  return user.find(':') == std::string::npos && !has_control_character(user)
             ? Complaint{}
             : Complaint("holds a ':' or a sign that cannot be seen, and no login has them; write the name");
}

bool is_read_on_the_way(const std::string& url) {
  const std::string_view rest = std::string_view(url).substr(std::min(k_http.size(), url.size()));
  const std::optional<HostPort> place = split(rest.substr(0, rest.find('/')));
  return url.starts_with(k_http) && !(place && is_loopback(place->host));
}

Complaint check_scope(const std::string& scope) {
  constexpr std::string_view k_end = "/.default";
  const bool is_plain = scope.find_first_of(" \t\r\n?#&") == std::string::npos;
  return is_plain && scope.ends_with(k_end) && scope.size() > k_end.size()
             ? Complaint{}
             : Complaint("is no scope; write https://<namespace>.servicebus.windows.net/.default");
}

Complaint check_directory(const std::string& path) {
  return path.starts_with('/') && path.size() <= k_directory_bytes_max
             ? Complaint{}
             : Complaint("is not an absolute path; write one that begins with /");
}

Complaint check_certificates(const std::string& path) {
  return path == "system" ? Complaint{} : check_directory(path);
}

}  // namespace penstock::config
