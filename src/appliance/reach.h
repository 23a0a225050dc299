// Whether a host can be reached: its name, a TCP connection, a TLS handshake. Each is a question of its
// own, so that what is wrong has a place. Blocking.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "crypto/tls_context.h"
#include "crypto/tls_stream.h"
#include "io/loop.h"
#include "io/name_lookup.h"
#include "io/socket_address.h"

namespace penstock::appliance {

struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;

  // "store:443", "[::1]:443"
  std::string text() const;
};

// "broker:9092", "[::1]:9092". Error invalid_input: no port, or no number.
Result<HostPort> parse_host_port(const std::string& text);

// "10.1.0.4 (private)", "20.60.1.1 (public)", "127.0.0.1 (loopback)", each once. Private is what no
// router of the internet passes on, so that it is a private endpoint or a network of one's own. Pure.
std::string told(const std::vector<io::SocketAddress>& addresses);

// The addresses as the system's resolver tells them. Errors: the resolver's own words; timed_out.
io::Addresses look_up(const HostPort& at, Duration patience, io::Loop& loop);

struct Reached {
  UniqueFd socket;
  // "10.1.0.4:443 in 1.2 ms", after "10.1.0.3:443: ECONNREFUSED" for each that failed before.
  std::string told;
};

// The first of the addresses that answers; each has its share of `patience`. Error: what each of them said.
Result<Reached> connect_to(const HostPort& at, const std::vector<io::SocketAddress>& addresses,
                           Duration patience);

// With the code of our own connections. Ends the connection. Errors are those of crypto/tls_errors.h, and
// timed_out.
Result<crypto::TlsFacts> shake_hands(Reached reached, std::shared_ptr<const crypto::TlsContext> context,
                                     const HostPort& at, Duration patience);

// "TLSv1.3 with TLS_AES_256_GCM_SHA384; the certificate of CN = store, issued by CN = ca, until ...". Pure.
std::string told(const crypto::TlsFacts& facts);

}  // namespace penstock::appliance
