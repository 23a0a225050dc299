#include "rdkafka/client_properties.h"

#include <algorithm>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdkafka/rd_handles.h"
#include "source/consumer_options.h"

namespace penstock::rdkafka {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int k_version_2_0 = 0x020002ff;
constexpr int k_version_2_8 = 0x020800ff;

constexpr const char* k_connection =
    "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey=c2VjcmV0";

source::ConsumerOptions plain() {
  source::ConsumerOptions options;
  options.brokers = {"a:9092", "b:9092"};
  options.group = "penstock-test";
  options.topics = {"orders"};
  return options;
}

source::ConsumerOptions event_hubs() {
  source::ConsumerOptions options = plain();
  options.brokers.clear();
  options.auth.type = source::AuthType::event_hubs;
  options.auth.connection_string = k_connection;
  return options;
}

std::optional<std::string> value_of(const source::ConsumerOptions& options, const std::string& name,
                                    int version = k_version_2_0) {
  const auto properties = client_properties(options, EndOfPartition::silent, version);
  EXPECT_TRUE(properties.ok());
  const auto found = std::find_if(properties->begin(), properties->end(),
                                  [&](const Property& property) { return property.name == name; });
  return found == properties->end() ? std::nullopt : std::optional(found->value);
}

std::string error_of(const source::ConsumerOptions& options) {
  const auto properties = client_properties(options, EndOfPartition::silent, k_version_2_0);
  return properties ? "" : properties.error().message;
}

TEST(ClientOptions, sets_what_exactly_once_and_flat_memory_rest_on) {
  const struct {
    const char* name;
    const char* value;
  } rows[] = {
      {"bootstrap.servers", "a:9092,b:9092"},
      {"group.id", "penstock-test"},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
      {"partition.assignment.strategy", "range"},
      {"isolation.level", "read_committed"},
      {"check.crcs", "true"},
      {"allow.auto.create.topics", "false"},
      {"fetch.message.max.bytes", "524288"},
      {"fetch.max.bytes", "4194304"},
      {"queued.max.messages.kbytes", "16384"},
      {"fetch.wait.max.ms", "500"},
      {"fetch.min.bytes", "524288"},
      {"connections.max.idle.ms", "180000"},
      {"metadata.max.age.ms", "180000"},
      {"socket.keepalive.enable", "true"},
      {"session.timeout.ms", "30000"},
      {"heartbeat.interval.ms", "3000"},
      {"enable.partition.eof", "false"},
      {"topic.metadata.refresh.interval.ms", "60000"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(value_of(plain(), row.name), row.value) << row.name;
  }
  EXPECT_EQ(value_of(plain(), "group.instance.id"), std::nullopt);
}

TEST(ClientOptions, chooses_protocol_and_mechanism) {
  const auto with = [](source::AuthType type, source::Tls tls) {
    source::ConsumerOptions options = plain();
    options.auth = {
        .type = type, .user = "u", .password = "p", .connection_string = k_connection, .token_file = "/t"};
    options.tls = tls;
    return options;
  };
  const struct {
    source::AuthType type;
    source::Tls tls;
    const char* protocol;
    std::optional<std::string> mechanism;
  } rows[] = {
      {source::AuthType::none, source::Tls::automatic, "PLAINTEXT", std::nullopt},
      {source::AuthType::none, source::Tls::enabled, "SSL", std::nullopt},
      {source::AuthType::sasl_plain, source::Tls::automatic, "SASL_PLAINTEXT", "PLAIN"},
      {source::AuthType::sasl_plain, source::Tls::enabled, "SASL_SSL", "PLAIN"},
      {source::AuthType::sasl_scram_256, source::Tls::enabled, "SASL_SSL", "SCRAM-SHA-256"},
      {source::AuthType::sasl_scram_512, source::Tls::disabled, "SASL_PLAINTEXT", "SCRAM-SHA-512"},
      {source::AuthType::oauthbearer, source::Tls::enabled, "SASL_SSL", "OAUTHBEARER"},
      {source::AuthType::event_hubs, source::Tls::automatic, "SASL_SSL", "PLAIN"},
      {source::AuthType::event_hubs, source::Tls::disabled, "SASL_PLAINTEXT", "PLAIN"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(value_of(with(row.type, row.tls), "security.protocol"), row.protocol);
    EXPECT_EQ(value_of(with(row.type, row.tls), "sasl.mechanisms"), row.mechanism);
  }
  source::ConsumerOptions hubs_by_password = plain();
  hubs_by_password.brokers = {"contoso.servicebus.windows.net:9093"};
  EXPECT_EQ(value_of(hubs_by_password, "security.protocol"), "SSL") << "Event Hubs speaks nothing but TLS";
}

TEST(ClientOptions, shows_a_certificate_of_its_own_with_tls_only) {
  source::ConsumerOptions options = plain();
  options.tls = source::Tls::enabled;
  EXPECT_EQ(value_of(options, "ssl.certificate.location"), std::nullopt);
  options.tls_certificate = "/etc/gateway.pem";
  options.tls_key = "/etc/gateway.key";
  EXPECT_EQ(value_of(options, "ssl.certificate.location"), "/etc/gateway.pem");
  EXPECT_EQ(value_of(options, "ssl.key.location"), "/etc/gateway.key");
  options.tls = source::Tls::disabled;
  EXPECT_EQ(value_of(options, "ssl.key.location"), std::nullopt);
}

TEST(ClientOptions, a_connection_string_is_user_password_and_broker) {
  EXPECT_EQ(value_of(event_hubs(), "bootstrap.servers"), "contoso.servicebus.windows.net:9093");
  EXPECT_EQ(value_of(event_hubs(), "sasl.username"), "$ConnectionString");
  EXPECT_EQ(value_of(event_hubs(), "sasl.password"), k_connection);

  source::ConsumerOptions emulator = event_hubs();
  emulator.auth.connection_string =
      "Endpoint=sb://localhost;SharedAccessKeyName=k;SharedAccessKey=v;UseDevelopmentEmulator=true";
  EXPECT_EQ(value_of(emulator, "bootstrap.servers"), "localhost:9092");
  EXPECT_EQ(value_of(emulator, "security.protocol"), "SASL_PLAINTEXT");
}

// Every form that Microsoft's pages show: of a namespace, of one hub, with a signature, of other clouds, of
// the emulator and from a container beside it.
TEST(ClientOptions, takes_each_documented_form_of_a_connection_string) {
  const std::string key = "SharedAccessKeyName=listen;SharedAccessKey=c2VjcmV0";
  const struct {
    std::string text;
    const char* broker;
    const char* protocol;
    const char* hub;
  } rows[] = {
      {"Endpoint=sb://ns.servicebus.windows.net/;" + key, "ns.servicebus.windows.net:9093", "SASL_SSL", ""},
      {"Endpoint=sb://ns.servicebus.windows.net/;" + key + ";EntityPath=orders",
       "ns.servicebus.windows.net:9093", "SASL_SSL", "orders"},
      {"EntityPath=orders;" + key + ";Endpoint=sb://ns.servicebus.windows.net",
       "ns.servicebus.windows.net:9093", "SASL_SSL", "orders"},
      {"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessSignature=SharedAccessSignature "
       "sr=https%3a%2f%2fns.servicebus.windows.net%2forders&sig=a%3d&se=1900000000&skn=listen;EntityPath="
       "orders",
       "ns.servicebus.windows.net:9093", "SASL_SSL", "orders"},
      {"Endpoint=sb://ns.servicebus.chinacloudapi.cn/;" + key, "ns.servicebus.chinacloudapi.cn:9093",
       "SASL_SSL", ""},
      {"Endpoint=sb://ns.servicebus.usgovcloudapi.net/;" + key, "ns.servicebus.usgovcloudapi.net:9093",
       "SASL_SSL", ""},
      {"Endpoint=sb://localhost;" + key + ";UseDevelopmentEmulator=true;", "localhost:9092", "SASL_PLAINTEXT",
       ""},
      {"Endpoint=sb://host.docker.internal:5672;" + key + ";UseDevelopmentEmulator=true;EntityPath=orders",
       "host.docker.internal:9092", "SASL_PLAINTEXT", "orders"},
      {"Endpoint=sb://localhost;" + key + ";UseDevelopmentEmulator=false;", "localhost:9093", "SASL_SSL", ""},
  };
  for (const auto& row : rows) {
    source::ConsumerOptions options = event_hubs();
    options.auth.connection_string = row.text;
    EXPECT_EQ(value_of(options, "bootstrap.servers"), row.broker) << row.text;
    EXPECT_EQ(value_of(options, "security.protocol"), row.protocol) << row.text;
    EXPECT_EQ(source::event_hubs_entity(row.text), row.hub) << row.text;
  }
}

TEST(ClientOptions, a_broken_connection_string_is_refused_without_its_text) {
  for (const char* text : {"", "hunter2", "Endpoint=sb://;SharedAccessKey=hunter2",
                           "Endpoint=https://x/;SharedAccessKey=hunter2", "Endpoint=sb://x/;Other=hunter2"}) {
    source::ConsumerOptions options = event_hubs();
    options.auth.connection_string = text;
    EXPECT_THAT(error_of(options), HasSubstr("source.auth")) << text;
    EXPECT_THAT(error_of(options), Not(HasSubstr("hunter2")));
  }
}

TEST(ClientOptions, names_the_option_that_is_missing) {
  source::ConsumerOptions options = plain();
  options.brokers.clear();
  EXPECT_THAT(error_of(options), HasSubstr("source.brokers"));
  options = plain();
  options.group.assign(257, 'g');
  EXPECT_THAT(error_of(options), HasSubstr("source.group"));
  options = plain();
  options.topics.clear();
  EXPECT_THAT(error_of(options), HasSubstr("source.topics"));
  options = plain();
  options.topics = {"a", "^b"};
  EXPECT_THAT(error_of(options), HasSubstr("topics_regex"));
  options = plain();
  options.auth.type = source::AuthType::sasl_plain;
  EXPECT_THAT(error_of(options), HasSubstr("password"));
}

TEST(ClientOptions, refuses_passthrough_keys_that_penstock_owns) {
  for (const char* key : {"enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset", "group.id",
                          "bootstrap.servers", "metadata.broker.list", "partition.assignment.strategy",
                          "group.protocol", "isolation.level", "enable.partition.eof", "sasl.password"}) {
    source::ConsumerOptions options = plain();
    options.passthrough[key] = "hunter2";
    EXPECT_THAT(error_of(options), HasSubstr(key));
    EXPECT_THAT(error_of(options), Not(HasSubstr("hunter2"))) << key;
  }
}

TEST(ClientOptions, passthrough_replaces_a_tuned_value_in_its_place) {
  source::ConsumerOptions options = plain();
  options.passthrough = {{"session.timeout.ms", "45000"}, {"socket.timeout.ms", "70000"}};
  EXPECT_EQ(value_of(options, "session.timeout.ms"), "45000");
  EXPECT_EQ(value_of(options, "socket.timeout.ms"), "70000");
  const auto properties = client_properties(options, EndOfPartition::silent, k_version_2_0);
  EXPECT_EQ(std::count_if(properties->begin(), properties->end(),
                          [](const Property& property) { return property.name == "session.timeout.ms"; }),
            1);
}

TEST(ClientOptions, leaves_out_what_an_older_library_does_not_know) {
  EXPECT_EQ(value_of(plain(), "fetch.queue.backoff.ms", k_version_2_0), std::nullopt);
  EXPECT_NE(value_of(plain(), "fetch.queue.backoff.ms", k_version_2_8), std::nullopt);
}

TEST(ClientOptions, a_pattern_does_not_match_the_brokers_own_topics) {
  source::ConsumerOptions options = plain();
  options.topics = {"^.*"};
  EXPECT_THAT(value_of(options, "topic.blacklist").value_or(""), HasSubstr("__consumer_offsets"));
  EXPECT_EQ(value_of(plain(), "topic.blacklist"), std::nullopt);
}

TEST(ClientOptions, the_installed_library_takes_every_property) {
  for (source::ConsumerOptions options : {plain(), event_hubs()}) {
    const auto properties = client_properties(options, EndOfPartition::reported, k_version_2_0);
    ASSERT_TRUE(properties.ok());
    const auto conf = make_conf(*properties);
    EXPECT_TRUE(conf.ok()) << conf.error().message;
  }
}

TEST(ClientOptions, an_unknown_passthrough_key_is_refused_in_the_librarys_words) {
  const Property unknown{"no.such.key", "1"};
  const auto conf = make_conf(std::span(&unknown, 1));
  ASSERT_FALSE(conf.ok());
  EXPECT_THAT(conf.error().message, HasSubstr("No such configuration property: \"no.such.key\""));
}

TEST(ClientOptions, a_refused_secret_is_not_shown) {
  const Property secret{"ssl.key.pem", "hunter2"};
  const auto conf = make_conf(std::span(&secret, 1));
  if (!conf.ok()) {
    EXPECT_THAT(conf.error().message, Not(HasSubstr("hunter2")));
  }
  EXPECT_TRUE(is_secret("sasl.password"));
  EXPECT_TRUE(is_secret("ssl.key.password"));
  EXPECT_TRUE(is_secret("sasl.oauthbearer.client.secret"));
  EXPECT_FALSE(is_secret("fetch.min.bytes"));
}

}  // namespace
}  // namespace penstock::rdkafka
