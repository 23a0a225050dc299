// Where a socket connects to: an IPv4 or IPv6 address and a port, as the kernel takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/socket.h>

namespace penstock::io {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "127.0.0.1:9093", "[::1]:9093".
std::string to_string(const SocketAddress& address);

// The address that `host` spells in digits, IPv4 or IPv6 without brackets. nullopt if it is a name.
std::optional<SocketAddress> numeric_address(const std::string& host, std::uint16_t port);

}  // namespace penstock::io
