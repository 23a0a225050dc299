#include "appliance/wiring_source.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <penstock/penstock.h>

#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

TEST(WiringSource, the_source_is_told_everything_that_was_written) {
  const Settings settings = settings_of(
      "name: test\n"
      "source:\n"
      "  brokers: [\"a:9093\", \"b:9093\"]\n"
      "  topics_regex: ^svc-\n"
      "  group: the-group\n"
      "  start: 2026-01-31T00:00:00Z\n"
      "  on_data_loss: continue\n"
      "  auth: {type: sasl-scram-512, username: u, password: p}\n"
      "  tls: {enabled: true}\n"
      "  librdkafka: {session.timeout.ms: \"30000\"}\n"
      "sink: {url: \"null:\"}\n");
  const source::ConsumerOptions options = kafka_options(settings.details(), 7);
  EXPECT_EQ(options.brokers, (std::vector<std::string>{"a:9093", "b:9093"}));
  EXPECT_EQ(options.topics, std::vector<std::string>{"^svc-"});
  EXPECT_EQ(options.group, "the-group");
  EXPECT_EQ(options.start.at, source::StartAt::timestamp);
  EXPECT_EQ(options.start.timestamp_ms, 1'769'817'600'000);
  EXPECT_EQ(options.on_data_loss, source::OnDataLoss::go_on);
  EXPECT_EQ(options.auth.type, source::AuthType::sasl_scram_512);
  EXPECT_EQ(options.auth.user, "u");
  EXPECT_EQ(options.auth.password, "p");
  EXPECT_EQ(options.tls, source::Tls::enabled);
  EXPECT_EQ(options.client_id, "penstock-test-w7");
  EXPECT_EQ(options.passthrough.at("session.timeout.ms"), "30000");
}

TEST(WiringSource, who_fetches_is_said_with_the_reason) {
  EXPECT_TRUE(fetch_choice(settings_of(yaml("")).details()).direct);
  const FetchChoice written = fetch_choice(
      settings_of("name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics: [orders], fetch: librdkafka}\n"
                  "sink: {url: \"null:\"}\nguarantee: at_least_once\n")
          .details());
  EXPECT_FALSE(written.direct);
  EXPECT_EQ(written.reason, "source.fetch says so");
}

TEST(WiringSource, an_event_hubs_connection_string_is_the_login) {
  const Settings settings = settings_of(
      "name: test\n"
      "source:\n"
      "  brokers: [\"a.servicebus.windows.net:9093\"]\n"
      "  topics: [orders]\n"
      "  auth:\n"
      "    type: connection-string\n"
      "    value: \"Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=a2V5\"\n"
      "sink: {url: \"null:\"}\n");
  const source::ConsumerOptions options = kafka_options(settings.details(), 0);
  EXPECT_EQ(options.auth.type, source::AuthType::event_hubs);
  EXPECT_EQ(options.auth.connection_string.rfind("Endpoint=sb://a.", 0), 0U);
  EXPECT_EQ(options.start.at, source::StartAt::earliest);
  EXPECT_EQ(options.start.timestamp_ms, 0);
}

}  // namespace
}  // namespace penstock::appliance
