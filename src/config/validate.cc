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
// 4. check_sink_auth() refuses sink.auth as a whole, since a directory takes no credential. It does not look
//    at the token any more.
// 5. check_tls() says nothing. TLS follows from the brokers and the type, and both were complained about.
//
// check_batch() blames an override only for what it says itself, since the rest is a copy of `batch`.
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
#include "config/memory_plan.h"

namespace penstock::config {
namespace {

bool written(const Settings& settings, std::string_view path) {
  return settings.lines.contains(std::string(path));
}

// Whether the values of all these keys can be relied on.
bool sound(const Report& report, std::initializer_list<std::string_view> paths) {
  return std::none_of(paths.begin(), paths.end(),
                      [&](std::string_view path) { return report.mentions(path); });
}

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

// Whether every part stands in a connection string, after its start or a ';'.
bool has_parts(const Secret& value, std::initializer_list<std::string_view> names) {
  const std::string text = ";" + value.reveal();
  return std::all_of(names.begin(), names.end(), [&](std::string_view name) {
    return text.find(concat(";", name, "=")) != std::string::npos;
  });
}

void check_source_auth(const Settings& settings, Report& report) {
  const SourceAuth& auth = settings.source.auth;
  if (!sound(report, {"source.auth.type", "source.auth", "source"})) {
    return;
  }
  const bool by_string = auth.type == source::AuthType::event_hubs;
  const bool by_token = auth.type == source::AuthType::oauthbearer;
  const bool by_password = !by_string && !by_token && auth.type != source::AuthType::none;
  check_companions(settings, report, "source.auth.type",
                   {{"source.auth.value", required_if(by_string)},
                    {"source.auth.username", required_if(by_password)},
                    {"source.auth.password", required_if(by_password)}});
  if (by_token && !written(settings, "source.auth.token_file")) {
    report.add("source.auth.token_file",
               "is required with this source.auth.type; write the absolute path of a file");
  } else if (!by_token && written(settings, "source.auth.token_file")) {
    report.add("source.auth.token_file",
               "is not used with this source.auth.type; remove it, or write oauthbearer as the type");
  }
  if (by_string && sound(report, {"source.auth.value"}) &&
      !has_parts(auth.value, {"Endpoint", "SharedAccessKeyName", "SharedAccessKey"})) {
    report.add("source.auth.value",
               "is not a connection string of Event Hubs; write all of "
               "Endpoint=sb://...;SharedAccessKeyName=...;SharedAccessKey=...");
  }
}

bool is_base64(const std::string& text) {
  constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t body = text.find_first_not_of(k_alphabet);
  const std::size_t padding = body == std::string::npos ? 0 : text.size() - body;
  return text.size() % 4 == 0 && padding <= 2 &&
         (padding == 0 || text.find_first_not_of('=', body) == std::string::npos);
}

void check_sink_secrets(const Settings& settings, Report& report) {
  const SinkAuth& auth = settings.sink.auth;
  if (auth.type == SinkAuthType::shared_key && sound(report, {"sink.auth.key"}) &&
      !is_base64(auth.key.reveal())) {
    report.add("sink.auth.key", "is not base64; write the account's key whole, as Azure shows it");
  }
  if (auth.type == SinkAuthType::connection_string && sound(report, {"sink.auth.value"}) &&
      !has_parts(auth.value, {"AccountName", "AccountKey"})) {
    report.add(
        "sink.auth.value",
        "is not the connection string of a storage account; write all of ...;AccountName=...;AccountKey=...");
  }
  if (auth.type == SinkAuthType::sas && sound(report, {"sink.auth.token"}) &&
      auth.token.reveal().find("sig=") == std::string::npos) {
    report.add("sink.auth.token", "is not a shared access signature; write all of sv=...&sig=...");
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
  if (settings.sink.kind == SinkKind::azure && auth.type == SinkAuthType::none) {
    report.add("sink.auth.type",
               "is required with this sink.url; write shared-key, connection-string or sas");
    return;
  }
  const bool by_key = auth.type == SinkAuthType::shared_key;
  check_companions(settings, report, "sink.auth.type",
                   {{"sink.auth.account", by_key ? Companion::Use::optional : Companion::Use::none},
                    {"sink.auth.key", required_if(by_key)},
                    {"sink.auth.value", required_if(auth.type == SinkAuthType::connection_string)},
                    {"sink.auth.token", required_if(auth.type == SinkAuthType::sas)}});
  check_sink_secrets(settings, report);
}

void check_tls(const Settings& settings, Report& report) {
  SourceSettings as_auto = settings.source;
  as_auto.tls.enabled.reset();
  if (!sound(report, {"source.tls.enabled", "source.tls.ca", "source.brokers", "source.auth.type"})) {
    return;
  }
  if (settings.source.tls.enabled == false && uses_tls(as_auto)) {
    report.add("source.tls.enabled", "is off, and Event Hubs speaks nothing but TLS there; remove the line");
  } else if (written(settings, "source.tls.ca") && !uses_tls(settings.source)) {
    report.add("source.tls.ca", "has no use without TLS; write enabled: true beside it, or remove it");
  }
}

void check_batch(const Settings& settings, Report& report, const BatchSettings& batch,
                 const std::string& prefix) {
  const std::string bytes = prefix + "batch.max_bytes";
  // 8 MiB x 50,000 = 390 GiB: met only by very small blocks. An override is blamed for what it says itself.
  const bool says_bytes = prefix.empty() || written(settings, bytes);
  if (says_bytes && sound(report, {bytes, "sink.block_bytes"}) &&
      batch.max_bytes > k_blocks_per_blob_max * settings.sink.block_bytes) {
    report.add(bytes,
               concat("needs more than ", k_blocks_per_blob_max,
                      " blocks of sink.block_bytes, the most a blob can ", "have; write at most ",
                      format_size(k_blocks_per_blob_max * settings.sink.block_bytes), ", or larger blocks"));
  }
  const std::string path = prefix + "batch.path";
  const std::string group_by = prefix + "batch.group_by";
  const bool says_path = prefix.empty() || written(settings, path) || written(settings, group_by);
  if (says_path && sound(report, {path, group_by}) && batch.group_by == GroupBy::topic &&
      batch.path.find("{partition}") != std::string::npos) {
    report.add(path,
               "holds {partition}, and a file has all partitions of its topic; remove it, or write "
               "group_by: partition");
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

void check_capacity(const Settings& settings, Report& report) {
  // `auto` becomes as many workers as fit; one must.
  const std::uint32_t workers = settings.runtime.workers.value_or(1);
  if (!sound(report, {"runtime", "runtime.workers", "sink", "sink.block_bytes"})) {
    return;
  }
  if (sound(report, {"runtime.memory", "sink.connections", "source.topics", "source.topics_regex"})) {
    const Result<MemoryPlan> plan = plan_memory(settings.runtime.memory, workers, settings.sink.block_bytes,
                                                settings.sink.connections, settings.source.topics.size());
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
  check_batch(settings, report, settings.batch, "");
  for (std::size_t i = 0; i < settings.overrides.size(); ++i) {
    check_batch(settings, report, settings.overrides[i].batch, concat("overrides[", i, "]."));
  }
  check_fetch_wait(settings, report);
  check_guarantee(settings, report);
  check_capacity(settings, report);
}

}  // namespace penstock::config
