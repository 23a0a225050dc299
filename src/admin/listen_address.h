// "127.0.0.1:9464": where the admin server listens. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <penstock/result.h>

namespace penstock::admin {

struct ListenAddress {
  // A name or an address. An IPv6 address stands without its brackets.
  std::string host;
  std::uint16_t port = 0;

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// "" and "none": no server is wanted.
bool is_off(std::string_view listen);

// host:port or [v6]:port. The host is never guessed: ":9464" would listen to the whole network unasked.
// Port 0: any that is free.
Result<ListenAddress> parse_listen_address(std::string_view listen);

// As it was written: with brackets where the host has colons.
std::string to_string(const ListenAddress& address);

}  // namespace penstock::admin
