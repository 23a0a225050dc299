// Asks a running instance by its admin port.
#pragma once

#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"

namespace penstock::app {

struct AdminAnswer {
  int status = 0;
  std::string body;
};

// GET http://<host>:<port><path>, with the token where there is one. A listener of all addresses ("0.0.0.0",
// "::") is asked at the loopback. Never through a proxy. Errors: nobody answers there within `timeout`, and
// what to look at.
Result<AdminAnswer> ask_admin(const config::AdminSettings& admin, const std::string& path, Duration timeout);

}  // namespace penstock::app
