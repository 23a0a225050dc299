#include "config/load.h"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/units.h"
#include "config/shown.h"
#include "unit/config/fake_environment.h"

namespace penstock::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view k_least = R"(name: web
source:
  brokers: [localhost:9092]
  topics: [events]
sink:
  url: file:///srv/lake
)";

FakeEnvironment fake() {
  return FakeEnvironment{
      .variables = {{"TOPICS", "a, b,c"}, {"SIZE", "64MiB"}, {"PASSWORD", "hunter2"}},
      .files = {{"/secrets/hub",
                 "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=r;SharedAccessKey=hunter2=\n"},
                {"/secrets/key", "aHVudGVyMg==\n"}}};
}

Result<Settings> loaded(std::string_view text) {
  return load_text(std::string(text), "f.yaml", fake().environment());
}

Settings settings_of(std::string_view text) {
  Result<Settings> settings = loaded(text);
  if (!settings) {
    ADD_FAILURE() << settings.error().message;
    return {};
  }
  return *std::move(settings);
}

std::string error_of(std::string_view text) {
  const Result<Settings> settings = loaded(text);
  if (settings) {
    return "(no error)";
  }
  EXPECT_EQ(settings.error().kind, ErrorKind::invalid_input);
  EXPECT_EQ(settings.error().action, Action::fatal);
  return settings.error().message;
}

// The least configuration and more of it.
std::string with(std::string_view more) {
  return std::string(k_least) + std::string(more);
}

TEST(Load, the_least_configuration_has_the_documented_defaults) {
  const Settings s = settings_of(k_least);
  EXPECT_EQ(s.name, "web");
  EXPECT_THAT(s.source.brokers, ElementsAre("localhost:9092"));
  EXPECT_THAT(s.source.topics, ElementsAre("events"));
  EXPECT_EQ(s.source.group, "penstock-web");
  EXPECT_EQ(s.source.start, source::StartAt::earliest);
  EXPECT_EQ(s.source.on_data_loss, source::OnDataLoss::stop);
  EXPECT_EQ(s.source.fence_wait, seconds(10));
  EXPECT_EQ(s.source.auth.type, source::AuthType::none);
  EXPECT_FALSE(uses_tls(s.source));
  EXPECT_EQ(s.source.tls.ca, "system");
  EXPECT_EQ(s.source.max_batch_bytes, 16 * k_mib);
  EXPECT_EQ(fetch_wait(s), milliseconds(500));
  EXPECT_EQ(s.batch.max_age, seconds(60));
  EXPECT_EQ(s.batch.max_bytes, 256 * k_mib);
  EXPECT_EQ(s.batch.group_by, GroupBy::topic);
  EXPECT_EQ(s.batch.format, Format::ndjson);
  EXPECT_EQ(s.batch.compression, codec::Compression::none);
  EXPECT_EQ(s.batch.path, "{topic}/{yyyy}/{MM}/{dd}/{HH}/{topic}-{yyyy}{MM}{dd}T{HH}{mm}{ss}Z");
  EXPECT_TRUE(s.overrides.empty());
  EXPECT_EQ(s.sink.kind, SinkKind::directory);
  EXPECT_EQ(s.sink.directory, "/srv/lake");
  EXPECT_EQ(s.sink.block_bytes, 8 * k_mib);
  EXPECT_EQ(s.sink.connections, 4U);
  EXPECT_EQ(s.stage.dir, "/var/lib/penstock");
  EXPECT_EQ(s.stage.max_bytes, 20 * k_gib);
  EXPECT_EQ(s.runtime.workers, std::nullopt);
  EXPECT_EQ(s.runtime.memory, 192 * k_mib);
  EXPECT_EQ(s.runtime.io, io::Choice::best);
  EXPECT_EQ(s.guarantee, ledger::Guarantee::exactly_once);
  EXPECT_EQ(s.admin.host, "127.0.0.1");
  EXPECT_EQ(s.admin.port, 9464);
  EXPECT_EQ(s.log.level, obs::Level::info);
  EXPECT_EQ(s.log.format, obs::LogFormat::text);
  EXPECT_EQ(s.drain_timeout, seconds(20));
}

TEST(Load, the_stage_follows_the_directory_that_systemd_gives) {
  const auto stage_dir = [](const std::string& variable, std::string_view text) {
    FakeEnvironment with_unit = fake();
    with_unit.variables["STATE_DIRECTORY"] = variable;
    const Result<Settings> settings = load_text(std::string(text), "f.yaml", with_unit.environment());
    return settings.ok() ? settings->stage.dir : settings.error().message;
  };
  EXPECT_EQ(stage_dir("/var/lib/penstock/web", k_least), "/var/lib/penstock") << "<dir>/<name> is the unit's";
  EXPECT_EQ(stage_dir("/var/lib/penstock/web/", k_least), "/var/lib/penstock");
  EXPECT_EQ(stage_dir("/var/lib/penstock/gateway", k_least), "/var/lib/penstock/gateway") << "another name";
  EXPECT_EQ(stage_dir("/srv/web:/var/lib/other", k_least), "/srv") << "the first";
  EXPECT_EQ(stage_dir("", k_least), "/var/lib/penstock");
  EXPECT_EQ(stage_dir("relative/web", k_least), "/var/lib/penstock") << "none that systemd would give";
  EXPECT_EQ(stage_dir("/srv/web", with("stage: {dir: /data}\n")), "/data") << "what is written counts";
  EXPECT_EQ(stage_dir("/srv/web", with("stage: {max_bytes: 1GiB}\n")), "/srv");
}

TEST(Load, every_key_can_be_written) {
  const Settings s = settings_of(R"(
name: api-gateway
source:
  brokers:
    - contoso.servicebus.windows.net:9093
  topics_regex: "^svc-.*"
  group: $Default
  start: 2026-01-31T12:30:45.25Z
  on_data_loss: continue
  fence_wait: 1s
  auth: {type: connection-string, value: "${file:/secrets/hub}"}
  tls: {enabled: true, ca: /etc/ca.pem}
  fetch: librdkafka
  fetch_wait: 250ms
  max_batch_bytes: 32MiB
  librdkafka: {session.timeout.ms: 45000, client.rack: "${TOPICS}"}
batch:
  max_age: 2m
  max_bytes: ${SIZE}
  group_by: partition
  format: ndjson
  compression: zstd
  validate: none
  path: "{topic}/{partition}/x"
overrides:
  - {match: "^payments", batch: {max_age: 10s}}
sink:
  url: https://contoso.blob.core.windows.net/lake/raw
  auth: {type: shared-key, account: contoso, key: "${file:/secrets/key}"}
  block_bytes: 4MiB
  connections: 2
stage: {dir: /nvme, max_bytes: 1GiB}
runtime: {workers: 2, memory: 1GiB, io: portable}
guarantee: at_least_once
admin: {listen: "[::1]:0"}
log: {level: debug, format: json}
drain_timeout: 1m
)");
  EXPECT_EQ(s.source.topics_regex, "^svc-.*");
  EXPECT_TRUE(s.source.topics.empty());
  EXPECT_EQ(s.source.group, "$Default");
  EXPECT_EQ(s.source.start, source::StartAt::timestamp);
  EXPECT_EQ(s.source.start_time, WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) +
                                          hours(12) + minutes(30) + milliseconds(45'250)));
  EXPECT_EQ(s.source.on_data_loss, source::OnDataLoss::go_on);
  EXPECT_EQ(s.source.fence_wait, seconds(1));
  EXPECT_EQ(s.source.auth.type, source::AuthType::event_hubs);
  EXPECT_EQ(s.source.auth.value.reveal(),
            "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=r;SharedAccessKey=hunter2=");
  EXPECT_TRUE(uses_tls(s.source));
  EXPECT_EQ(s.source.tls.ca, "/etc/ca.pem");
  EXPECT_EQ(s.source.fetch, Fetch::librdkafka);
  EXPECT_EQ(fetch_wait(s), milliseconds(250));
  EXPECT_EQ(s.source.max_batch_bytes, 32 * k_mib);
  EXPECT_EQ(s.source.librdkafka.at("session.timeout.ms").reveal(), "45000");
  EXPECT_EQ(s.source.librdkafka.at("client.rack").reveal(), "a, b,c");
  EXPECT_EQ(s.batch.max_age, minutes(2));
  EXPECT_EQ(s.batch.max_bytes, 64 * k_mib);
  EXPECT_EQ(s.batch.group_by, GroupBy::partition);
  EXPECT_EQ(s.batch.compression, codec::Compression::zstd);
  EXPECT_EQ(s.sink.url, "https://contoso.blob.core.windows.net/lake/raw");
  EXPECT_EQ(s.sink.kind, SinkKind::azure);
  EXPECT_EQ(s.sink.auth.type, SinkAuthType::shared_key);
  EXPECT_EQ(s.sink.auth.account, "contoso");
  EXPECT_EQ(s.sink.auth.key.reveal(), "aHVudGVyMg==");
  EXPECT_EQ(s.sink.block_bytes, 4 * k_mib);
  EXPECT_EQ(s.sink.connections, 2U);
  EXPECT_EQ(s.stage.dir, "/nvme");
  EXPECT_EQ(s.runtime.workers, 2U);
  EXPECT_EQ(s.runtime.io, io::Choice::portable);
  EXPECT_EQ(s.admin.host, "::1");
  EXPECT_EQ(s.admin.port, 0);
  EXPECT_EQ(s.log.level, obs::Level::debug);
  EXPECT_EQ(s.log.format, obs::LogFormat::json);
  EXPECT_EQ(s.drain_timeout, minutes(1));
}

TEST(Load, who_listens_for_others_needs_a_token) {
  for (const std::string_view listen : {"0.0.0.0:9464", "[::]:9464", "10.0.0.1:9464", "example.com:9464"}) {
    EXPECT_THAT(
        error_of(with("admin: {listen: \"" + std::string(listen) + "\"}\n")),
        HasSubstr("admin.listen: is reached by others, and they would be asked for nothing; write token: "))
        << listen;
  }
  for (const std::string_view listen : {"127.0.0.1:9464", "127.1.2.3:0", "[::1]:9464", "localhost:9464"}) {
    EXPECT_TRUE(settings_of(with("admin: {listen: \"" + std::string(listen) + "\"}\n")).admin.token.empty());
  }
  const Settings guarded = settings_of(with("admin: {listen: \"0.0.0.0:1\", token: 0123456789abcdef}\n"));
  EXPECT_EQ(guarded.admin.token.reveal(), "0123456789abcdef");
  EXPECT_TRUE(guarded.admin.open_probes);
  EXPECT_FALSE(settings_of(with("admin: {open_probes: false}\n")).admin.open_probes);
}

TEST(Load, an_admin_token_is_long_and_fits_into_a_header) {
  EXPECT_THAT(error_of(with("admin: {token: '${PASSWORD}'}\n")),
              AllOf(HasSubstr("admin.token: has 7 characters; write 16 to 256"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(error_of(with("admin: {token: \"hunter2 hunter2 hunter2\"}\n")),
              AllOf(HasSubstr("admin.token: holds a space"), Not(HasSubstr("hunter2"))));
}

TEST(Load, the_admin_listener_can_be_left_out) {
  EXPECT_TRUE(settings_of(with("admin: {listen: none}\n")).admin.host.empty());
}

TEST(Load, a_variable_can_hold_a_list) {
  const Settings s = settings_of(R"(
name: web
source: {brokers: "a:1, b:2", topics: ["${TOPICS}", d]}
sink: {url: "null:"}
)");
  EXPECT_THAT(s.source.brokers, ElementsAre("a:1", "b:2"));
  EXPECT_THAT(s.source.topics, ElementsAre("a", "b", "c", "d"));
}

TEST(Load, the_first_override_that_matches_wins_and_keeps_the_rest) {
  const Settings s = settings_of(R"(
overrides:
  - {match: "^pay", batch: {max_age: 10s}}
  - {match: "^payments$", batch: {max_age: 20s, compression: gzip}}
  - match: log
    batch:
      max_bytes: 1MiB
name: web
source: {brokers: [a:1], topics_regex: "^.*"}
batch: {compression: zstd, max_age: 30s}
sink: {url: "null:"}
)");
  EXPECT_EQ(s.batch_for("payments").max_age, seconds(10));
  EXPECT_EQ(s.batch_for("payments").compression, codec::Compression::zstd);
  EXPECT_EQ(s.batch_for("repay").max_age, seconds(30));
  EXPECT_EQ(s.batch_for("weblog").max_bytes, 1 * k_mib);
  EXPECT_EQ(s.batch_for("weblog").max_age, seconds(30));
  EXPECT_EQ(s.batch_for("other").max_bytes, 256 * k_mib);
  EXPECT_EQ(fetch_wait(s), milliseconds(100));
}

TEST(Load, the_fields_of_envelopes_are_those_that_are_named) {
  EXPECT_EQ(settings_of(with("batch: {format: envelope}")).batch.format, Format::envelope);
  EXPECT_EQ(settings_of(with("batch: {format: envelope}")).batch.envelope_fields, EnvelopeFields::all());
  const Settings s =
      settings_of(with("batch: {envelope_fields: \"value, key\"}\n"
                       "overrides:\n"
                       "  - {match: ^pay, batch: {format: envelope}}\n"
                       "  - {match: ^log, batch: {format: envelope, envelope_fields: [offset]}}\n"));
  EXPECT_EQ(s.batch_for("payments").envelope_fields,
            EnvelopeFields::none().with(EnvelopeField::key).with(EnvelopeField::value));
  EXPECT_EQ(s.batch_for("log").envelope_fields, EnvelopeFields::none().with(EnvelopeField::offset));
}

TEST(Load, schemas_of_a_registry_are_in_the_framing_of_its_clients) {
  const Settings s = settings_of(with(
      "batch: {format: envelope, decode: avro, schema: registry}\n"
      "registry: {type: confluent, url: \"https://registry.example:8081/apis/ccompat/v7\", username: me, "
      "password: secret, patience: 30s}\n"
      "overrides:\n"
      "  - {match: ^pay, batch: {schema: '\"long\"', framing: none}}\n"));
  EXPECT_TRUE(s.batch.schema_by_id);
  EXPECT_EQ(s.batch.schema, nullptr);
  EXPECT_EQ(s.batch.framing, codec::SchemaFraming::confluent);
  EXPECT_FALSE(s.batch_for("payments").schema_by_id);
  EXPECT_EQ(s.batch_for("payments").framing, codec::SchemaFraming::none);
  EXPECT_TRUE(uses_registry(s));
  EXPECT_EQ(registry_url(s), "https://registry.example:8081/apis/ccompat/v7");
  EXPECT_EQ(s.registry.username, "me");
  EXPECT_EQ(s.registry.password.reveal(), "secret");
  EXPECT_EQ(s.registry.patience, std::chrono::seconds(30));
  EXPECT_EQ(s.registry.tls_ca, "system");
  EXPECT_EQ(encoder_memory(s).bytes, 16 * k_mib);
  EXPECT_FALSE(uses_registry(settings_of(with(""))));
}

TEST(Load, schemas_of_a_registry_make_columns_of_parquet) {
  const Settings s =
      settings_of(with("batch: {format: parquet, decode: avro, schema: registry}\n"
                       "registry: {type: azure, url: \"https://a.servicebus.windows.net\"}\n"
                       "overrides:\n"
                       "  - {match: ^pay, batch: {schema: '\"long\"'}}\n"));
  EXPECT_TRUE(s.batch.schema_by_id);
  EXPECT_FALSE(s.batch.has_table());
  EXPECT_EQ(s.batch.framing, codec::SchemaFraming::azure);
  EXPECT_TRUE(s.batch_for("payments").has_table());
  EXPECT_TRUE(writes_tables(s) && uses_registry(s));
  EXPECT_EQ(encoder_memory(s).bytes, (44 + 16) * k_mib);
}

TEST(Load, with_a_registry_avro_and_json_are_the_same) {
  for (const std::string word : {"avro", "json"}) {
    for (const std::string format : {"parquet", "envelope"}) {
      const Settings s = settings_of(with("batch: {format: " + format + ", decode: " + word +
                                          ", schema: registry}\n"
                                          "registry: {type: confluent, url: \"https://a\"}\n"
                                          "overrides:\n"
                                          "  - {match: ^pay, batch: {decode: none}}\n"));
      EXPECT_TRUE(s.batch.decodes_by_id() && uses_registry(s)) << word << format;
      EXPECT_EQ(s.batch.framing, codec::SchemaFraming::confluent);
      EXPECT_FALSE(s.batch_for("payments").decodes_by_id());
    }
  }
}

TEST(Load, a_schema_of_either_kind_makes_columns_of_parquet) {
  const Settings s = settings_of(with(
      "batch: {format: parquet, decode: json, schema: '{\"properties\": {\"a\": {\"type\": \"integer\"}}}'}\n"
      "overrides:\n"
      "  - {match: ^pay, batch: {schema: '{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": "
      "\"b\", "
      "\"type\": \"int\"}]}'}}\n"
      "  - {match: ^avro, batch: {decode: avro, schema: '\"string\"', framing: confluent}}\n"));
  EXPECT_EQ(s.batch.table().fields.front().type, codec::FieldType::int64);
  EXPECT_EQ(s.batch_for("payments").decode, Decode::json);
  EXPECT_EQ(s.batch_for("payments").table().fields.front().type, codec::FieldType::int32);
  EXPECT_EQ(s.batch_for("avro").table().fields.front().name, "value");
  EXPECT_EQ(s.batch_for("avro").table().fields.front().type, codec::FieldType::text);
}

TEST(Load, a_schema_is_text_or_a_file_and_each_override_may_have_its_own) {
  const Settings s = settings_of(
      with("batch: {format: envelope, decode: avro, schema: '\"long\"', framing: azure}\n"
           "overrides:\n"
           "  - {match: ^pay, batch: {schema: '{\"type\": \"record\", \"name\": \"R\", \"fields\": []}'}}\n"
           "  - {match: ^log, batch: {decode: none}}\n"));
  EXPECT_EQ(s.batch.decode, Decode::avro);
  EXPECT_EQ(s.batch.framing, codec::SchemaFraming::azure);
  EXPECT_EQ(s.batch.schema->root().type, codec::AvroType::int64);
  EXPECT_EQ(s.batch_for("payments").schema->root().type, codec::AvroType::record);
  EXPECT_EQ(s.batch_for("payments").framing, codec::SchemaFraming::azure);
  EXPECT_EQ(s.batch_for("log").decode, Decode::none);
  EXPECT_EQ(settings_of(with("")).batch.decode, Decode::none);
  FakeEnvironment environment = fake();
  environment.files["/etc/orders.avsc"] = "[\n  \"null\",\n  \"string\"\n]\n";
  const Result<Settings> drawn =
      load_text(with("batch: {format: envelope, decode: avro, schema: \"${file:/etc/orders.avsc}\"}"),
                "f.yaml", environment.environment());
  ASSERT_TRUE(drawn.ok());
  EXPECT_EQ(drawn->batch.schema->root().type, codec::AvroType::choice);
  EXPECT_EQ(drawn->shown.at("batch.schema"), "${file:/etc/orders.avsc}");
}

TEST(Load, messages_can_name_the_line_of_a_key_later_on) {
  const Settings s = settings_of(with("batch:\n  path: x\noverrides:\n  - {match: a, batch: {path: y}}\n"));
  EXPECT_EQ(at(s, "batch.path"), "f.yaml:8: batch.path");
  EXPECT_EQ(at(s, "batch.max_age"), "f.yaml:7: batch.max_age");
  EXPECT_EQ(at(s, "overrides[0].batch.path"), "f.yaml:10: overrides[0].batch.path");
  EXPECT_EQ(at(s, "stage.dir"), "f.yaml:1: stage.dir");
}

TEST(Load, tls_is_on_by_itself_for_event_hubs) {
  SourceSettings source;
  source.brokers = {"contoso.servicebus.windows.net:9093"};
  EXPECT_TRUE(uses_tls(source));
  source.brokers = {"10.0.0.4:9093"};
  EXPECT_FALSE(uses_tls(source));
  source.auth.type = source::AuthType::event_hubs;
  EXPECT_TRUE(uses_tls(source));
  source.brokers = {"localhost:9092"};  // the emulator
  EXPECT_FALSE(uses_tls(source));
  source.tls.enabled = true;
  EXPECT_TRUE(uses_tls(source));
}

TEST(Load, all_errors_are_told_at_once_in_the_order_of_the_file) {
  EXPECT_EQ(error_of(R"(name: web
source:
  brokers: []
  topics: [events]
  start: yesterday
batch:
  max_age: 2
  compresion: gzip
sink: {url: "null:"}
guarantee: twice
)"),
            "f.yaml:3: source.brokers: is empty; write at least one item\n"
            "f.yaml:5: source.start: is no place to start; write earliest, latest, or a time in UTC such as "
            "2026-01-31T00:00:00Z\n"
            "f.yaml:7: batch.max_age: has no unit; write a whole number and ms, s, m, h or d, such as 500ms, "
            "60s or "
            "2m; here 1s to 1d\n"
            "f.yaml:8: batch.compresion: is not a key; did you mean batch.compression?\n"
            "f.yaml:10: guarantee: is none of its values; write exactly_once or at_least_once");
}

TEST(Load, what_is_found_last_stands_at_its_line) {
  EXPECT_EQ(error_of(R"(source: {brokers: [a:1], topics: [t]}
sink: {url: https://x/a}
log: {level: loud}
)"),
            "f.yaml:1: name: is required; write name: my-deployment\n"
            "f.yaml:2: sink.auth.type: is required with this sink.url; write entra, shared-key, "
            "connection-string or sas\n"
            "f.yaml:3: log.level: is none of its values; write trace, debug, info, warn or error");
}

TEST(Load, both_ends_of_the_limits_are_allowed) {
  EXPECT_EQ(settings_of(with("batch: {max_age: 1s}")).batch.max_age, seconds(1));
  EXPECT_EQ(settings_of(with("batch: {max_age: 1d}")).batch.max_age, hours(24));
  EXPECT_EQ(settings_of(with("stage: {max_bytes: 128MiB}")).stage.max_bytes, 128 * k_mib);
  EXPECT_EQ(settings_of(with("runtime: {workers: 256, memory: 64GiB}\nstage: {max_bytes: 1024TiB}"))
                .runtime.workers,
            256U);
}

TEST(Load, an_empty_file_lacks_what_is_required) {
  for (const std::string_view text : {"", "# nothing\n", "---\n", "{}\n"}) {
    EXPECT_THAT(error_of(text), AllOf(HasSubstr("f.yaml:1: name: is required; write name: "),
                                      HasSubstr("f.yaml:1: source.brokers: is required"),
                                      HasSubstr("f.yaml:1: source.topics: is required"),
                                      HasSubstr("f.yaml:1: sink.url: is required"), Not(HasSubstr("auth"))))
        << text;
  }
}

TEST(Load, what_is_not_a_configuration_is_refused) {
  EXPECT_THAT(error_of("- a\n- b\n"), HasSubstr("is not a mapping"));
  EXPECT_THAT(error_of("just a text"), HasSubstr("is not a mapping"));
}

TEST(Load, no_text_ends_the_line_of_its_message) {
  for (const std::string_view text : {"name: \"a\\\x01\"\n", "name: \"${credential:a\\n\\eb}\"\n",
                                      "name: \"${file:/a\\n\\eb}\"\n", "name: \"${file:/a\\x7f}\"\n"}) {
    std::string message = error_of(text);
    std::replace(message.begin(), message.end(), '\x7f', '\x01');
    std::size_t line_count = 1;
    for (std::size_t at = message.find('\n'); at != std::string::npos; at = message.find('\n', at + 1)) {
      EXPECT_EQ(message.substr(at + 1, 7), "f.yaml:") << message;
      ++line_count;
    }
    EXPECT_EQ(line_count, text.find("${") == std::string_view::npos ? 1U : 4U) << message;
    EXPECT_EQ(message.find_first_of("\x01\x1b"), std::string::npos) << message;
  }
}

TEST(Load, a_value_with_a_zero_byte_is_refused) {
  EXPECT_THAT(error_of(with("stage: {dir: \"/a\\0b\"}\n")),
              HasSubstr("f.yaml:7: stage.dir: holds a zero byte"));
  EXPECT_THAT(error_of(with("log: {level: \"\\0\"}\n")), HasSubstr("log.level: holds a zero byte"));
  EXPECT_THAT(error_of("source: {brokers: [\"a\\0:1\"]}\n"), HasSubstr("source.brokers: holds a zero byte"));
}

TEST(Load, faults_of_yaml_have_a_line) {
  EXPECT_THAT(error_of("name: web\nsource: {brokers: [a\n"), HasSubstr("f.yaml:3: is not YAML here: "));
  EXPECT_THAT(error_of("name: web\n\tsource: x\n"), HasSubstr("f.yaml:2: is not YAML here: "));
  EXPECT_THAT(error_of("name: web\n  more: x\n"), HasSubstr("f.yaml:2: is not YAML here: "));
  EXPECT_THAT(error_of("a: 1\n---\nb: 2\n"), HasSubstr("a second document begins here"));
  EXPECT_THAT(error_of("name: &x web\nlog: *x\n"), HasSubstr("f.yaml:1: anchors (&) and aliases (*)"));
  EXPECT_THAT(error_of("name: web\n? [a, b]\n: c\n"), HasSubstr("f.yaml:2: a key is a list"));
  EXPECT_THAT(error_of("name: web\n\"a\\nforged line\": 1\n"), HasSubstr("f.yaml:2: a key is empty, longer"));
  EXPECT_THAT(error_of(std::string(101, 'k') + ": 1\n"), HasSubstr("f.yaml:1: a key is empty, longer"));
  EXPECT_THAT(error_of(std::string(5000, '[')), HasSubstr("f.yaml:1: "));
}

TEST(Load, a_second_equal_key_is_found) {
  EXPECT_THAT(error_of(with("name: other\n")),
              HasSubstr("f.yaml:7: name: is given twice, first at line 1; remove one"));
  EXPECT_THAT(error_of(with("batch:\n  max_age: 1s\n  max_age: 2s\n")),
              HasSubstr("f.yaml:9: batch.max_age: is given twice, first at line 8"));
  EXPECT_THAT(error_of(with("sink: {url: \"null:\"}\n")), HasSubstr("f.yaml:7: sink: is given twice"));
  EXPECT_THAT(error_of(with("overrides:\n  - {match: a, match: b}\n")),
              HasSubstr("f.yaml:8: overrides[0].match: is given twice"));
}

// `more` behind the least configuration is refused with `message` and nothing else.
struct Refused {
  std::string_view more;
  std::string_view message;
};

TEST(Load, wrong_values_are_refused_with_what_to_write) {
  constexpr Refused k_cases[] = {
      {"log: {level: loud}", "log.level: is none of its values; write trace, debug, info, warn or error"},
      {"log: json", "log: is not a mapping; write its keys below it, or {level: ...}"},
      {"log:", "log: holds nothing; write its keys below it, or {level: ...}"},
      {"drain_timeout: [1s]", "drain_timeout: is a list; write one value"},
      {"drain_timeout: {}", "drain_timeout: is a mapping; write one value"},
      {"drain_timeout:", "drain_timeout: has no value; write one, or remove the line"},
      {"drain_timeout: ~", "drain_timeout: has no value"},
      {"drain_timeout: \"\"", "drain_timeout: is empty"},
      {"drain_timeout: 5m", "drain_timeout: is outside its limits; write 1s to 4m"},
      {"drain_timeout: 10ms", "drain_timeout: is outside its limits; write 1s to 4m"},
      {"batch: {max_age: 25h}", "batch.max_age: is outside its limits; write 1s to 1d"},
      {"batch: {max_age: 500ms}", "batch.max_age: is outside its limits"},
      {"batch: {max_bytes: 256MB}", "batch.max_bytes: has an unknown unit; write a whole number and B, KiB"},
      {"batch: {max_bytes: -1}", "batch.max_bytes: is negative"},
      {"batch: {path: /x}", "batch.path: begins or ends with '/'"},
      {"batch: {path: x/}", "batch.path: begins or ends with '/'"},
      {"runtime: {workers: 0}", "runtime.workers: is outside its limits; write auto, or 1 to 256"},
      {"runtime: {workers: 1.5}", "runtime.workers: is not a whole number; write auto, or 1 to 256"},
      {"runtime: {workers: -1}", "runtime.workers: is not a whole number"},
      {"runtime: {workers: 99999999999}", "runtime.workers: is outside its limits"},
      {"runtime: {io: uring}", "runtime.io: is none of its values; write best, io_uring or portable"},
      {"stage: {dir: data}", "stage.dir: is not an absolute path"},
      {"stage: {max_bytes: 1MiB}", "stage.max_bytes: is outside its limits; write 128MiB to 1024TiB"},
      {"admin: {listen: \":9464\"}", "admin.listen: is not address:port; write 127.0.0.1:9464"},
      {"admin: {listen: 9464}", "admin.listen: is not address:port"},
      {"admin: {listen: \"127.0.0.1:99999\"}", "admin.listen: is not address:port"},
      {"admin: {listen: \"::1:9464\"}", "admin.listen: is not address:port"},
      {"admin: {listen: \"999.1.1.1:9464\"}", "admin.listen: names no address that there can be"},
      {"admin: {listen: \"256.0.0.1:9464\"}", "admin.listen: names no address that there can be"},
      {"admin: {listen: \"[::1::2]:9464\"}", "admin.listen: names no address that there can be"},
  };
  for (const Refused& c : k_cases) {
    const std::string error = error_of(with(c.more));
    EXPECT_EQ(error.rfind("f.yaml:7: " + std::string(c.message), 0), 0U) << c.more << "\n" << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(Load, names_groups_and_topics_are_checked) {
  const auto text = [](const std::string& name, const std::string& source) {
    return "name: \"" + name + "\"\nsource: {brokers: [a:1], " + source + "}\nsink: {url: \"null:\"}\n";
  };
  for (const std::string& name : {std::string("a b"), std::string("../x"), std::string(".x"),
                                  std::string("-x"), std::string("x/y"), std::string(101, 'x')}) {
    EXPECT_THAT(error_of(text(name, "topics: [t]")), HasSubstr("f.yaml:1: name: cannot name a group"))
        << name;
  }
  EXPECT_EQ(settings_of(text(std::string(100, 'x'), "topics: [t]")).name.size(), 100U);

  EXPECT_EQ(settings_of(text("n", "topics: [t], group: " + std::string(256, 'g'))).source.group.size(), 256U);
  EXPECT_THAT(error_of(text("n", "topics: [t], group: " + std::string(257, 'g'))),
              HasSubstr("source.group: cannot be a consumer group"));
  EXPECT_THAT(error_of(text("n", "topics: [t], group: \"a b\"")), HasSubstr("source.group: cannot be"));

  EXPECT_THAT(error_of(text("n", "topics: [t, \"a b\"]")),
              HasSubstr("source.topics: holds something that cannot be a "
                        "topic, item 2"));
  EXPECT_THAT(error_of(text("n", "topics: [" + std::string(250, 't') + "]")),
              HasSubstr("cannot be a topic, item 1"));
  EXPECT_THAT(error_of(text("n", "topics: [t, u, t]")),
              HasSubstr("source.topics: names a topic twice, item 3"));
  EXPECT_THAT(error_of(text("n", "topics: [t, \"\"]")), HasSubstr("source.topics: has an empty item"));
  EXPECT_THAT(error_of(text("n", "topics: [t, [u]]")),
              HasSubstr("source.topics: holds something that is not a single"));
  EXPECT_THAT(error_of(text("n", "topics: [\"^svc\"]")), HasSubstr("write it as source.topics_regex"));
  EXPECT_THAT(error_of(text("n", "topics_regex: svc")),
              HasSubstr("source.topics_regex: does not begin with ^"));
  EXPECT_THAT(error_of(text("n", "topics_regex: \"^(\"")),
              HasSubstr("source.topics_regex: is not a regular expression"));
  EXPECT_THAT(error_of(text("n", "topics: [t], topics_regex: \"^t\"")),
              HasSubstr("source.topics_regex: excludes source.topics"));
}

TEST(Load, brokers_are_host_and_port) {
  const auto text = [](const std::string& broker) {
    return "name: n\nsource: {brokers: [\"" + broker + "\"], topics: [t]}\nsink: {url: \"null:\"}\n";
  };
  for (const std::string broker :
       {"localhost:9092", "[2001:db8::1]:9092", "10.0.0.1:65535", "my_broker-1.x.example:1"}) {
    EXPECT_THAT(settings_of(text(broker)).source.brokers, ElementsAre(broker));
  }
  EXPECT_THAT(error_of(text("localhost")), HasSubstr("source.brokers: has no port, item 1; write host:9093"));
  EXPECT_THAT(error_of(text("a:1,b")), HasSubstr("source.brokers: has no port, item 2"));
  EXPECT_THAT(error_of(text("SASL_SSL://a:9092")), HasSubstr("source.brokers: holds a url, item 1"));
  for (const std::string broker :
       {"a:0", "a:65536", "a:x", "a:", ":9092", "a b:1", "2001:db8::1", "[::1", "a:1:2"}) {
    EXPECT_THAT(error_of(text(broker)),
                HasSubstr("source.brokers: holds something that is not host:port, item 1"))
        << broker;
  }
}

TEST(Load, start_takes_only_real_moments_in_utc) {
  const auto text = [](const std::string& start) {
    return "name: n\nsource: {brokers: [a:1], topics: [t], start: \"" + start +
           "\"}\nsink: {url: \"null:\"}\n";
  };
  EXPECT_EQ(settings_of(text("latest")).source.start, source::StartAt::latest);
  EXPECT_EQ(settings_of(text("1970-01-01T00:00:00.000000001Z")).source.start_time, WallTime(Duration(1)));
  EXPECT_EQ(settings_of(text("2024-02-29T23:59:59Z")).source.start, source::StartAt::timestamp);
  for (const std::string start :
       {"2026-01-31", "2026-01-31T00:00:00", "2026-01-31T00:00:00+01:00", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Z ",
        "9999-01-01T00:00:00Z", "Earliest"}) {
    EXPECT_THAT(error_of(text(start)), HasSubstr("source.start: is no place to start")) << start;
  }
}

TEST(Load, the_sink_is_checked) {
  const auto text = [](const std::string& sink) {
    return "name: n\nsource: {brokers: [a:1], topics: [t]}\nsink: {" + sink + "}\n";
  };
  const std::string key = ", auth: {type: shared-key, key: \"${file:/secrets/key}\"}";
  EXPECT_EQ(settings_of(text("url: \"null:\"")).sink.kind, SinkKind::null_store);
  EXPECT_EQ(settings_of(text("url: \"http://127.0.0.1:10000/devstoreaccount1/lake\"" + key)).sink.kind,
            SinkKind::azure);
  EXPECT_EQ(settings_of(text("url: \"https://x.example/c\", auth: {type: sas, token: \"?sv=1&sig=hunter2\"}"))
                .sink.auth.token.reveal(),
            "?sv=1&sig=hunter2");  // make_sas() takes the '?' off

  struct Case {
    std::string sink;
    std::string_view message;
  };
  const Case cases[] = {
      {"url: s3://bucket", "sink.url: has no scheme that is known"},
      {"url: /srv/lake", "sink.url: has no scheme that is known"},
      {"url: file://srv/lake", "sink.url: names no directory; write file:///srv/lake"},
      {"url: \"file:///\"", "sink.url: names no directory"},
      {"url: https://x.blob.core.windows.net" + key, "sink.url: names no container"},
      {"url: https://x.blob.core.windows.net/" + key, "sink.url: names no container"},
      {"url: https://x.blob.core.windows.net/a//b" + key, "sink.url: holds an empty part"},
      {"url: https://x.dfs.core.windows.net/a" + key, "sink.url: is the dfs endpoint"},
      {"url: http://x.blob.core.windows.net/a" + key, "sink.url: would send everything in clear"},
      {"url: https:///a" + key, "sink.url: has no host"},
      {"url: \"https://x.blob.core.windows.net/a?sig=hunter2\"",
       "sink.url: holds a '?': a SAS token has no place"},
      {"url: \"https://u:hunter2@x/a\"", "sink.url: holds an '@'"},
      {"url: https://x.blob.core.windows.net/a", "sink.auth.type: is required with this sink.url"},
      {"url: file:///srv/lake" + key, "sink.auth: has no use with this sink.url; remove it"},
      {"url: \"null:\"" + key, "sink.auth: has no use with this sink.url"},
      {"url: file:///srv/lake, tls: {ca: /ca.pem}", "sink.tls.ca: has no use with this sink.url; remove it"},
      {"url: https://x/a, auth: {type: shared-key}", "sink.auth.key: is required with this sink.auth.type"},
      {"url: https://x/a, auth: {type: sas, token: sig=hunter2, account: x}",
       "sink.auth.account: is not used with this sink.auth.type"},
  };
  for (const Case& c : cases) {
    const std::string error = error_of(text(c.sink));
    EXPECT_EQ(error.rfind("f.yaml:3: " + std::string(c.message), 0), 0U) << c.sink << "\n" << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    EXPECT_THAT(error, Not(HasSubstr("hunter2")));
  }
}

TEST(Load, the_source_is_checked) {
  const auto text = [](const std::string& source) {
    return "name: n\nsource: {topics: [t], " + source + "}\nsink: {url: \"null:\"}\n";
  };
  const std::string kafka = "brokers: [a:9092], ";
  const std::string hubs = "brokers: [x.servicebus.windows.net:9093], ";
  const std::string by_string = "auth: {type: connection-string, value: \"${file:/secrets/hub}\"}";
  EXPECT_TRUE(uses_tls(settings_of(text(hubs + by_string)).source));
  const Settings scram =
      settings_of(text(kafka + "auth: {type: sasl-scram-512, username: u, password: \"${PASSWORD}\"}"));
  EXPECT_EQ(scram.source.auth.type, source::AuthType::sasl_scram_512);
  EXPECT_EQ(scram.source.auth.username, "u");
  EXPECT_EQ(scram.source.auth.password.reveal(), "hunter2");
  const Settings bearer = settings_of(text(kafka + "auth: {type: oauthbearer, token_file: /run/token}"));
  EXPECT_EQ(bearer.source.auth.type, source::AuthType::oauthbearer);
  EXPECT_EQ(bearer.source.auth.token_file, "/run/token");

  struct Case {
    std::string source;
    std::string_view message;
  };
  const Case cases[] = {
      {kafka + "auth: {type: entra}",
       "source.auth.scope: is required, as the first of source.brokers has no name of Event Hubs; write "},
      {hubs + "auth: {type: entra}, tls: {enabled: false}",
       "source.tls.enabled: is off, and Event Hubs speaks nothing but TLS"},
      {kafka +
           "auth: {type: sasl-plain, username: u, password: \"${PASSWORD}\", scope: \"https://a/.default\"}",
       "source.auth.scope: is not used with this source.auth.type; remove it, or write entra as the type"},
      {kafka + "auth: {type: entra, scope: \"https://a\"}", "source.auth.scope: is no scope; write https://"},
      {kafka + "auth: {type: connection-string}",
       "source.auth.value: is required with this source.auth.type"},
      {kafka + "auth: {type: connection-string, value: hunter2}",
       "source.auth.value: is not a connection string of Event Hubs"},
      {kafka + "auth: {password: hunter2}", "source.auth.password: is not used with this source.auth.type"},
      {kafka + "auth: {type: sasl-plain, username: u}",
       "source.auth.password: is required with this source.auth.type"},
      {kafka + "auth: {type: oauthbearer}", "source.auth.token_file: is required with this source.auth.type"},
      {kafka + "auth: {type: oauthbearer, token_file: token}",
       "source.auth.token_file: is not an absolute path"},
      {kafka + "auth: {type: oauthbearer, token_file: /t, username: u}",
       "source.auth.username: is not used with this source.auth.type"},
      {kafka + "auth: {type: sasl-plain, username: u, password: \"${PASSWORD}\", token_file: /t}",
       "source.auth.token_file: is not used with this source.auth.type"},
      {hubs + by_string + ", tls: {enabled: false}",
       "source.tls.enabled: is off, and Event Hubs speaks nothing but TLS"},
      {kafka + "tls: {ca: /x.pem}", "source.tls.ca: has no use without TLS"},
      {kafka + "tls: {enabled: yes}", "source.tls.enabled: is none of its values; write auto, true or false"},
      {kafka + "tls: {enabled: true, ca: x.pem}", "source.tls.ca: is not an absolute path"},
      {kafka + "tls: {certificate: /x.pem, key: /k.pem}", "source.tls.certificate: has no use without TLS"},
      {kafka + "tls: {enabled: true, certificate: /x.pem}",
       "source.tls.key: is required with source.tls.certificate"},
      {kafka + "tls: {enabled: true, key: /x.pem}",
       "source.tls.key: has no use without source.tls.certificate"},
      {kafka + "tls: {enabled: true, certificate: x.pem, key: /k.pem}",
       "source.tls.certificate: is not an absolute path"},
      {kafka + "fetch_wait: 31s", "source.fetch_wait: is outside its limits; write auto, or 0s to 30s"},
      {kafka + "fence_wait: 0s", "source.fence_wait: is outside its limits; write 100ms to 10m"},
      {kafka + "librdkafka: [a]", "source.librdkafka: is not a mapping"},
      {kafka + "librdkafka: {client.rack: {a: b}}",
       "source.librdkafka: has a property, client.rack, that is a mapping"},
      {kafka + "librdkafka: {client.rack: a, client.rack: b}", "source.librdkafka: sets client.rack twice"},
      {kafka + "librdkafka: {client.rack: \"${NONE}\"}",
       "source.librdkafka: needs the environment variable NONE"},
  };
  for (const Case& c : cases) {
    const std::string error = error_of(text(c.source));
    EXPECT_EQ(error.rfind("f.yaml:2: " + std::string(c.message), 0), 0U) << c.source << "\n" << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    EXPECT_THAT(error, Not(HasSubstr("hunter2")));
  }
}

TEST(Load, name_and_instance_fit_into_the_name_of_a_group_member) {
  const auto error = [](std::size_t name, std::size_t instance) {
    return error_of("name: " + std::string(name, 'n') + "\nsource: {brokers: [a:1], topics: [t], instance: " +
                    std::string(instance, 'i') + "}\nsink: {url: \"null:\"}\n");
  };
  EXPECT_EQ(error(100, 143), "(no error)");
  EXPECT_THAT(error(100, 144), HasSubstr("source.instance: and name have more than 243 letters together"));
}

TEST(Load, what_penstock_owns_is_not_passed_to_librdkafka) {
  struct Case {
    std::string property;
    std::string_view advice;
  };
  const Case cases[] = {
      {"bootstrap.servers", "write source.brokers"},
      {"metadata.broker.list", "write source.brokers"},
      {"group.id", "write source.group"},
      {"group.instance.id", "each worker is a member of its own"},
      {"group.protocol", "each worker is a member of its own"},
      {"partition.assignment.strategy", "each worker is a member of its own"},
      {"enable.auto.commit", "positions are committed by penstock"},
      {"auto.commit.interval.ms", "positions are committed by penstock"},
      {"enable.auto.offset.store", "positions are committed by penstock"},
      {"auto.offset.reset", "write source.start"},
      {"topic.blacklist", "write source.topics_regex"},
      {"fetch.wait.max.ms", "write source.fetch_wait"},
      {"fetch.max.bytes", "memory is divided by runtime.memory"},
      {"fetch.message.max.bytes", "memory is divided by runtime.memory"},
      {"max.partition.fetch.bytes", "memory is divided by runtime.memory"},
      {"queued.min.messages", "memory is divided by runtime.memory"},
      {"receive.message.max.bytes", "write source.max_batch_bytes"},
      {"check.crcs", "damaged batches are handled by penstock"},
      {"enable.partition.eof", "ends are watched by penstock"},
      {"security.protocol", "write source.auth and source.tls"},
      {"ssl.ca.location", "write source.tls"},
      {"sasl.password", "write source.auth"},
      {"plugin.library.paths", "it would run code"},
      {"log_cb", "it would run code"},
  };
  for (const Case& c : cases) {
    const std::string error = error_of("name: n\nsource: {brokers: [a:1], topics: [t], librdkafka: {" +
                                       c.property + ": hunter2}}\nsink: {url: \"null:\"}\n");
    EXPECT_EQ(error.rfind(
                  "f.yaml:2: source.librdkafka: may not set " + c.property + ": " + std::string(c.advice), 0),
              0U)
        << error;
    EXPECT_THAT(error, Not(HasSubstr("hunter2")));
  }
}

TEST(Load, how_often_topics_are_looked_at_is_passed_to_librdkafka) {
  EXPECT_EQ(error_of("name: n\nsource: {brokers: [a:1], topics: [t], librdkafka: "
                     "{topic.metadata.refresh.interval.ms: 1000}}\nsink: {url: \"null:\"}\n"),
            "(no error)");
}

TEST(Load, records_are_judged_where_a_topic_says_so) {
  const Settings plain = settings_of(with(""));
  EXPECT_FALSE(plain.batch.judges_records());
  EXPECT_FALSE(plain.batch.max_record_bytes.has_value());
  const Settings s =
      settings_of(with("batch: {validate: json, max_record_bytes: 1MiB}\n"
                       "overrides:\n"
                       "  - {match: ^log, batch: {validate: none, max_record_bytes: none}}\n"
                       "  - {match: ^raw, batch: {validate: none}}\n"));
  EXPECT_EQ(s.batch.validate, Validate::json);
  EXPECT_EQ(s.batch.max_record_bytes, std::uint64_t{1} << 20);
  EXPECT_FALSE(s.batch_for("log").judges_records());
  EXPECT_TRUE(s.batch_for("raw").judges_records());
  EXPECT_NE(error_of(with("batch: {validate: xml}"))
                .find("batch.validate: is none of its values; write none or json"),
            std::string::npos);
  EXPECT_NE(error_of(with("batch: {max_record_bytes: 0}")).find("batch.max_record_bytes"), std::string::npos);
  EXPECT_NE(error_of(with("batch: {max_record_bytes: all}")).find("here none, or 1B to 1GiB"),
            std::string::npos)
      << error_of(with("batch: {max_record_bytes: all}"));
}

TEST(Load, what_does_not_fit_together_is_refused) {
  constexpr Refused k_cases[] = {
      {"runtime: {memory: 128MiB, workers: 2}",
       "f.yaml:7: runtime.memory: is too little for 2 workers with blocks of 8MiB; write at least 156MiB, or "
       "lower "
       "sink.block_bytes to 1MiB, or lower runtime.workers to 1"},
      {"runtime: {memory: 64MiB}",
       "f.yaml:7: runtime.memory: is too little for 1 worker with blocks of 8MiB; write at least 90MiB"},
      {"stage: {max_bytes: 128MiB}\nruntime: {workers: 2}",
       "f.yaml:7: stage.max_bytes: is too little for 2 workers with blocks of 8MiB; write at least 256MiB"},
      {"batch: {max_bytes: 1TiB}",
       "f.yaml:7: batch.max_bytes: needs more than 50000 blocks of sink.block_bytes, the most a blob can "
       "have; write at "
       "most 400000MiB, or larger blocks"},
      {"overrides: [{match: a, batch: {max_bytes: 1TiB}}]",
       "f.yaml:7: overrides[0].batch.max_bytes: needs more than 50000 blocks"},
      {"batch: {path: \"{topic}/{partition}\"}",
       "f.yaml:7: batch.path: holds {partition}, and a file has all partitions"},
      {"batch: {path: \"{partition}\", group_by: partition}\noverrides: [{match: a, batch: {group_by: "
       "topic}}]",
       "f.yaml:8: overrides[0].batch.path: holds {partition}"},
      {"batch: {envelope_fields: [key, value]}",
       "f.yaml:7: batch.envelope_fields: has no use without format: envelope"},
      {"overrides: [{match: a, batch: {envelope_fields: [key]}}]",
       "f.yaml:7: overrides[0].batch.envelope_fields: has no use without format: envelope"},
      {"batch: {format: envelope, envelope_fields: [value, key, value]}",
       "f.yaml:7: batch.envelope_fields: has value twice; remove one of them"},
      {"batch: {format: envelope, envelope_fields: [key, body]}",
       "f.yaml:7: batch.envelope_fields: has an item that is no field of an envelope; write topic, "},
      {"batch: {format: envelope, envelope_fields: []}", "f.yaml:7: batch.envelope_fields: is empty"},
      {"batch: {decode: avro, schema: '\"long\"'}",
       "f.yaml:7: batch.format: has no place for a value that batch.decode cannot decode; write envelope, "
       "parquet or capture-avro, or"},
      {"batch: {format: envelope, decode: avro}\noverrides: [{match: a, batch: {max_age: 5s}}]",
       "f.yaml:7: batch.schema: is required with decode: avro; write \"${file:/its/whole/path}\""},
      {"batch: {format: envelope, decode: avro, schema: '\"long\"', envelope_fields: [key]}",
       "f.yaml:7: batch.envelope_fields: leave out the value, which is to be decoded; add value, or"},
      {"batch: {format: envelope, decode: avro, schema: '\"lang\"'}",
       "f.yaml:7: batch.schema: is no schema of Avro that can be used: it names \"lang\", which is not "
       "defined"},
      {"batch: {format: envelope, decode: avro, schema: '\"long\"', validate: json}",
       "f.yaml:7: batch.validate: looks at a value as it came, and no Avro is JSON: all would go into"},
      {"batch: {format: envelope, schema: '\"long\"'}",
       "f.yaml:7: batch.schema: has no use without decode: avro or json; write one of them"},
      {"batch: {format: envelope, decode: avro, schema: '\"long\"', columns: records}",
       "f.yaml:7: batch.columns: has no use without format: parquet and schema: registry; write these, or"},
      {"overrides: [{match: a, batch: {columns: records}}]",
       "f.yaml:7: overrides[0].batch.columns: has no use without format: parquet and schema: registry"},
      {"batch: {format: envelope, framing: confluent}",
       "f.yaml:7: batch.framing: has no use without decode: avro or json; write one of them"},
      {"batch: {format: envelope, decode: avro, schema: '\"long\"'}\noverrides: [{match: a, batch: {format: "
       "ndjson}}]",
       "f.yaml:8: overrides[0].batch.format: has no place for a value that batch.decode cannot decode"},
      {"overrides: [{match: a, batch: {format: envelope, schema: '\"long\"'}}]",
       "f.yaml:7: overrides[0].batch.schema: has no use without decode: avro"},
      {"registry: {type: confluent, url: \"https://a\"}",
       "f.yaml:7: registry: has no use without batch.decode: avro or json, and batch.schema: registry; write "
       "these, or"},
      {"batch: {format: envelope, decode: avro, schema: registry}",
       "f.yaml:1: registry.type: is required; write confluent, azure or apicurio"},
      {"batch: {format: envelope, decode: avro, schema: registry}\nregistry: {type: confluent}",
       "f.yaml:8: registry.url: is required; write https://registry.example:8081"},
      {"batch: {format: envelope, decode: avro, schema: registry}\nregistry: {type: azure}",
       "f.yaml:8: registry.url: is required; write https://<namespace>.servicebus.windows.net, as the first "
       "of"},
      {"batch: {format: envelope, decode: avro, schema: registry}\n"
       "registry: {type: confluent, url: \"https://me:secret@a\"}",
       "f.yaml:8: registry.url: holds an '@': a login has no place in a url; write it as registry.username"},
      {"batch: {format: envelope, decode: avro, schema: registry}\nregistry: {type: confluent, url: "
       "\"a:8081\"}",
       "f.yaml:8: registry.url: has no scheme that is known; write https://registry.example:8081"},
      {"batch: {format: envelope, decode: avro, schema: registry}\n"
       "registry: {type: confluent, url: \"https://a/b?c=d\"}",
       "f.yaml:8: registry.url: holds what no path of an API has, or ends with '/'"},
      {"batch: {format: envelope, decode: avro, schema: registry}\n"
       "registry: {type: confluent, url: \"http://a:8081\", username: b, password: c}",
       "f.yaml:8: registry.url: would show the login in clear; write https://"},
      {"batch: {format: envelope, decode: avro, schema: registry}\n"
       "registry: {type: confluent, url: \"https://a\", username: b}",
       "f.yaml:8: registry.password: is required with username"},
      {"batch: {format: envelope, decode: avro, schema: registry}\n"
       "registry: {type: confluent, url: \"https://a\", token: d, username: b, password: c}",
       "f.yaml:8: registry.token: excludes username and password; keep one of the two logins"},
      {"batch: {format: envelope, decode: avro, schema: registry}\n"
       "registry: {type: azure, url: \"https://a\", token: d}",
       "f.yaml:8: registry.token: has no use with type: azure, to which a token of Entra is shown; remove "
       "it"},
      {"batch: {format: envelope, decode: avro, schema: registry, framing: azure}\n"
       "registry: {type: confluent, url: \"https://a\"}",
       "f.yaml:7: batch.framing: is of ids in another framing than those of registry.type"},
      {"batch: {format: envelope, decode: json, schema: '{\"properties\": {\"a\": {}}}'}",
       "f.yaml:7: batch.format: has no columns for decode: json; write parquet, or decode: none, or schema: "
       "registry"},
      {"batch: {format: parquet, decode: json}",
       "f.yaml:7: batch.schema: is required with decode: json; write"},
      {"batch: {format: parquet, decode: avro, schema: '{\"properties\": {\"a\": {}}}'}",
       "f.yaml:7: batch.schema: is no schema of Avro that can be used: it has no \"type\""},
      {"batch: {format: parquet, decode: json, schema: '\"long\"'}",
       "f.yaml:7: batch.schema: makes no columns: it names no properties at its top"},
      {"batch: {format: parquet, decode: json, schema: '{\"properties\": {\"_key\": {}}}'}",
       "f.yaml:7: batch.schema: is no schema of Avro that can be used: it has no \"type\". Nor is it a JSON "
       "Schema: it has the field \"_key\", and penstock writes a column of that name itself"},
      {"batch: {format: ndjson, decode: json, schema: registry}\nregistry: {type: confluent, url: "
       "\"https://a\"}",
       "f.yaml:7: batch.format: has no place for a value that batch.decode cannot decode"},
      {"batch: {format: parquet, decode: json, schema: registry, framing: none}\nregistry: {type: confluent, "
       "url: \"https://a\"}",
       "f.yaml:7: batch.framing: is of ids in another framing than those of registry.type"},
      {"batch: {format: parquet, decode: avro, schema: registry, validate: json}\nregistry: {type: "
       "confluent, "
       "url: \"https://a\"}",
       "f.yaml:7: batch.validate: looks at a value as it came"},
      {"batch: {format: parquet, decode: json, framing: confluent, validate: json, schema: '{\"properties\": "
       "{\"a\": {}}}'}",
       "f.yaml:7: batch.validate: looks at a value as it came, and with an id before it no value is JSON"},
      {"batch: {format: parquet, decode: avro, validate: json, schema: '\"long\"'}",
       "f.yaml:7: batch.validate: looks at a value as it came"},
      {"batch: {format: capture-avro, group_by: topic}",
       "f.yaml:7: batch.group_by: makes a file of all partitions, and one of capture-avro has one; write "
       "group_by: partition"},
      {"batch: {group_by: topic}\noverrides: [{match: a, batch: {format: capture-avro}}]",
       "f.yaml:8: overrides[0].batch.format: makes a file of all partitions"},
      {"batch: {format: capture-avro, compression: gzip}",
       "f.yaml:7: batch.compression: does not go with compression: gzip, which capture-avro cannot have; "
       "write "
       "compression: none, or deflate"},
      {"batch: {compression: zstd}\noverrides: [{match: a, batch: {format: capture-avro}}]",
       "f.yaml:8: overrides[0].batch.format: does not go with compression: zstd"},
      {"batch: {format: parquet, compression: gzip}",
       "f.yaml:7: batch.compression: does not go with compression: gzip, which parquet cannot have; write "
       "compression: zstd, snappy or none"},
      {"batch: {compression: snappy}",
       "f.yaml:7: batch.compression: does not go with compression: snappy, which only parquet has; write "
       "compression: zstd"},
      {"batch: {compression: deflate}", "f.yaml:7: batch.compression: does not go with compression: deflate"},
      {"batch: {format: capture-avro, compression: deflate}\noverrides: [{match: a, batch: {format: "
       "ndjson}}]",
       "f.yaml:8: overrides[0].batch.format: does not go with compression: deflate"},
  };
  for (const Refused& c : k_cases) {
    const std::string error = error_of(with(c.more));
    EXPECT_EQ(error.rfind(c.message, 0), 0U) << c.more << "\n" << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
  EXPECT_EQ(settings_of(with("batch: {max_bytes: 400000MiB}")).batch.max_bytes, 50'000 * 8 * k_mib);
}

TEST(Load, small_files_have_ages_that_fit) {
  EXPECT_EQ(settings_of(with("batch: {max_age: 1h}")).batch.longest_age(), hours(1)) << "no min_bytes";
  EXPECT_EQ(settings_of(with("batch: {min_bytes: 1MiB}")).batch.longest_age(), minutes(10));
  const Settings thin =
      settings_of(with("batch: {small_max_age: 1h}\noverrides: [{match: ^x, batch: {min_bytes: 16MiB}}]"));
  EXPECT_EQ(thin.batch_for("x").min_bytes, 16 * k_mib);
  EXPECT_EQ(thin.batch_for("x").small_max_age, hours(1));
  EXPECT_EQ(thin.batch_for("y").min_bytes, 0U);
  constexpr Refused k_cases[] = {
      {"batch: {small_max_age: 1h}", "batch.small_max_age: has no use without min_bytes"},
      {"batch: {min_bytes: 1MiB, max_bytes: 1KiB}",
       "batch.min_bytes: is more than max_bytes, at which a file is closed; write at most 1KiB"},
      {"batch: {min_bytes: 1MiB, max_age: 1h}",
       "batch.small_max_age: is 10m, shorter than max_age; write 1h or more"},
      {"overrides: [{match: a, batch: {min_bytes: 1TiB}}]",
       "overrides[0].batch.min_bytes: is more than max_bytes"},
      {"overrides: [{match: a, batch: {min_bytes: 1MiB, max_age: 2h}}]",
       "overrides[0].batch.small_max_age: is 10m, shorter than max_age"},
      {"overrides: [{match: a, batch: {small_max_age: 2h}}]",
       "overrides[0].batch.small_max_age: has no use without min_bytes"},
  };
  for (const Refused& c : k_cases) {
    EXPECT_THAT(error_of(with(c.more)), HasSubstr(c.message)) << c.more;
  }
}

TEST(Load, empty_files_are_of_capture) {
  EXPECT_FALSE(settings_of(with("batch: {format: capture-avro}")).batch.empty_files);
  EXPECT_TRUE(settings_of(with("batch: {format: capture-avro, empty_files: true}")).batch.empty_files);
  const Settings one =
      settings_of(with("batch: {empty_files: true}\noverrides: [{match: a, batch: {format: capture-avro}}]"));
  EXPECT_TRUE(one.batch_for("a").empty_files);
  EXPECT_EQ(error_of(with("batch: {empty_files: true}")),
            "f.yaml:7: batch.empty_files: has no use without format: capture-avro; write that, or remove it");
  EXPECT_THAT(error_of(with("overrides: [{match: a, batch: {empty_files: true}}]")),
              HasSubstr("overrides[0].batch.empty_files: has no use without format: capture-avro"));
}

TEST(Load, the_clock_of_names_is_the_walls_unless_it_is_said) {
  EXPECT_EQ(settings_of(with("")).batch.clock, BatchClock::wall);
  EXPECT_EQ(settings_of(with("batch: {clock: record}")).batch.clock, BatchClock::record);
  EXPECT_THAT(error_of(with("batch: {clock: kafka}")),
              HasSubstr("batch.clock: is none of its values; write wall or record"));
}

TEST(Load, files_of_capture_lie_where_capture_puts_them_unless_it_is_written) {
  constexpr std::string_view k_path = "{namespace}/{topic}/{partition}/{yyyy}/{MM}/{dd}/{HH}/{mm}/{ss}";
  const Settings all = settings_of(with("batch: {format: capture-avro}"));
  EXPECT_EQ(all.batch.group_by, GroupBy::partition);
  EXPECT_EQ(all.batch.path, k_path);
  const std::vector<ShownKey> shown = shown_configuration(all);
  const auto value_of = [&](std::string_view path) {
    return std::find_if(shown.begin(), shown.end(), [&](const ShownKey& key) { return key.path == path; })
        ->value;
  };
  EXPECT_EQ(value_of("batch.group_by"), "partition");
  EXPECT_EQ(value_of("batch.path"), k_path);
  const Settings one = settings_of(with("overrides: [{match: a, batch: {format: capture-avro}}]"));
  EXPECT_EQ(one.batch.group_by, GroupBy::topic);
  EXPECT_EQ(one.overrides[0].batch.group_by, GroupBy::partition);
  EXPECT_EQ(one.overrides[0].batch.path, k_path);
  const Settings others =
      settings_of(with("batch: {format: capture-avro}\noverrides: [{match: a, batch: {format: ndjson}}]"));
  EXPECT_EQ(others.overrides[0].batch.group_by, GroupBy::topic);
  EXPECT_NE(others.overrides[0].batch.path, k_path);
  EXPECT_EQ(settings_of(with("batch: {format: capture-avro, path: \"x/{partition}\"}")).batch.path,
            "x/{partition}");
}

TEST(Load, pages_of_parquet_have_zstd_unless_it_is_written) {
  EXPECT_EQ(settings_of(with("batch: {format: parquet}")).batch.compression, codec::Compression::zstd);
  EXPECT_EQ(settings_of(with("batch: {format: parquet, compression: none}")).batch.compression,
            codec::Compression::none);
  EXPECT_EQ(settings_of(with("batch: {format: parquet, compression: snappy}")).batch.compression,
            codec::Compression::snappy);
  EXPECT_EQ(settings_of(with("batch: {format: ndjson}")).batch.compression, codec::Compression::none);
  const Settings one = settings_of(with("overrides: [{match: a, batch: {format: parquet}}]"));
  EXPECT_EQ(one.batch.compression, codec::Compression::none);
  EXPECT_EQ(one.overrides[0].batch.compression, codec::Compression::zstd);
}

TEST(Settings, a_namespace_is_the_first_label_of_the_first_broker) {
  const auto of = [](const std::string& broker) {
    SourceSettings source;
    source.brokers = {broker};
    return namespace_of(source);
  };
  EXPECT_EQ(of("contoso.servicebus.windows.net:9093"), "contoso");
  EXPECT_EQ(of("kafka:9092"), "kafka");
  EXPECT_EQ(of("face:9092"), "face");
  EXPECT_EQ(of("10.0.0.7:9092"), "10.0.0.7");
  EXPECT_EQ(of("[::1]:9092"), "--1");
  EXPECT_EQ(of("cafe.bad:9092"), "cafe");
}

TEST(Load, a_fetch_may_not_wait_longer_than_a_file_is_open) {
  EXPECT_THAT(
      error_of("name: n\nsource: {brokers: [a:1], topics: [t], fetch_wait: 20s}\nsink: {url: \"null:\"}\n"
               "overrides: [{match: t, batch: {max_age: 5s}}]\n"),
      HasSubstr(
          "f.yaml:2: source.fetch_wait: is longer than the shortest max_age; write at most 5s, or auto"));
}

TEST(Load, overrides_are_checked_like_the_rest) {
  constexpr Refused k_cases[] = {
      {"overrides: {match: a}", "overrides: is not a list"},
      {"overrides: [{batch: {max_age: 1s}}]", "overrides[0]: has no match"},
      {"overrides: [x]", "overrides[0]: has no match"},
      {"overrides: [{match: \"(\", batch: {max_age: 1s}}]",
       "overrides[0].match: is not a regular expression"},
      {"overrides: [{match: a, max_age: 1s}]",
       "overrides[0].max_age: is not a key; an override has match and batch"},
      {"overrides: [{match: a, batch: 1s}]", "overrides[0].batch: is not a mapping"},
      {"overrides: [{match: a, batch: {max_age: 0s}}]", "overrides[0].batch.max_age: is outside its limits"},
      {"overrides: [{match: a, batch: {maxage: 2s}}]",
       "overrides[0].batch.maxage: is not a key; did you mean batch.max_age?"},
      {"overrides: [{match: a, batch: {max_age: 2s}}, {match: b, batch: {format: avro}}]",
       "overrides[1].batch.format: is none of its values"},
  };
  for (const Refused& c : k_cases) {
    const std::string error = error_of(with(c.more));
    EXPECT_EQ(error.rfind("f.yaml:7: " + std::string(c.message), 0), 0U) << c.more << "\n" << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(Load, unknown_keys_meet_the_nearest_known_one) {
  constexpr Refused k_cases[] = {
      {"sinks: {url: x}", "sinks: is not a key; did you mean sink?"},
      {"max_age: 1s", "max_age: is not a key; did you mean batch.max_age?"},
      {"log: {levle: info}", "log.levle: is not a key; did you mean log.level?"},
      {"log: {colour: info}", "log.colour: is not a key; the keys here are level, format"},
      {"stage: {max-bytes: 1GiB}", "stage.max-bytes: is not a key; did you mean stage.max_bytes?"},
      {"zzz: 1",
       "zzz: is not a key; the keys here are name, source, batch, overrides, sink, registry, stage, runtime, "
       "guarantee, admin, log, drain_timeout"},
  };
  for (const Refused& c : k_cases) {
    EXPECT_EQ(error_of(with(c.more)), "f.yaml:7: " + std::string(c.message));
  }
}

TEST(Load, no_error_shows_a_value) {
  // A secret at every place where a value can stand, typed, listed and mapped.
  const std::string error = error_of(R"(
name: "${PASSWORD} /"
source:
  brokers: ["${PASSWORD}"]
  topics: ["${PASSWORD}!"]
  group: "${PASSWORD} x"
  start: "${PASSWORD}"
  fetch_wait: "${PASSWORD}"
  max_batch_bytes: "${PASSWORD}"
  on_data_loss: "${PASSWORD}"
  auth: {type: "${PASSWORD}", value: "${PASSWORD}"}
  librdkafka: {sasl.password: "${PASSWORD}"}
batch: {path: "/${PASSWORD}", max_age: "${PASSWORD}"}
overrides: [{match: "(${PASSWORD}", batch: {max_age: "${PASSWORD}"}}]
sink: {url: "${PASSWORD}", auth: {type: "${PASSWORD}"}, connections: "${PASSWORD}"}
stage: {dir: "${PASSWORD}"}
admin: {listen: "${PASSWORD}"}
)");
  EXPECT_THAT(error,
              AllOf(HasSubstr("source.brokers"), HasSubstr("stage.dir"), HasSubstr("overrides[0].match")));
  EXPECT_THAT(error, Not(HasSubstr("hunter2")));
}

TEST(Load, a_secret_in_the_place_of_a_key_is_not_shown) {
  const std::string secret = "Endpoint=sb://x/;SharedAccessKey=hunter2";
  const std::string long_secret(41, 'h');
  for (const std::string& key : {secret, long_secret}) {
    for (const std::string& text :
         {"name: n\n\"" + key + "\": x\n", "name: n\nsource: {\"" + key + "\": x, \"" + key + "\": y}\n",
          "name: n\noverrides: [{match: ^o, \"" + key + "\": x, \"" + key + "\": y}]\n"}) {
      const std::string error = error_of(text);
      EXPECT_THAT(error, HasSubstr("(something): is not a key")) << text;
      EXPECT_THAT(error, Not(HasSubstr(key)));
    }
  }
}

TEST(Load, the_logs_format_is_known_though_the_rest_is_refused) {
  FakeEnvironment environment = fake();
  environment.files["/json.yaml"] = "nmae: x\nlog: {format: json}\n";
  environment.files["/text.yaml"] = "nmae: x\n";
  environment.files["/wrong.yaml"] = "log: {format: yaml}\n";
  environment.files["/none.yaml"] = "[";
  EXPECT_EQ(log_format_in("/json.yaml", environment.environment()), obs::LogFormat::json);
  for (const char* file : {"/text.yaml", "/wrong.yaml", "/none.yaml", "/missing.yaml"}) {
    EXPECT_EQ(log_format_in(file, environment.environment()), obs::LogFormat::text) << file;
  }
}

TEST(Load, a_variable_cannot_add_keys) {
  FakeEnvironment environment = fake();
  environment.variables["EVIL"] = "web\nguarantee: exactly_once";
  const Result<Settings> settings =
      load_text("name: n\nsource: {brokers: [a:1], topics: [t]}\nsink: {url: \"file://${EVIL}\"}\n", "f.yaml",
                environment.environment());
  ASSERT_FALSE(settings.ok());
  EXPECT_THAT(settings.error().message, AllOf(HasSubstr("sink.url"), Not(HasSubstr("guarantee"))));
}

TEST(Load, a_file_that_is_not_there_is_said_as_such) {
  const Result<Settings> settings = load("/none.yaml", fake().environment());
  ASSERT_FALSE(settings.ok());
  EXPECT_EQ(settings.error().message, "reading /none.yaml: there is none");
}

TEST(Secret, does_not_print) {
  std::ostringstream out;
  out << Secret("hunter2");
  EXPECT_EQ(out.str(), "(secret)");
  EXPECT_EQ(testing::PrintToString(Secret("hunter2")), "(secret)");
}

}  // namespace
}  // namespace penstock::config
