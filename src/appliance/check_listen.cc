#include "appliance/check_listen.h"

#include <cerrno>
#include <memory>
#include <string>

#include <netdb.h>
#include <sys/socket.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"

namespace penstock::appliance {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// 0, or an errno. The same option as the server's: a port whose connections have just ended is free.
int bind_and_close(const addrinfo& address) {
  const UniqueFd socket(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol));
  const int on = 1;
  if (socket.valid() && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      ::bind(socket.get(), address.ai_addr, address.ai_addrlen) == 0 && ::listen(socket.get(), 1) == 0) {
    return 0;
  }
  return errno;
}

std::string advice_for(int error_number) {
  switch (error_number) {
    case EADDRINUSE:
      return "another process listens there; give each instance a port of its own";
    case EADDRNOTAVAIL:
      return "this machine has no such address; 127.0.0.1 and 0.0.0.0 are always there";
    case EACCES:
      return "the port is reserved for root; write one from 1024 on";
    default:
      return os_error(error_number, "it cannot be bound").message;
  }
}

}  // namespace

Result<void> try_to_listen(const config::AdminSettings& admin) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(admin.host.c_str(), std::to_string(admin.port).c_str(), &hints, &found);
  const Addresses addresses(found, freeaddrinfo);
  const std::string where = concat(admin.host, ", port ", admin.port, ": ");
  if (failure != 0) {
    return make_error(ErrorKind::not_found, Action::retry,
                      concat(where, "the host is not found (", ::gai_strerror(failure),
                             "); write an address of this machine in admin.listen"));
  }
  int error = 0;
  for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
    error = bind_and_close(*each);
    if (error == 0) {
      return {};
    }
  }
  return make_error(error == EADDRINUSE ? ErrorKind::already_exists : ErrorKind::unavailable, Action::retry,
                    concat(where, advice_for(error)), errno_name(error));
}

}  // namespace penstock::appliance
