// How it works
//
// Settings become identity::Options and a scope (token_exchange.h), and those a cache of this process
// (identity/provider.h). Caches are shared: a second Tokens of the same deployment has the same ones.
//
// The worked case is a pod whose workload identity reads Event Hubs and writes to a storage account:
//
// 1. open() makes two caches, for https://contoso.servicebus.windows.net and for https://storage.azure.com.
//    Two requests leave at once.
// 2. await() sees both tokens come. Had Entra said that the federated credential has another subject, that
//    sentence would end the start.
// 3. A worker logs in. Its options have a TokenSupply, whose first call finds the cache of step 1.
// 4. An hour later Entra cannot be reached. tell() writes a warning. When five minutes are left of a token,
//    trouble() has words, and /readyz says them.
#include "appliance/tokens.h"

#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "appliance/fault_at.h"
#include "base/concat.h"
#include "base/utc_text.h"
#include "identity/token_exchange.h"

namespace penstock::appliance {
namespace {

// A token that ends within it and was not renewed is about to be missed.
constexpr Duration k_nearly_over = std::chrono::minutes(5);

constexpr Duration k_look_for_token = std::chrono::milliseconds(50);

constexpr Duration k_command_waits = std::chrono::seconds(30);

std::string file_or_empty(const std::string& written) {
  return written == "system" ? std::string() : written;
}

identity::Options options_of(const config::IdentitySettings& written, const std::string& token_file) {
  identity::Options options;
  options.kind = written.kind;
  options.authority = written.authority;
  options.tenant_id = written.tenant_id;
  options.client_id = written.client_id;
  options.object_id = written.object_id;
  options.resource_id = written.resource_id;
  options.client_secret = [secret = written.client_secret]() -> Result<std::string> {
    return secret.current();
  };
  options.certificate_file = written.certificate_file;
  options.token_file = token_file;
  options.ca_file = file_or_empty(written.authority_ca);
  return options;
}

std::string source_scope(const config::SourceSettings& source) {
  return source.auth.scope.empty() ? identity::event_hubs_scope(source.brokers.front()) : source.auth.scope;
}

Result<TokenCachePtr> opened(const config::Settings& settings, const char* key,
                             const identity::Options& options, const std::string& scope) {
  Result<TokenCachePtr> cache = identity::token_cache(options, scope);
  if (!cache.ok() && cache.error().kind == ErrorKind::invalid_input) {
    return fault_at(settings, key, cache.error().message);
  }
  return cache;
}

// The cache of a TokenSupply: opened once, by whoever comes first.
class OpenedOnce {
 public:
  explicit OpenedOnce(config::Settings settings) : settings_(std::move(settings)) {}

  Result<TokenCachePtr> cache() {
    const std::lock_guard lock(mutex_);
    if (!cache_) {
      Result<TokenCachePtr> made = source_tokens(settings_);
      if (!made.ok()) {
        return made;
      }
      cache_ = std::move(made).value();
    }
    return cache_;
  }

 private:
  const config::Settings settings_;
  std::mutex mutex_;
  TokenCachePtr cache_;
};

std::string ended_or_ends(WallTime expires) {
  if (expires == WallTime{}) {
    return "there is no token yet";
  }
  return concat(expires <= system_clock().wall_now() ? "the token has ended at " : "the token ends at ",
                utc_text(expires), " and was not renewed");
}

}  // namespace

Result<TokenCachePtr> source_tokens(const config::Settings& settings) {
  const config::SourceAuth& auth = settings.source.auth;
  if (auth.type != source::AuthType::entra) {
    return TokenCachePtr();
  }
  return opened(settings, "source.auth", options_of(auth.identity, auth.token_file),
                source_scope(settings.source));
}

Result<TokenCachePtr> sink_tokens(const config::Settings& settings) {
  const config::SinkAuth& auth = settings.sink.auth;
  if (auth.type != config::SinkAuthType::entra) {
    return TokenCachePtr();
  }
  return opened(settings, "sink.auth", options_of(auth.identity, auth.identity.token_file),
                identity::storage_scope());
}

Result<TokenCachePtr> registry_tokens(const config::Settings& settings) {
  if (!config::uses_registry(settings) || settings.registry.type != codec::SchemaFraming::azure) {
    return TokenCachePtr();
  }
  const config::IdentitySettings identity = config::registry_identity(settings);
  return opened(settings, "registry", options_of(identity, identity.token_file), identity::registry_scope());
}

source::TokenSupply token_supply(const config::Settings& settings) {
  if (settings.source.auth.type != source::AuthType::entra) {
    return {};
  }
  const auto once = std::make_shared<OpenedOnce>(settings);
  return {.current = [once]() -> Result<source::BearerToken> {
            const Result<TokenCachePtr> cache = once->cache();
            Result<identity::Token> token =
                cache.ok() ? (*cache)->current() : Result<identity::Token>(cache.error());
            if (!token.ok()) {
              return std::move(token).error();
            }
            return source::BearerToken{
                .text = std::move(token->text), .principal = "entra", .expires = token->expires};
          },
          .refused =
              [once](const std::string& refused, std::function<void()> done) {
                if (const Result<TokenCachePtr> cache = once->cache(); cache.ok()) {
                  (*cache)->want(refused, std::move(done));
                }
              }};
}

Result<identity::Token> await_token(const identity::TokenCache& cache, Duration wait,
                                    const std::atomic<bool>& stop) {
  const MonoTime deadline = system_clock().now() + wait;
  for (;;) {
    Result<identity::Token> token = cache.current();
    const bool may_come = !token.ok() && token.error().action == Action::retry;
    if (!may_come || stop.load() || system_clock().now() >= deadline) {
      return token;
    }
    std::this_thread::sleep_for(k_look_for_token);
  }
}

Result<Tokens> Tokens::open(const config::Settings& settings) {
  Tokens tokens;
  using Opens = Result<TokenCachePtr> (*)(const config::Settings&);
  for (const auto& [side, open_cache] : {std::pair<const char*, Opens>("source", source_tokens),
                                         std::pair<const char*, Opens>("sink", sink_tokens),
                                         std::pair<const char*, Opens>("registry", registry_tokens)}) {
    Result<TokenCachePtr> cache = open_cache(settings);
    if (!cache.ok()) {
      return std::move(cache).error();
    }
    if (*cache != nullptr) {
      tokens.sides_.push_back({.side = side, .cache = std::move(cache).value()});
    }
  }
  tokens.told_.resize(tokens.sides_.size());
  return tokens;
}

Result<Tokens> Tokens::open_and_await(const config::Settings& settings) {
  Result<Tokens> tokens = open(settings);
  const std::atomic<bool> never{false};
  if (tokens.ok()) {
    if (Result<void> awaited = tokens->await(k_command_waits, never); !awaited.ok()) {
      return std::move(awaited).error();
    }
  }
  return tokens;
}

Result<void> Tokens::await(Duration wait, const std::atomic<bool>& stop) const {
  const MonoTime deadline = system_clock().now() + wait;
  for (const NamedTokens& side : sides_) {
    const Result<identity::Token> token = await_token(*side.cache, deadline - system_clock().now(), stop);
    if (!token.ok() && token.error().action != Action::retry) {
      Error error = token.error();
      error.message = concat(side.side, ".auth: ", error.message);
      return error;
    }
  }
  return {};
}

std::string Tokens::trouble() const {
  std::string all;
  for (const NamedTokens& side : sides_) {
    const identity::Standing standing = side.cache->standing();
    const bool is_near = standing.expires - system_clock().wall_now() < k_nearly_over;
    const bool is_missed = standing.expires == WallTime{} || (is_near && !standing.trouble.empty());
    if (is_missed) {
      all += concat(all.empty() ? "" : "; ", side.side, ".auth: ", ended_or_ends(standing.expires), ", of ",
                    standing.description, standing.trouble.empty() ? "" : ": ", standing.trouble);
    }
  }
  return all;
}

std::vector<obs::TokenMetrics> Tokens::metrics() const {
  std::vector<obs::TokenMetrics> rows;
  for (const NamedTokens& side : sides_) {
    identity::Standing standing = side.cache->standing();
    rows.push_back({.side = side.side,
                    .audience = std::move(standing.audience),
                    .expires = standing.expires,
                    .renewals = standing.renewals,
                    .failures = standing.failures});
  }
  return rows;
}

void Tokens::tell() {
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    const identity::Standing standing = sides_[i].cache->standing();
    Told& told = told_[i];
    if (standing.renewals > told.renewals && (told.renewals == 0 || told.in_trouble)) {
      obs::log(obs::Level::info, concat(sides_[i].side, ".auth: a token of ", standing.description),
               {{"until", utc_text(standing.expires)}});
    }
    if (standing.failures > told.failures && !standing.trouble.empty()) {
      obs::log(obs::Level::warning,
               concat(sides_[i].side, ".auth: ", ended_or_ends(standing.expires),
                      ", and is asked for again: ", standing.trouble),
               {{"failures", standing.failures}});
    }
    told = {.renewals = standing.renewals,
            .failures = standing.failures,
            .in_trouble = !standing.trouble.empty()};
  }
}

}  // namespace penstock::appliance
