// The files of conf/ are copied and run: they must load as they are.
#include <string>

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

TEST(Examples, event_hubs_to_adls) {
  const Result<Settings> settings = example(
      "event-hubs-to-adls.yaml",
      FakeEnvironment{
          .variables = {{"CREDENTIALS_DIRECTORY", "/c"}},
          .files = {
              {"/c/eventhubs",
               "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=r;SharedAccessKey=YQ==\n"},
              {"/c/storage-key", "YWJj\n"}}});
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_TRUE(uses_tls(settings->source));
  EXPECT_EQ(settings->sink.kind, SinkKind::azure);
  EXPECT_EQ(settings->sink.auth.key.reveal(), "YWJj");
  EXPECT_EQ(settings->batch_for("payments-eu").max_age, std::chrono::seconds(10));
  EXPECT_EQ(settings->batch_for("api-gateway").max_age, std::chrono::seconds(60));
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

}  // namespace
}  // namespace penstock::config
