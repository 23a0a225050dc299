#include "kafka/broker_trial.h"

#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "base/concat.h"
#include "kafka/broker_access.h"
#include "source/bearer_token.h"
#include "wire/broker_connection.h"
#include "wire/metadata.h"

namespace penstock::kafka {
namespace {

constexpr Duration k_turn = std::chrono::milliseconds(50);

// Of these some version is needed.
constexpr std::array k_needed{wire::ApiKey::fetch,         wire::ApiKey::list_offsets,
                              wire::ApiKey::metadata,      wire::ApiKey::find_coordinator,
                              wire::ApiKey::offset_commit, wire::ApiKey::offset_fetch};

// These change what penstock can promise: the ids of topics, and the history of epochs.
constexpr std::int16_t k_metadata_with_ids = 10;

std::string range_of(wire::VersionRange offered) {
  return offered.highest < offered.lowest ? "none" : concat(offered.lowest, "-", offered.highest);
}

Error untried() {
  return make_error(ErrorKind::canceled, Action::retry, "not tried");
}

std::string login_told(const source::ConsumerOptions& options) {
  switch (options.auth.type) {
    case source::AuthType::none:
      return "none is asked for";
    case source::AuthType::sasl_plain:
      return concat("PLAIN as ", options.auth.user);
    case source::AuthType::sasl_scram_256:
      return concat("SCRAM-SHA-256 as ", options.auth.user);
    case source::AuthType::sasl_scram_512:
      return concat("SCRAM-SHA-512 as ", options.auth.user);
    case source::AuthType::event_hubs:
      return "PLAIN by the connection string";
    case source::AuthType::entra:
      return "OAUTHBEARER with a token of Entra";
    case source::AuthType::oauthbearer:
      break;
  }
  return concat("OAUTHBEARER with the token in ", options.auth.token_file);
}

}  // namespace

std::string told(const wire::ApiVersions& versions) {
  std::string text;
  const auto add = [&](wire::ApiKey api) {
    const auto common = versions.highest_common(api);
    text += concat(text.empty() ? "" : ", ", wire::to_string(api), " ",
                   common ? std::to_string(*common) : std::string("none"), " of ",
                   range_of(versions.offered(api)));
  };
  for (const wire::ApiKey api : k_needed) {
    add(api);
    if (api == wire::ApiKey::metadata) {
      text += versions.highest_common(api).value_or(0) >= k_metadata_with_ids
                  ? " (with the ids of topics)"
                  : " (without the ids of topics)";
    }
  }
  add(wire::ApiKey::offset_for_leader_epoch);
  return text;
}

std::string missing(const wire::ApiVersions& versions) {
  std::string text;
  for (const wire::ApiKey api : k_needed) {
    if (!versions.highest_common(api)) {
      text += concat(text.empty() ? "" : ", ", wire::to_string(api), " ", range_of(versions.offered(api)));
    }
  }
  return text;
}

BrokerTrial try_broker(const source::ConsumerOptions& options, const std::string& host, std::uint16_t port,
                       Duration patience, io::Loop& loop, const Clock& clock) {
  Result<wire::BrokerAccess> access = broker_access(options);
  if (!access.ok()) {
    return {.versions = access.error(), .login = untried()};
  }
  wire::BrokerConnection connection(
      loop, clock,
      {.host = host, .port = port, .access = std::move(access).value(), .open_timeout = patience / 2});
  std::optional<Result<void>> answer;
  connection.request(
      {.api = wire::ApiKey::metadata,
       .encode = [](wire::Buffer& out, std::int16_t version) { wire::encode_metadata(out, version, {}); },
       .timeout = patience / 2,
       .into = nullptr,
       .done =
           [&answer](const wire::Reply& reply) {
             answer = reply.error ? Result<void>(*reply.error) : Result<void>();
           }});
  while (!answer) {
    loop.run_once(k_turn);  // the connection's timeouts bound it
  }
  const wire::ApiVersions& versions = connection.versions();
  if (versions.offered(wire::ApiKey::api_versions).highest < 0) {
    return {.versions = answer->ok() ? untried() : answer->error(), .login = untried()};
  }
  const std::string lacks = missing(versions);
  return {.versions = lacks.empty()
                          ? Result<std::string>(told(versions))
                          : make_error(ErrorKind::unsupported, Action::fatal,
                                       concat(host, ":", port, " speaks no version of ours of ", lacks,
                                              ": it is older than Kafka 1.0, or no Kafka broker")),
          .login = answer->ok() ? Result<std::string>(login_told(options)) : answer->error()};
}

}  // namespace penstock::kafka
