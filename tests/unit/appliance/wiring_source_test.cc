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

std::string instance_id(const std::string& source, const std::string& stage, std::uint32_t worker = 0) {
  return kafka_options(settings_of("name: test\nsource: {brokers: [\"a:9092\"], topics: [t]" + source +
                                   "}\nsink: {url: \"null:\"}\nstage: {dir: " + stage + "}\n")
                           .details(),
                       worker)
      .group_instance_id;
}

TEST(WiringSource, an_identity_of_entra_supplies_tokens_and_nothing_is_asked_for_options) {
  const auto options_with = [](const std::string& auth) {
    return kafka_options(
        settings_of("name: test\nsource: {brokers: [\"contoso.servicebus.windows.net:9093\"], "
                    "topics: [t]" +
                    auth + "}\nsink: {url: \"null:\"}\n")
            .details(),
        0);
  };
  const source::ConsumerOptions by_identity = options_with(", auth: {type: managed-identity, client_id: c}");
  EXPECT_EQ(by_identity.auth.type, source::AuthType::entra);
  EXPECT_EQ(by_identity.tls, source::Tls::enabled);
  EXPECT_TRUE(by_identity.auth.tokens.current);
  EXPECT_TRUE(by_identity.auth.tokens.refused);
  EXPECT_FALSE(options_with("").auth.tokens.current);
}

TEST(WiringSource, auto_is_one_member_for_each_stage_directory_and_worker) {
  const std::string id = instance_id("", "/srv/a");
  EXPECT_EQ(id, instance_id("", "/srv/a")) << "the same after a restart";
  EXPECT_EQ(id, instance_id("", "/srv/x/../a"));
  EXPECT_NE(id, instance_id("", "/srv/b")) << "two processes on one host";
  EXPECT_NE(id, instance_id("", "/srv/a", 1));
  EXPECT_TRUE(id.starts_with("test-") && id.ends_with("-w0")) << id;
  EXPECT_EQ(instance_id(", instance: blue", "/srv/a", 3), "test-blue-w3");
  EXPECT_EQ(instance_id(", instance: none", "/srv/a"), "");
}

TEST(WiringSource, auto_is_made_of_host_machine_and_stage) {
  const std::string here = auto_instance("vm-1", "0f3a", "/srv/a/test");
  EXPECT_TRUE(here.starts_with("vm-1-")) << here;
  EXPECT_EQ(here.size(), 5U + 8U);
  EXPECT_NE(here, auto_instance("vm-1", "77bb", "/srv/a/test")) << "hosts of one name";
  EXPECT_NE(auto_instance("vm 1", "", "/"), auto_instance("vm_1", "", "/"));
  EXPECT_TRUE(auto_instance("vm 1", "", "/").starts_with("vm-1-"));
  EXPECT_EQ(auto_instance(std::string(200, 'h'), "", "/").size(), 64U + 1U + 8U);
}

TEST(WiringSource, an_auto_instance_and_a_bounded_run_leave_the_group) {
  const auto leaves = [](const std::string& source, const EndMarks& marks) {
    return leaves_group(settings_of("name: test\nsource: {brokers: [\"a:9092\"], topics: [t]" + source +
                                    "}\nsink: {url: \"null:\"}\n")
                            .details(),
                        marks);
  };
  const EndMarks bounded = std::map<TopicPartition, Position>{};
  EXPECT_TRUE(leaves("", std::nullopt));
  EXPECT_FALSE(leaves(", instance: blue", std::nullopt)) << "it stays, and no partition moves";
  EXPECT_TRUE(leaves(", instance: blue", bounded));
}

}  // namespace
}  // namespace penstock::appliance
