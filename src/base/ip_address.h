// Internet addresses in text, as inet_pton(3) reads them. It ends at a NUL, which a text from outside may
// hold: "127.0.0.1\0.example" is no address here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace penstock {

// Of a family's text, all of it; none: it is no such address.
template <class Address>
std::optional<Address> address_in(std::string_view text, int family) {
  Address address{};
  const bool is_one = text.find('\0') == std::string_view::npos &&
                      ::inet_pton(family, std::string(text).c_str(), &address) == 1;
  return is_one ? std::optional(address) : std::nullopt;
}

inline std::optional<in_addr> ipv4_address(std::string_view text) {
  return address_in<in_addr>(text, AF_INET);
}

inline std::optional<in6_addr> ipv6_address(std::string_view text) {
  return address_in<in6_addr>(text, AF_INET6);
}

}  // namespace penstock
