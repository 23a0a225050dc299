#include "admin/listen_socket.h"

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/concat.h"

namespace penstock::admin {
namespace {

// Connections that nobody has accepted yet. Few come, and each waits for milliseconds.
constexpr int k_backlog = 64;

// What bind(2) may say, and what to do about it.
struct BindFailure {
  int error_number;
  const char* name;
  const char* advice;
};

constexpr std::array k_bind_failures{
    BindFailure{EADDRINUSE, "EADDRINUSE",
                "another process has this address; stop it, or set admin.listen to a free port or to none"},
    BindFailure{EADDRNOTAVAIL, "EADDRNOTAVAIL",
                "this machine has no such address; set admin.listen to one of its own, or to 127.0.0.1:9464"},
    BindFailure{EACCES, "EACCES", "this port is reserved; set admin.listen to a port above 1023"},
};
constexpr BindFailure k_other_failure{
    0, "", "the host does not resolve or cannot be bound; set admin.listen to an address of this machine"};

Error cannot_listen(const ListenAddress& address, int error_number) {
  BindFailure failure = k_other_failure;
  for (const BindFailure& known : k_bind_failures) {
    if (known.error_number == error_number) {
      failure = known;
    }
  }
  return make_error(ErrorKind::invalid_input, Action::fatal,
                    concat("cannot serve metrics on ", to_string(address), ": ", failure.advice),
                    failure.name);
}

// 0, or why not.
int listen_on(const addrinfo& candidate, UniqueFd& listening) {
  UniqueFd fd(::socket(candidate.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  const int on = 1;
  // A port whose connections of an earlier life are still being forgotten is free.
  if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(fd.get(), candidate.ai_addr, candidate.ai_addrlen) != 0 || ::listen(fd.get(), k_backlog) != 0) {
    return errno;
  }
  listening = std::move(fd);
  return 0;
}

std::uint16_t port_of(const UniqueFd& fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length);
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace

Result<ListenSocket> open_listen_socket(const ListenAddress& address) {
  const addrinfo wanted{.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                        .ai_family = AF_UNSPEC,
                        .ai_socktype = SOCK_STREAM,
                        .ai_protocol = IPPROTO_TCP,
                        .ai_addrlen = 0,
                        .ai_addr = nullptr,
                        .ai_canonname = nullptr,
                        .ai_next = nullptr};
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &wanted, &found) != 0) {
    return cannot_listen(address, 0);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> candidates(found, &::freeaddrinfo);
  int error_number = 0;
  for (const addrinfo* candidate = found; candidate != nullptr; candidate = candidate->ai_next) {
    ListenSocket socket;
    error_number = listen_on(*candidate, socket.fd);
    if (error_number == 0) {
      socket.port = port_of(socket.fd);
      return socket;
    }
  }
  return cannot_listen(address, error_number);
}

}  // namespace penstock::admin
