// The files of conf/ are copied and run: they must load as they are.
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/units.h"
#include "config/load.h"
#include "unit/config/fake_environment.h"

namespace penstock::config {
namespace {

using testing::ElementsAre;

Result<Settings> example(const std::string& name, FakeEnvironment fake) {
  const std::string path = PENSTOCK_SOURCE_DIR "/conf/" + name;
  const Result<std::string> text = process_environment().read_file(path);
  if (!text) {
    return text.error();
  }
  return load_text(*text, path, fake.environment());
}

FakeEnvironment with_credentials() {
  return {.variables = {{"CREDENTIALS_DIRECTORY", "/c"}},
          .files = {
              {"/c/eventhubs",
               "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=r;SharedAccessKey=YQ==\n"},
              {"/c/storage-key", "YWJj\n"}}};
}

TEST(Examples, event_hubs_capture) {
  const Result<Settings> settings = example("event-hubs-capture.yaml", with_credentials());
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->batch.format, Format::capture_avro);
  EXPECT_EQ(settings->batch.group_by, GroupBy::partition);
  EXPECT_EQ(namespace_of(settings->source), "contoso");
}

TEST(Examples, event_hubs_to_adls) {
  const Result<Settings> settings = example("event-hubs-to-adls.yaml", with_credentials());
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_TRUE(uses_tls(settings->source));
  EXPECT_EQ(settings->sink.kind, SinkKind::azure);
  EXPECT_EQ(settings->sink.auth.key.reveal(), "YWJj");
  EXPECT_EQ(settings->batch_for("payments-eu").max_age, std::chrono::seconds(10));
  EXPECT_EQ(settings->batch_for("api-gateway").max_age, std::chrono::seconds(60));
}

// What scrapers show to the instance. It is no credential of a service.
const std::pair<const std::string, std::string> k_admin_token{"/run/secrets/penstock/admin-token",
                                                              "0123456789abcdef\n"};

TEST(Examples, identities_need_no_credential) {
  const FakeEnvironment fake{.variables = {}, .files = {k_admin_token}};
  for (const auto& [file, kind] :
       {std::pair{"vm-managed-identity.yaml", identity::Kind::managed_identity},
        std::pair{"aks-workload-identity.yaml", identity::Kind::workload_identity}}) {
    const Result<Settings> settings = example(file, fake);
    ASSERT_TRUE(settings.ok()) << settings.error().message;
    EXPECT_TRUE(uses_tls(settings->source)) << file;
    EXPECT_EQ(settings->source.auth.identity.kind, kind) << file;
    EXPECT_EQ(settings->sink.auth.identity.kind, kind) << file;
  }
}

TEST(Examples, kafka_to_directory_runs_as_it_is) {
  const Result<Settings> settings = example("kafka-to-directory.yaml", {});
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_FALSE(uses_tls(settings->source));
  EXPECT_THAT(settings->source.brokers, ElementsAre("127.0.0.1:9092"));
  EXPECT_EQ(settings->sink.directory, "/tmp/penstock/lake");
}

TEST(Examples, kafka_to_directory_takes_its_variables) {
  const Result<Settings> settings = example(
      "kafka-to-directory.yaml",
      FakeEnvironment{.variables = {{"KAFKA_BROKERS", "a:1,b:2"}, {"TOPICS", "x,y"}, {"OUTPUT", "/out"}},
                      .files = {}});
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_THAT(settings->source.brokers, ElementsAre("a:1", "b:2"));
  EXPECT_THAT(settings->source.topics, ElementsAre("x", "y"));
  EXPECT_EQ(settings->sink.directory, "/out");
}

TEST(Examples, each_way_in_loads) {
  const FakeEnvironment fake{
      .variables = {},
      .files = {
          {"/etc/penstock/secrets/eventhubs",
           "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=r;SharedAccessKey=YQ==\n"},
          {"/etc/penstock/secrets/sas", "sv=2021-12-02&sig=x\n"},
          k_admin_token}};
  for (const std::string name :
       {"vm-managed-identity.yaml", "aks-workload-identity.yaml", "connection-string-and-sas.yaml"}) {
    const Result<Settings> settings = example(name, fake);
    ASSERT_TRUE(settings.ok()) << settings.error().message;
    EXPECT_TRUE(uses_tls(settings->source)) << name;
    EXPECT_EQ(settings->sink.kind, SinkKind::azure) << name;
  }
}

}  // namespace
}  // namespace penstock::config
