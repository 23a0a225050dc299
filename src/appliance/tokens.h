// The tokens of Entra that a deployment shows: of the source, of the sink, of the registry,
// or none. Whoever is about
// to ask brokers or store holds a Tokens meanwhile, and has awaited the first ones.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"
#include "identity/provider.h"
#include "identity/token.h"
#include "obs/log.h"
#include "obs/token_metrics.h"
#include "source/token_supply.h"

namespace penstock::appliance {

using TokenCachePtr = std::shared_ptr<identity::TokenCache>;

// The cache of a side. Null: it logs in by something else. Error: the configuration's or the environment's
// fault, with file and line.
Result<TokenCachePtr> source_tokens(const config::Settings& settings);
Result<TokenCachePtr> sink_tokens(const config::Settings& settings);
Result<TokenCachePtr> registry_tokens(const config::Settings& settings);

// The tokens of the source, for whoever logs in. Opens the cache at the first call, so that options can be
// made without asking anybody. Empty: it logs in by something else.
source::TokenSupply token_supply(const config::Settings& settings);

// One side's.
struct NamedTokens {
  std::string side;  // "source", "sink", "registry"
  TokenCachePtr cache;
};

// Until the cache has a token, for at most `wait`, or until `stop` is set. Error: that of the last try,
// whatever it says of trying again.
Result<identity::Token> await_token(const identity::TokenCache& cache, Duration wait,
                                    const std::atomic<bool>& stop);

class Tokens {
 public:
  // The first requests are on their way when it returns. Error: as of source_tokens().
  static Result<Tokens> open(const config::Settings& settings);

  // The same, and await() for 30 s: for a command that asks, prints and ends.
  static Result<Tokens> open_and_await(const config::Settings& settings);

  // Until each side has a token, for at most `wait`, or until `stop` is set. Error: one that waiting does not
  // mend. What does not answer is no error: brokers and store are asked all the same, and say so.
  Result<void> await(Duration wait, const std::atomic<bool>& stop) const;

  const std::vector<NamedTokens>& sides() const { return sides_; }

  // A token that has ended or is about to, and why there is no other: for /readyz. Empty: there is none. From
  // any thread.
  std::string trouble() const;

  // From any thread.
  std::vector<obs::TokenMetrics> metrics() const;

  // Writes to the log what has changed since the last call: the first token, a failure, the end of it. From
  // one thread, now and then.
  void tell();

 private:
  struct Told {
    std::uint64_t renewals = 0;
    std::uint64_t failures = 0;
    bool in_trouble = false;
  };

  std::vector<NamedTokens> sides_;
  std::vector<Told> told_;
};

}  // namespace penstock::appliance
