// Asks a running instance by its admin port.
#pragma once

#include <cstdint>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"

namespace penstock::app {

struct AdminAnswer {
  int status = 0;
  std::string body;
};

// GET http://<host>:<port><path>. A listener of all addresses ("0.0.0.0", "::") is asked at the loopback.
// Never through a proxy. Errors: nobody answers there within `timeout`, and what to look at.
Result<AdminAnswer> ask_admin(const std::string& host, std::uint16_t port, const std::string& path,
                              Duration timeout);

}  // namespace penstock::app
