// The socket that the admin server listens on.
#pragma once

#include <cstdint>

#include <penstock/result.h>

#include "admin/listen_address.h"
#include "base/unique_fd.h"

namespace penstock::admin {

struct ListenSocket {
  UniqueFd fd;
  std::uint16_t port = 0;
};

// It listens, never blocks, and is ours alone (no SO_REUSEPORT). A host's name is looked up, and the first of
// its addresses that can be bound is taken. An error names the address and what to do.
Result<ListenSocket> open_listen_socket(const ListenAddress& address);

}  // namespace penstock::admin
