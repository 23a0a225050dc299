// The tokens of this process: one per identity and audience, one request in flight, renewed ahead of time,
// the old one served to its end.
//
// The provider has a thread and a loop of its own. Whoever needs a token asks with current(), from any
// thread, and gets what is there at once; one that has none yet, or was refused with its token, calls want()
// and is called back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "identity/options.h"
#include "identity/token.h"
#include "identity/token_source.h"

namespace penstock::identity {

// What is known of one token, for metrics, /readyz and check. No secret.
struct Standing {
  std::string description;  // the source and the audience
  std::string audience;     // "https://storage.azure.com"
  WallTime expires;         // of the token that is served; the epoch without one
  std::uint64_t renewals = 0;
  std::uint64_t failures = 0;
  // Of the last try, empty after a success.
  std::string trouble;
};

// One identity and audience.
class TokenCache {
 public:
  virtual ~TokenCache() = default;

  // The token that is good now. Any thread, never waits. The Error is that of the last try; unavailable,
  // retry: the first answer has not come yet.
  virtual Result<Token> current() const = 0;

  // Asks for a token that is not `refused` (the text of one that a service has refused; empty: any that is
  // good). Any thread. `done` runs once, on the provider's thread, when there is one or when the try has
  // failed. Requests are merged, and not sent more often than every 30 s after a success.
  //
  // A request that may not be sent yet is not waited for: `done` runs at once, and current() is what it was.
  // That is so within these 30 s, and while a service that has failed is left alone. Once the last owner of
  // the cache is gone, `done` does not run any more.
  virtual void want(std::string refused, std::function<void()> done) = 0;

  virtual Standing standing() const = 0;
};

// The thread, and the caches that it serves.
class Provider {
 public:
  // `clock` outlives it. Error: no thread or descriptor is left.
  static Result<std::shared_ptr<Provider>> start(Surroundings surroundings, const Clock& clock);

  // Ends the thread, also in the midst of a request. Every cache keeps its provider.
  virtual ~Provider() = default;

  // The same cache for the same identity and audience, as long as somebody has it. Its first request is sent
  // at once. `scope` as in token_exchange.h. From any thread. Error: choose_source()'s.
  virtual Result<std::shared_ptr<TokenCache>> cache(const Options& options, const std::string& scope) = 0;
};

// A cache of the one provider of this process, which begins with the first cache and ends with the last: both
// sides and every worker ask for their tokens here, so that none is asked for twice. From any thread.
Result<std::shared_ptr<TokenCache>> token_cache(const Options& options, const std::string& scope);

}  // namespace penstock::identity
