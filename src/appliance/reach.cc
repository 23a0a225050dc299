// How it works. No loop and no callbacks but for the name, as one thing happens at a time: a socket that
// does not block, and poll(2) up to a deadline.
//
// For example, store:443 has two addresses, and a firewall drops what goes to the first:
//
// 1. look_up() gives 10.1.0.4 and 20.60.1.1.
// 2. connect_to() waits half of its patience for the first. ETIMEDOUT is noted. The second answers, so
//    that the result is a connection and the words "10.1.0.4:443: ETIMEDOUT; 20.60.1.1:443 in 1.2 ms".
// 3. shake_hands() feeds TlsStream from that socket until the handshake is over, or refused.
#include "appliance/reach.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/concat.h"
#include "base/os_error.h"

namespace penstock::appliance {
namespace {

bool is_private(std::uint32_t address) {
  return (address >> 24) == 10 || (address >> 20) == 0xAC1 || (address >> 16) == 0xC0A8 ||
         (address >> 22) == (0x64400000U >> 22);
}

const char* kind_of(const io::SocketAddress& address) {
  if (address.family() == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address.storage, sizeof(four));
    const std::uint32_t number = ntohl(four.sin_addr.s_addr);
    return (number >> 24) == 127 ? "loopback" : is_private(number) ? "private" : "public";
  }
  sockaddr_in6 six{};
  std::memcpy(&six, &address.storage, sizeof(six));
  if (IN6_IS_ADDR_LOOPBACK(&six.sin6_addr)) {
    return "loopback";
  }
  return (six.sin6_addr.s6_addr[0] & 0xFE) == 0xFC || IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr) ? "private"
                                                                                            : "public";
}

// Without its port.
std::string digits_of(const io::SocketAddress& address) {
  const std::string text = io::to_string(address);
  return text.substr(0, text.rfind(':'));
}

// False: the deadline is over.
bool wait_for(const UniqueFd& socket, short events, MonoTime deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - system_clock().now()).count();
  pollfd waits{.fd = socket.get(), .events = events, .revents = 0};
  return ::poll(&waits, 1, static_cast<int>(std::max<long long>(left, 0))) > 0;
}

// 0, or errno.
int connect_by(const UniqueFd& socket, const io::SocketAddress& address, MonoTime deadline) {
  if (!socket.valid()) {
    return errno;
  }
  if (::connect(socket.get(), address.get(), address.length) == 0) {
    return 0;
  }
  if (errno != EINPROGRESS) {
    return errno;
  }
  if (!wait_for(socket, POLLOUT, deadline)) {
    return ETIMEDOUT;
  }
  int error_number = 0;
  socklen_t size = sizeof(error_number);
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error_number, &size);
  return error_number;
}

std::string meaning_of(int error_number) {
  switch (error_number) {
    case ECONNREFUSED:
      return "refused: the host is there, and nothing listens on this port";
    case ETIMEDOUT:
      return "no answer: the host is down, or a firewall drops what is sent to it";
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "unreachable: this machine has no route there";
    default:
      return std::strerror(error_number);
  }
}

Result<void> send_all(crypto::TlsStream& tls, const UniqueFd& socket, const std::string& name,
                      MonoTime deadline) {
  for (Bytes next = tls.outgoing(); !next.empty(); next = tls.outgoing()) {
    const ssize_t sent = ::send(socket.get(), next.data(), next.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      tls.sent(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || !wait_for(socket, POLLOUT, deadline)) {
      return os_error(errno, concat("the TLS handshake with ", name));
    }
  }
  return {};
}

Result<void> receive_some(crypto::TlsStream& tls, const UniqueFd& socket, const std::string& name,
                          MonoTime deadline) {
  if (!wait_for(socket, POLLIN, deadline)) {
    return make_error(ErrorKind::timed_out, Action::retry,
                      concat("the TLS handshake with ", name,
                             " took too long: see whether this port speaks TLS, and whether something in "
                             "between holds it up"));
  }
  const MutableBytes into = tls.incoming();
  const ssize_t got = ::recv(socket.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (got < 0 && errno != ECONNRESET) {
    return os_error(errno, concat("the TLS handshake with ", name));
  }
  if (got <= 0) {
    return tls.closed_by_peer();
  }
  tls.received(static_cast<std::size_t>(got));
  return {};
}

}  // namespace

std::string HostPort::text() const {
  const bool bare = host.find(':') == std::string::npos;
  return concat(bare ? "" : "[", host, bare ? ":" : "]:", port);
}

Result<HostPort> parse_host_port(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  HostPort at;
  const char* const end = text.data() + text.size();
  if (colon != std::string::npos && colon > 0) {
    const auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, at.port);
    if (error == std::errc() && stopped == end && at.port != 0) {
      at.host = text.substr(0, colon);
      if (at.host.size() > 2 && at.host.front() == '[' && at.host.back() == ']') {
        at.host = at.host.substr(1, at.host.size() - 2);
      }
      return at;
    }
  }
  return invalid_input(concat(text, " is not of the form host:port"));
}

std::string told(const std::vector<io::SocketAddress>& addresses) {
  std::vector<std::string> words;
  for (const io::SocketAddress& address : addresses) {
    std::string word = concat(digits_of(address), " (", kind_of(address), ")");
    if (std::ranges::find(words, word) == words.end()) {
      words.push_back(std::move(word));
    }
  }
  std::string text;
  for (const std::string& word : words) {
    text += concat(text.empty() ? "" : ", ", word);
  }
  return text;
}

io::Addresses look_up(const HostPort& at, Duration patience, io::Loop& loop) {
  std::optional<io::Addresses> answer;
  io::NameLookup lookup(loop);
  lookup.start(at.host, at.port, [&answer](io::Addresses addresses) { answer = std::move(addresses); });
  const MonoTime deadline = system_clock().now() + patience;
  while (!answer && system_clock().now() < deadline) {
    loop.run_once(std::chrono::milliseconds(100));
  }
  if (answer) {
    return *std::move(answer);
  }
  return make_error(ErrorKind::timed_out, Action::retry,
                    concat("looking up the address of ", at.host,
                           " took too long: see whether this machine's name server answers"));
}

Result<Reached> connect_to(const HostPort& at, const std::vector<io::SocketAddress>& addresses,
                           Duration patience) {
  std::string before;
  for (const io::SocketAddress& address : addresses) {
    const MonoTime begun = system_clock().now();
    UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int error_number = connect_by(socket, address, begun + patience / addresses.size());
    const std::string name = io::to_string(address);
    if (error_number == 0) {
      const std::chrono::duration<double, std::milli> took = system_clock().now() - begun;
      char ms[32];
      std::snprintf(ms, sizeof(ms), "%.1f", took.count());
      return Reached{.socket = std::move(socket), .told = concat(before, name, " in ", ms, " ms")};
    }
    before += concat(name, ": ", meaning_of(error_number), " (", errno_name(error_number), "); ");
  }
  return make_error(ErrorKind::unavailable, Action::retry,
                    concat("connecting to ", at.text(), ": ", before.substr(0, before.size() - 2)));
}

Result<crypto::TlsFacts> shake_hands(Reached reached, std::shared_ptr<const crypto::TlsContext> context,
                                     const HostPort& at, Duration patience) {
  const MonoTime deadline = system_clock().now() + patience;
  crypto::TlsStream tls(std::move(context), at.host, at.text());
  for (;;) {
    const Result<bool> done = tls.handshake();
    // Also after a failure: the peer's log then says why.
    const Result<void> sent = send_all(tls, reached.socket, at.text(), deadline);
    if (!done.ok()) {
      return done.error();
    }
    if (*done) {
      return tls.facts();
    }
    if (!sent.ok()) {
      return sent.error();
    }
    if (Result<void> received = receive_some(tls, reached.socket, at.text(), deadline); !received.ok()) {
      return std::move(received).error();
    }
  }
}

std::string told(const crypto::TlsFacts& facts) {
  return concat(facts.protocol, " with ", facts.cipher, "; the certificate of ", facts.certificate.subject,
                ", issued by ", facts.certificate.issuer, ", until ", facts.certificate.until);
}

}  // namespace penstock::appliance
