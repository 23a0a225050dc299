#include "admin/listen_address.h"

#include <charconv>
#include <optional>
#include <utility>

#include "base/concat.h"

namespace penstock::admin {
namespace {

Error bad_address(std::string_view listen, std::string_view why) {
  return make_error(ErrorKind::invalid_input, Action::fatal,
                    concat("admin.listen \"", listen, "\": ", why,
                           "; write host:port, for instance 127.0.0.1:9464, or none"));
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, port);
  if (failure != std::errc{} || stop != end) {
    return std::nullopt;
  }
  return port;
}

}  // namespace

bool is_off(std::string_view listen) {
  return listen.empty() || listen == "none";
}

Result<ListenAddress> parse_listen_address(std::string_view listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string_view::npos) {
    return bad_address(listen, "the port is missing");
  }
  const std::optional<std::uint16_t> port = parse_port(listen.substr(colon + 1));
  if (!port) {
    return bad_address(listen, "the port is not a number from 0 to 65535");
  }
  std::string_view host = listen.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad_address(listen, "an IPv6 address stands in brackets, [::1]:9464");
  }
  if (host.empty()) {
    return bad_address(listen, "the host is missing (all interfaces would be 0.0.0.0)");
  }
  return ListenAddress{std::string(host), *port};
}

std::string to_string(const ListenAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return v6 ? concat('[', address.host, "]:", address.port) : concat(address.host, ':', address.port);
}

}  // namespace penstock::admin
