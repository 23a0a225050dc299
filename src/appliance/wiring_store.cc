#include "appliance/wiring_store.h"

#include <cstddef>
#include <string_view>
#include <utility>

#include <penstock/penstock.h>

#include "appliance/fault_at.h"
#include "azure/connection_string.h"
#include "azure/credential.h"
#include "azure/endpoint.h"
#include "base/concat.h"
#include "base/types.h"
#include "crypto/hash.h"
#include "lake/directory_store.h"
#include "lake/null_store.h"

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

Result<azure::Credential> credential_of(const config::SinkAuth& auth, const azure::Endpoint& endpoint) {
  switch (auth.type) {
    case config::SinkAuthType::shared_key: {
      auto key =
          azure::make_shared_key(auth.account.empty() ? endpoint.account : auth.account, auth.key.reveal());
      if (!key.ok()) {
        return std::move(key).error();
      }
      return azure::Credential(std::move(key).value());
    }
    case config::SinkAuthType::connection_string: {
      auto parsed = azure::parse_connection_string(auth.value.reveal());
      if (!parsed.ok()) {
        return std::move(parsed).error();
      }
      return std::move(parsed->credential);
    }
    case config::SinkAuthType::sas: {
      auto sas = azure::make_sas(auth.token.reveal());
      if (!sas.ok()) {
        return std::move(sas).error();
      }
      return azure::Credential(std::move(sas).value());
    }
    case config::SinkAuthType::none:
      break;
  }
  return make_error(ErrorKind::invalid_input, Action::fatal, "sink.auth is needed for a sink in Azure");
}

Result<StorePtr> make_azure_store(const config::Settings& settings, io::Loop& loop, const Clock& clock) {
  Result<lake::AzureOptions> options = azure_options(settings);
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
  Result<azure::Credential> credential = credential_of(settings.sink.auth, *endpoint);
  if (!credential.ok()) {
    return fault_at(settings, "sink.auth", credential.error().message);
  }
  lake::AzureOptions options{
      .endpoint = std::move(endpoint).value(), .credential = std::move(credential).value(), .http = {}};
  options.http.connections_max = settings.sink.connections;
  options.http.user_agent = concat("penstock/", version());
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

Result<std::unique_ptr<lake::BlobStore>> open_store_to_read(const config::Settings& settings, io::Loop& loop,
                                                            const Clock& clock) {
  if (settings.sink.kind != config::SinkKind::directory) {
    return make_store(settings, loop, clock);
  }
  return any(lake::DirectoryBlobStore::open_to_read(settings.sink.directory, loop));
}

std::string sink_identity(const config::Settings& settings) {
  const crypto::Sha256 hash = crypto::sha256(as_bytes(sink_place(settings)));
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    text += k_digits[static_cast<std::size_t>(hash[i] >> 4)];
    text += k_digits[static_cast<std::size_t>(hash[i] & std::byte{15})];
  }
  return text;
}

}  // namespace penstock::appliance
