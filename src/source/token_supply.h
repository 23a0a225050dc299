// Bearer tokens as whoever logs in to a broker asks for them: our own connections, and librdkafka.
#pragma once

#include <functional>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"

namespace penstock::source {

struct BearerToken {
  std::string text;       // as it goes to the broker
  std::string principal;  // sub; "unnamed" without one. For the library's books, not for the broker
  WallTime expires;
};

// The token that is good now. Of any thread, and never waits for a network. Empty: the login is by something
// else.
using TokenReader = std::function<Result<BearerToken>()>;

// A broker has refused `refused`: asks for another one. Of any thread. `done` runs once, on any thread, when
// the reader may have one; or never, if everything ends before that. Too many calls do no harm. Empty: there
// is nobody to ask.
using TokenRefused = std::function<void(const std::string& refused, std::function<void()> done)>;

// Of AuthType::entra: tokens that this process gets by itself.
struct TokenSupply {
  TokenReader current;
  TokenRefused refused;
};

}  // namespace penstock::source
