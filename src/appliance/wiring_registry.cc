#include "appliance/wiring_registry.h"

#include <string>
#include <utility>

#include <penstock/penstock.h>

#include "appliance/tokens.h"
#include "base/base64.h"
#include "base/concat.h"
#include "base/types.h"
#include "crypto/cipher_order.h"
#include "crypto/random.h"
#include "registry/client.h"

namespace penstock::appliance {
namespace {

constexpr std::string_view k_bearer = "Bearer ";

// The login of a registry that is not Azure's. Empty: it needs none.
std::function<Result<std::string>()> written_login(const config::RegistrySettings& registry) {
  if (!registry.token.empty()) {
    return [token = registry.token]() -> Result<std::string> { return concat(k_bearer, token.current()); };
  }
  if (registry.username.empty()) {
    return {};
  }
  return [user = registry.username, password = registry.password]() -> Result<std::string> {
    return concat("Basic ", base64_encode(as_bytes(concat(user, ":", password.current()))));
  };
}

void show_tokens(TokenCachePtr tokens, registry::Options& options) {
  options.authorization = [tokens]() -> Result<std::string> {
    const Result<identity::Token> token = tokens->current();
    return token.ok() ? Result<std::string>(concat(k_bearer, token->text)) : token.error();
  };
  // The next try, after its pause, shows what there is by then.
  options.refused = [tokens](const std::string& shown) {
    tokens->want(shown.substr(k_bearer.size()), [] {});
  };
}

// Of a topic whose files have columns of the schemas that its records name.
registry::VersionColumns columns_ahead(const config::Settings& settings, format::TopicTables& tables,
                                       const std::string& topic) {
  const config::BatchSettings& batch = settings.batch_for(topic);
  if (batch.format != config::Format::parquet || !batch.schema_by_id) {
    return {};
  }
  return {.table = tables.of(topic), .by_record = batch.columns == config::Columns::records};
}

}  // namespace

Result<registry::Options> registry_options(const config::Settings& settings) {
  const config::RegistrySettings& written = settings.registry;
  registry::Options options{.api = written.type,
                            .url = config::registry_url(settings),
                            .authorization = written_login(written),
                            .patience = written.patience};
  Result<TokenCachePtr> tokens = registry_tokens(settings);
  if (!tokens.ok()) {
    return std::move(tokens).error();
  }
  if (*tokens != nullptr) {
    show_tokens(std::move(tokens).value(), options);
  }
  if (written.tls_ca != "system") {
    options.http.ca_file = written.tls_ca;
  }
  const crypto::CipherOrder ciphers = crypto::cipher_order();
  options.http.tls13_ciphers = ciphers.tls13;
  options.http.tls12_ciphers = ciphers.tls12;
  options.http.user_agent = concat("penstock/", version());
  return options;
}

Result<std::unique_ptr<format::SchemaSource>> make_schemas(const config::Settings& settings,
                                                           format::TopicTables& tables, io::Loop& loop,
                                                           const Clock& clock, std::uint64_t texts_bytes) {
  if (!config::uses_registry(settings)) {
    return std::unique_ptr<format::SchemaSource>();
  }
  Result<registry::Options> options = registry_options(settings);
  if (!options.ok()) {
    return std::move(options).error();
  }
  options->schemas_bytes_max = texts_bytes;
  auto client = registry::Client::create(
      std::move(options).value(), [] { return crypto::random_u64(); }, loop, clock,
      [&settings, &tables](const std::string& topic) { return columns_ahead(settings, tables, topic); });
  if (!client.ok()) {
    return std::move(client).error();
  }
  return std::unique_ptr<format::SchemaSource>(std::move(client).value());
}

}  // namespace penstock::appliance
