#include "kafka/broker_access.h"

#include <string_view>
#include <utility>

#include "base/concat.h"
#include "crypto/tls_files.h"
#include "source/bearer_token.h"

namespace penstock::kafka {
namespace {

wire::SaslCredential credential_of(const source::Auth& auth) {
  switch (auth.type) {
    case source::AuthType::sasl_scram_256:
      return {.mechanism = wire::SaslMechanism::scram_sha_256, .user = auth.user, .secret = auth.password};
    case source::AuthType::sasl_scram_512:
      return {.mechanism = wire::SaslMechanism::scram_sha_512, .user = auth.user, .secret = auth.password};
    case source::AuthType::event_hubs:
      return {.mechanism = wire::SaslMechanism::plain,
              .user = "$ConnectionString",
              .secret = source::event_hubs_password(auth.connection_string)};
    case source::AuthType::none:
    case source::AuthType::sasl_plain:
    case source::AuthType::oauthbearer:  // these have a reader of their own
    case source::AuthType::entra:
      break;
  }
  return {.mechanism = wire::SaslMechanism::plain, .user = auth.user, .secret = auth.password};
}

}  // namespace

std::string why_not_direct(const source::ConsumerOptions& options) {
  for (const auto& [name, value] : options.passthrough) {
    for (const std::string_view own :
         {"ssl.", "enable.ssl.", "sasl.", "enable.sasl.", "client.dns.", "client.rack"}) {
      if (name.starts_with(own)) {
        return concat("source.librdkafka sets ", name, ", which only librdkafka's own connections follow");
      }
    }
  }
  return {};
}

Result<wire::BrokerAccess> broker_access(const source::ConsumerOptions& options) {
  wire::BrokerAccess access;
  access.client_id = options.client_id;
  if (source::wants_tls(options)) {
    auto tls = crypto::TlsFiles::make(
        {.ca = options.tls_ca, .own = {.certificate = options.tls_certificate, .key = options.tls_key}});
    if (!tls.ok()) {
      return std::move(tls).error();
    }
    access.tls = std::move(tls).value();
  }
  if (const source::TokenReader read_token = source::token_reader(options.auth)) {
    access.credential = [read_token]() -> Result<wire::SaslCredential> {
      Result<source::BearerToken> token = read_token();
      if (!token.ok()) {
        return std::move(token).error();
      }
      return wire::SaslCredential{
          .mechanism = wire::SaslMechanism::oauthbearer, .user = {}, .secret = std::move(token->text)};
    };
    if (options.auth.tokens.refused) {
      access.refused = [refused = options.auth.tokens.refused](const std::string& token) {
        refused(token, [] {});  // the next login reads it
      };
    }
  } else if (options.auth.type != source::AuthType::none) {
    access.credential = [auth = options.auth]() -> Result<wire::SaslCredential> {
      return credential_of(source::with_newest_secret(auth));
    };
  }
  return access;
}

Result<std::vector<std::string>> broker_addresses(const source::ConsumerOptions& options) {
  if (!options.brokers.empty()) {
    return options.brokers;
  }
  Result<std::string> own = source::event_hubs_broker(options.auth.connection_string);
  if (!own.ok()) {
    return invalid_input(concat("source.auth.value: ", own.error().message));
  }
  return std::vector<std::string>{std::move(own).value()};
}

}  // namespace penstock::kafka
