// How it works
//
// A sink's login is one of three things, all behind lake::CredentialSource. A text that stays as it is
// becomes a FixedCredential. A secret from a file becomes a SecretCredential, which reads the file again. An
// identity of Entra becomes a TokenCredential over the tokens of this process, and only make_store() makes
// that, as it needs the loop of the store.
//
// The worked case is a SAS in a file:
//
// 1. azure_options() reads the endpoint out of sink.url. sink_secret() names the secret, its key, and what
//    makes a credential of its text.
// 2. The text of the start is parsed at once, so that a fault in it has the file and line of that key.
// 3. The secret may change, so the store gets a SecretCredential. It parses a later text in the same way.
#include "appliance/wiring_store.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <penstock/penstock.h>

#include "appliance/fault_at.h"
#include "appliance/secret_credential.h"
#include "appliance/tokens.h"
#include "azure/connection_string.h"
#include "azure/credential.h"
#include "azure/endpoint.h"
#include "base/concat.h"
#include "base/hex.h"
#include "base/types.h"
#include "crypto/cipher_order.h"
#include "crypto/hash.h"
#include "lake/directory_store.h"
#include "lake/null_store.h"
#include "lake/token_credential.h"

namespace penstock::appliance {
namespace {

using StorePtr = std::unique_ptr<lake::BlobStore>;

// A store of one kind as a store of any kind.
template <class Store>
Result<StorePtr> any(Result<std::unique_ptr<Store>> made) {
  if (!made.ok()) {
    return std::move(made).error();
  }
  return StorePtr(std::move(made).value());
}

// The secret of a sink's login, the key that holds it, and what makes a credential of its text.
struct SinkSecret {
  config::Secret secret;
  const char* key;
  CredentialParser parse;
};

std::optional<SinkSecret> sink_secret(const config::Settings& settings, const azure::Endpoint& endpoint) {
  const config::SinkAuth& auth = settings.sink.auth;
  const auto checked = [endpoint](azure::Credential credential) -> Result<azure::Credential> {
    const Result<void> same = lake::check_account(endpoint, credential);
    return same.ok() ? Result<azure::Credential>(std::move(credential)) : same.error();
  };
  switch (auth.type) {
    case config::SinkAuthType::shared_key:
      return SinkSecret{.secret = auth.key,
                        .key = "sink.auth.key",
                        .parse = [account = auth.account.empty() ? endpoint.account : auth.account,
                                  checked](const std::string& text) -> Result<azure::Credential> {
                          auto key = azure::make_shared_key(account, text);
                          return key.ok() ? checked(std::move(key).value()) : std::move(key).error();
                        }};
    case config::SinkAuthType::connection_string:
      return SinkSecret{.secret = auth.value,
                        .key = "sink.auth.value",
                        .parse = [endpoint, checked](const std::string& text) -> Result<azure::Credential> {
                          auto parsed = azure::parse_connection_string(text);
                          if (!parsed.ok()) {
                            return std::move(parsed).error();
                          }
                          const Result<void> same = azure::check_same_store(*parsed, endpoint);
                          return same.ok() ? checked(std::move(parsed->credential)) : same.error();
                        }};
    case config::SinkAuthType::sas:
      return SinkSecret{.secret = auth.token,
                        .key = "sink.auth.token",
                        .parse = [](const std::string& text) -> Result<azure::Credential> {
                          auto sas = azure::make_sas(text);
                          return sas.ok() ? Result<azure::Credential>(std::move(sas).value())
                                          : std::move(sas).error();
                        }};
    case config::SinkAuthType::entra:
    case config::SinkAuthType::none:
      break;
  }
  return std::nullopt;
}

Result<std::shared_ptr<lake::CredentialSource>> credentials_of(const config::Settings& settings,
                                                               const azure::Endpoint& endpoint) {
  if (settings.sink.auth.type == config::SinkAuthType::entra) {
    return std::shared_ptr<lake::CredentialSource>();  // each store has its own, over its loop
  }
  std::optional<SinkSecret> written = sink_secret(settings, endpoint);
  if (!written) {
    return fault_at(settings, "sink.auth", "is needed for a sink in Azure");
  }
  Result<azure::Credential> first = written->parse(written->secret.reveal());
  if (!first.ok()) {
    return fault_at(settings, written->key, first.error().message);
  }
  if (!written->secret.may_change()) {
    return std::shared_ptr<lake::CredentialSource>(
        std::make_shared<lake::FixedCredential>(std::move(first).value()));
  }
  return std::shared_ptr<lake::CredentialSource>(std::make_shared<SecretCredential>(
      std::move(written->secret), std::move(written->parse), std::move(first).value()));
}

Result<StorePtr> make_azure_store(const config::Settings& settings, io::Loop& loop, const Clock& clock) {
  Result<lake::AzureOptions> options = azure_options_on(settings, loop);
  if (!options.ok()) {
    return std::move(options).error();
  }
  return any(lake::AzureBlobStore::create(std::move(options).value(), loop, clock));
}

// What stays the same of a sink while its blobs stay where they are.
std::string sink_place(const config::Settings& settings) {
  switch (settings.sink.kind) {
    case config::SinkKind::azure:
      if (const Result<azure::Endpoint> endpoint = azure::parse_endpoint(settings.sink.url); endpoint.ok()) {
        return concat(endpoint->account, "/", endpoint->container, "/", endpoint->prefix);
      }
      break;
    case config::SinkKind::directory:
      return settings.sink.directory;
    case config::SinkKind::null_store:
      break;
  }
  return settings.sink.url;
}

}  // namespace

Result<lake::AzureOptions> azure_options(const config::Settings& settings) {
  Result<azure::Endpoint> endpoint = azure::parse_endpoint(settings.sink.url);
  if (!endpoint.ok()) {
    return fault_at(settings, "sink.url", endpoint.error().message);
  }
  Result<std::shared_ptr<lake::CredentialSource>> credentials = credentials_of(settings, *endpoint);
  if (!credentials.ok()) {
    return std::move(credentials).error();
  }
  lake::AzureOptions options{
      .endpoint = std::move(endpoint).value(), .credentials = std::move(credentials).value(), .http = {}};
  options.http.connections_max = settings.sink.connections;
  if (settings.sink.tls_ca != "system") {
    options.http.ca_file = settings.sink.tls_ca;
  }
  const crypto::CipherOrder ciphers = crypto::cipher_order();
  options.http.tls13_ciphers = ciphers.tls13;
  options.http.tls12_ciphers = ciphers.tls12;
  options.http.user_agent = concat("penstock/", version());
  return options;
}

Result<lake::AzureOptions> azure_options_on(const config::Settings& settings, io::Loop& loop) {
  Result<lake::AzureOptions> options = azure_options(settings);
  if (options.ok() && settings.sink.auth.type == config::SinkAuthType::entra) {
    Result<TokenCachePtr> tokens = sink_tokens(settings);
    if (!tokens.ok()) {
      return std::move(tokens).error();
    }
    options->credentials = std::make_shared<lake::TokenCredential>(std::move(tokens).value(), loop);
  }
  return options;
}

Result<std::unique_ptr<lake::BlobStore>> make_store(const config::Settings& settings, io::Loop& loop,
                                                    const Clock& clock) {
  switch (settings.sink.kind) {
    case config::SinkKind::null_store:
      return StorePtr(std::make_unique<lake::NullBlobStore>(loop));
    case config::SinkKind::directory:
      return any(lake::DirectoryBlobStore::create(settings.sink.directory, loop));
    case config::SinkKind::azure:
      break;
  }
  return make_azure_store(settings, loop, clock);
}

Result<LoneStore> make_lone_store(const config::Settings& settings, StoreUse use) {
  Result<std::unique_ptr<io::Loop>> loop =
      io::make_loop(io::LoopOptions{.choice = io::Choice::portable}, system_clock());
  if (!loop.ok()) {
    return std::move(loop).error();
  }
  const bool is_only_read = use == StoreUse::read && settings.sink.kind == config::SinkKind::directory;
  Result<std::unique_ptr<lake::BlobStore>> store =
      is_only_read ? any(lake::DirectoryBlobStore::open_to_read(settings.sink.directory, **loop))
                   : make_store(settings, **loop, system_clock());
  if (!store.ok()) {
    return std::move(store).error();
  }
  return LoneStore{.loop = std::move(loop).value(), .store = std::move(store).value()};
}

std::string sink_identity(const config::Settings& settings) {
  const crypto::Sha256 hash = crypto::sha256(as_bytes(sink_place(settings)));
  return to_hex(Bytes(hash).first(4));
}

}  // namespace penstock::appliance
