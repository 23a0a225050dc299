// How it works
//
// The checks run one after the other. Before a check draws on a key it asks whether the key is sound(): the
// report must not have mentioned it yet. So one mistake is told once, and not again by all that hangs on it.
// For example:
//
//   1  name: web
//   2  source:
//   3    topics: [orders]
//   4    auth: {type: kerberos, value: "..."}
//   5  sink: {url: "file:///srv/lake", auth: {type: sas, token: "..."}}
//
// 1. The report already says that source.auth.type is none of its values.
// 2. check_required() misses source.brokers. That key has no line, so line 2 is told, where its section is.
// 3. check_source_auth() says nothing of the value in line 4: with the type that was meant it may be right.
// 4. check_sink_auth() refuses sink.auth as a whole, since a directory takes no credential. It does not ask
//    for the other keys of sink.auth any more.
// 5. check_tls() says nothing. TLS follows from the brokers and the type, and both were complained about.
//
// What a credential of the sink must look like is not told here but by appliance/whole_check.h, as only azure
// knows its forms.
#include "config/validate.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/concat.h"
#include "base/foreign_limits.h"
#include "base/units.h"
#include "config/addresses.h"
#include "config/memory_plan.h"
#include "config/names.h"
#include "config/soundness.h"
#include "config/validate_batch.h"
#include "identity/options.h"
#include "source/consumer_options.h"

namespace penstock::config {
namespace {

// Not for a key that has been complained about, nor below a section that has.
void require(Report& report, std::string_view path, bool present, std::string_view advice) {
  const std::string_view section = path.substr(0, path.find('.'));
  if (!present && sound(report, {path, section})) {
    report.add(path, concat("is required; write ", advice));
  }
}

void check_required(const Settings& settings, Report& report) {
  require(report, "name", !settings.name.empty(), "name: my-deployment");
  require(report, "source.brokers", !settings.source.brokers.empty(), "brokers: [host:9093]");
  require(report, "sink.url", !settings.sink.url.empty(),
          "url: https://<account>.blob.core.windows.net/<container>/<prefix>, or file:///<directory>");
  const bool by_name = written(settings, "source.topics");
  const bool by_regex = written(settings, "source.topics_regex");
  if (by_name && by_regex) {
    report.add("source.topics_regex", "excludes source.topics; remove one of them");
  } else if (!by_regex) {
    require(report, "source.topics", by_name, "topics: [a, b], or topics_regex: \"^svc-.*\"");
  }
}

// A key beside auth.type, and whether that type has a use for it.
struct Companion {
  std::string_view path;
  enum class Use : std::uint8_t { none, optional, required } use;
};

void check_companions(const Settings& settings, Report& report, std::string_view type_path,
                      std::initializer_list<Companion> companions) {
  for (const Companion& companion : companions) {
    const bool given = written(settings, companion.path);
    if (given && companion.use == Companion::Use::none) {
      report.add(companion.path,
                 concat("is not used with this ", type_path, "; remove it, or change the type"));
    } else if (!given && companion.use == Companion::Use::required) {
      report.add(companion.path, concat("is required with this ", type_path,
                                        "; write ${file:/path} or ${credential:name}, in quotes"));
    }
  }
}

Companion::Use required_if(bool condition) {
  return condition ? Companion::Use::required : Companion::Use::none;
}

// Which keys a kind of identity has a use for.
struct IdentityKey {
  std::string_view name;
  std::initializer_list<identity::Kind> used_with;
  std::initializer_list<identity::Kind> required_with;
  // Behind "write ".
  std::string_view advice;
};

using identity::Kind::best;
using identity::Kind::client_certificate;
using identity::Kind::client_secret;
using identity::Kind::managed_identity;
using identity::Kind::workload_identity;

const IdentityKey k_identity_keys[] = {
    {"tenant_id",
     {best, workload_identity, client_secret, client_certificate},
     {client_secret, client_certificate},
     "the id of the application's tenant"},
    {"client_id",
     {best, managed_identity, workload_identity, client_secret, client_certificate},
     {client_secret, client_certificate},
     "the application's client id"},
    {"object_id", {managed_identity}, {}, ""},
    {"resource_id", {managed_identity}, {}, ""},
    {"client_secret", {client_secret}, {client_secret}, "${file:/path} or ${credential:name}, in quotes"},
    {"certificate_file", {client_certificate}, {client_certificate}, "the absolute path of a PEM file"},
    {"token_file", {best, workload_identity}, {}, ""},
    {"authority", {best, workload_identity, client_secret, client_certificate}, {}, ""},
    {"authority_ca", {best, workload_identity, client_secret, client_certificate}, {}, ""},
};

// `by`: the identity, or null with the types that have none. `section` is "source.auth" or "sink.auth".
void check_identity(const Settings& settings, Report& report, std::string_view section,
                    const IdentitySettings* by) {
  const auto has = [&](std::initializer_list<identity::Kind> kinds) {
    return by != nullptr && std::find(kinds.begin(), kinds.end(), by->kind) != kinds.end();
  };
  for (const IdentityKey& key : k_identity_keys) {
    const std::string path = concat(section, ".", key.name);
    const bool of_oauthbearer = by == nullptr && path == "source.auth.token_file";
    if (written(settings, path) && !has(key.used_with) && !of_oauthbearer) {
      report.add(path, concat("is not used with this ", section, ".type; remove it, or change the type"));
    } else if (!written(settings, path) && has(key.required_with)) {
      report.add(path, concat("is required with this ", section, ".type; write ", key.advice));
    }
  }
  const bool by_object = written(settings, concat(section, ".object_id"));
  const bool by_resource = written(settings, concat(section, ".resource_id"));
  const bool by_client = written(settings, concat(section, ".client_id"));
  if (has({managed_identity}) && int{by_object} + int{by_resource} + int{by_client} > 1) {
    report.add(
        concat(section, by_resource ? ".resource_id" : ".object_id"),
        "is one of client_id, object_id and resource_id, which name one identity each; keep one of them");
  }
}

void check_source_auth(const Settings& settings, Report& report) {
  const SourceAuth& auth = settings.source.auth;
  if (!sound(report, {"source.auth.type", "source.auth", "source"})) {
    return;
  }
  const bool by_string = auth.type == source::AuthType::event_hubs;
  const bool by_token = auth.type == source::AuthType::oauthbearer;
  const bool by_identity = auth.type == source::AuthType::entra;
  const bool by_password = !by_string && !by_token && !by_identity && auth.type != source::AuthType::none;
  check_companions(settings, report, "source.auth.type",
                   {{"source.auth.value", required_if(by_string)},
                    {"source.auth.username", required_if(by_password)},
                    {"source.auth.password", required_if(by_password)}});
  check_identity(settings, report, "source.auth", by_identity ? &auth.identity : nullptr);
  if (by_token && !written(settings, "source.auth.token_file")) {
    report.add("source.auth.token_file",
               "is required with this source.auth.type; write the absolute path of a file");
  } else if (!by_token && !by_identity && written(settings, "source.auth.token_file")) {
    report.add("source.auth.token_file",
               "is not used with this source.auth.type; remove it, or write oauthbearer as the type");
  }
  if (by_identity && !written(settings, "source.auth.scope") && !names_event_hubs(settings.source) &&
      sound(report, {"source.brokers", "source.auth.scope"})) {
    report.add("source.auth.scope",
               "is required, as the first of source.brokers has no name of Event Hubs; write "
               "https://<namespace>.servicebus.windows.net/.default");
  } else if (!by_identity && written(settings, "source.auth.scope")) {
    report.add("source.auth.scope",
               "is not used with this source.auth.type; remove it, or write entra as the type");
  }
  if (by_string && sound(report, {"source.auth.value"})) {
    if (const Result<std::string> broker = source::event_hubs_broker(auth.value.reveal()); !broker.ok()) {
      report.add("source.auth.value", broker.error().message);
    }
  }
}

void check_sink_auth(const Settings& settings, Report& report) {
  const SinkAuth& auth = settings.sink.auth;
  if (!sound(report, {"sink.auth.type", "sink.auth", "sink", "sink.url"})) {
    return;
  }
  if (settings.sink.kind != SinkKind::azure && auth.type != SinkAuthType::none) {
    report.add("sink.auth", "has no use with this sink.url; remove it");
    return;
  }
  if (settings.sink.kind != SinkKind::azure && written(settings, "sink.tls.ca")) {
    report.add("sink.tls.ca", "has no use with this sink.url; remove it");
  }
  if (settings.sink.kind == SinkKind::azure && auth.type == SinkAuthType::none) {
    report.add("sink.auth.type",
               "is required with this sink.url; write entra, shared-key, connection-string or sas");
    return;
  }
  const bool by_key = auth.type == SinkAuthType::shared_key;
  check_companions(settings, report, "sink.auth.type",
                   {{"sink.auth.account", by_key ? Companion::Use::optional : Companion::Use::none},
                    {"sink.auth.key", required_if(by_key)},
                    {"sink.auth.value", required_if(auth.type == SinkAuthType::connection_string)},
                    {"sink.auth.token", required_if(auth.type == SinkAuthType::sas)}});
  check_identity(settings, report, "sink.auth", auth.type == SinkAuthType::entra ? &auth.identity : nullptr);
}

void check_own_certificate(const Settings& settings, Report& report) {
  constexpr std::string_view k_certificate = "source.tls.certificate";
  constexpr std::string_view k_key = "source.tls.key";
  if (!sound(report, {k_certificate, k_key})) {
    return;
  }
  const bool has_certificate = written(settings, k_certificate);
  const bool has_key = written(settings, k_key);
  if (has_certificate && !uses_tls(settings.source)) {
    report.add(k_certificate, "has no use without TLS; write enabled: true beside it, or remove it");
  } else if (has_certificate && !has_key) {
    report.add(k_key, "is required with source.tls.certificate; write the absolute path of its private key");
  } else if (has_key && !has_certificate) {
    report.add(k_key, "has no use without source.tls.certificate; write that, or remove it");
  }
}

void check_tls(const Settings& settings, Report& report) {
  if (!sound(report, {"source.tls.enabled", "source.tls.ca", "source.brokers", "source.auth.type"})) {
    return;
  }
  if (settings.source.tls.enabled == false && has_event_hubs(settings.source)) {
    report.add("source.tls.enabled", "is off, and Event Hubs speaks nothing but TLS there; remove the line");
  } else if (written(settings, "source.tls.ca") && !uses_tls(settings.source)) {
    report.add("source.tls.ca", "has no use without TLS; write enabled: true beside it, or remove it");
  }
  check_own_certificate(settings, report);
}

void check_registry(const Settings& settings, Report& report) {
  const RegistrySettings& registry = settings.registry;
  if (!uses_registry(settings)) {
    if (written(settings, "registry") && sound(report, {"batch.schema", "batch.decode"})) {
      report.add("registry",
                 "has no use without batch.decode: avro or json, and batch.schema: registry; write these, or "
                 "remove it");
    }
    return;
  }
  require(report, "registry.type", registry.type != codec::SchemaFraming::none,
          "confluent, azure or apicurio");
  if (!sound(report, {"registry", "registry.type", "registry.url"})) {
    return;
  }
  const bool by_entra = registry.type == codec::SchemaFraming::azure;
  if (!by_entra || !sound(report, {"source.brokers"})) {
    require(report, "registry.url", by_entra || !registry.url.empty(), "https://registry.example:8081");
  } else {
    require(report, "registry.url", !registry_url(settings).empty(),
            "https://<namespace>.servicebus.windows.net, as the first of source.brokers does not name it");
  }
  const bool has_user = written(settings, "registry.username");
  const bool has_password = written(settings, "registry.password");
  const bool has_token = written(settings, "registry.token");
  for (const std::string_view key : {"registry.username", "registry.password", "registry.token"}) {
    if (by_entra && written(settings, key)) {
      report.add(key, "has no use with type: azure, to which a token of Entra is shown; remove it");
    }
  }
  if (has_token && (has_user || has_password)) {
    report.add("registry.token", "excludes username and password; keep one of the two logins");
  } else if (has_user != has_password) {
    report.add(has_user ? "registry.password" : "registry.username",
               has_user ? "is required with username; write \"${file:/path}\""
                        : "is required with password; write the name of the login");
  }
  if ((by_entra || has_token || has_password) && is_read_on_the_way(registry_url(settings)) &&
      sound(report, {"registry.username", "registry.password", "registry.token"})) {
    report.add("registry.url", "would show the login in clear; write https://");
  }
}

void check_instance_fits(const Settings& settings, Report& report) {
  if (sound(report, {"name", "source.instance"}) &&
      settings.name.size() + settings.source.instance.size() > k_name_and_instance_bytes_max) {
    report.add("source.instance",
               concat("and name have more than ", k_name_and_instance_bytes_max,
                      " letters together, and Kafka takes no longer name of a member; write a shorter one"));
  }
}

void check_fetch_wait(const Settings& settings, Report& report) {
  if (!settings.source.fetch_wait || !sound(report, {"source.fetch_wait", "batch.max_age"})) {
    return;
  }
  Duration shortest = settings.batch.max_age;
  for (const Override& entry : settings.overrides) {
    shortest = std::min(shortest, entry.batch.max_age);
  }
  if (*settings.source.fetch_wait > shortest) {
    report.add("source.fetch_wait", concat("is longer than the shortest max_age; write at most ",
                                           format_duration(shortest), ", or auto"));
  }
}

void check_guarantee(const Settings& settings, Report& report) {
  if (sound(report, {"guarantee", "source.fetch"}) && settings.guarantee == ledger::Guarantee::exactly_once &&
      settings.source.fetch == Fetch::librdkafka) {
    report.add("source.fetch",
               "is librdkafka, whose commits cannot be trusted for guarantee: exactly_once; write direct, or "
               "guarantee: at_least_once");
  }
}

// What others can reach tells them topics and hosts, so it asks who they are.
void check_admin(const Settings& settings, Report& report) {
  const AdminSettings& admin = settings.admin;
  if (!admin.host.empty() && !is_loopback(admin.host) && !written(settings, "admin.token") &&
      sound(report, {"admin", "admin.listen"})) {
    report.add("admin.listen",
               "is reached by others, and they would be asked for nothing; write token: "
               "\"${file:/path}\" beside it, or listen: 127.0.0.1:9464");
  }
}

void check_capacity(const Settings& settings, Report& report) {
  // `auto` becomes as many workers as fit; one must.
  const std::uint32_t workers = settings.runtime.workers.value_or(1);
  if (!sound(report, {"runtime", "runtime.workers", "sink", "sink.block_bytes"})) {
    return;
  }
  if (sound(report, {"runtime.memory", "sink.connections", "source.topics", "source.topics_regex"})) {
    const Result<MemoryPlan> plan =
        plan_memory(settings.runtime.memory, workers, settings.sink.block_bytes, settings.sink.connections,
                    settings.source.topics.size(), encoder_memory(settings));
    if (!plan) {
      report.add("runtime.memory", plan.error().message);
    }
  }
  const std::uint64_t stage_min = stage_bytes_min(workers, settings.sink.block_bytes);
  if (sound(report, {"stage", "stage.max_bytes"}) && settings.stage.max_bytes < stage_min) {
    report.add("stage.max_bytes", concat("is too little for ", workers, workers == 1 ? " worker" : " workers",
                                         " with blocks of ", format_size(settings.sink.block_bytes),
                                         "; write at least ", format_size(stage_min)));
  }
}

}  // namespace

void validate(const Settings& settings, Report& report) {
  check_required(settings, report);
  check_source_auth(settings, report);
  check_sink_auth(settings, report);
  check_tls(settings, report);
  validate_batch(settings, report, settings.batch, "");
  for (std::size_t i = 0; i < settings.overrides.size(); ++i) {
    validate_batch(settings, report, settings.overrides[i].batch, concat("overrides[", i, "]."));
  }
  check_registry(settings, report);
  check_instance_fits(settings, report);
  check_fetch_wait(settings, report);
  check_guarantee(settings, report);
  check_admin(settings, report);
  check_capacity(settings, report);
}

}  // namespace penstock::config
