#include "config/shown.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "config/load.h"
#include "unit/config/fake_environment.h"

namespace penstock::config {
namespace {

std::map<std::string, ShownKey> shown_of(const std::string& text, const FakeEnvironment& environment = {}) {
  const Result<Settings> settings = load_text(text, "x.yaml", environment.environment());
  std::map<std::string, ShownKey> shown;
  if (!settings.ok()) {
    ADD_FAILURE() << settings.error().message;
    return shown;
  }
  for (const ShownKey& key : shown_configuration(*settings)) {
    shown[key.path] = key;
  }
  return shown;
}

TEST(ShownConfiguration, what_was_written_and_the_defaults) {
  auto shown = shown_of(
      "name: web\nsource: {brokers: [a:1, b:2], topics: events}\nsink: {url: 'file:///srv/lake'}\n"
      "overrides:\n  - {match: ^pay, batch: {max_age: 10s}}\n");
  EXPECT_EQ(shown["source.brokers"].value, "a:1, b:2");
  EXPECT_TRUE(shown["source.brokers"].written);
  EXPECT_EQ(shown["batch.max_age"].value, "60s");
  EXPECT_FALSE(shown["batch.max_age"].written);
  EXPECT_EQ(shown["overrides[0].match"].value, "^pay");
  EXPECT_EQ(shown["overrides[0].batch.max_age"].value, "10s");
  EXPECT_EQ(shown.count("sink.auth.key"), 0);
}

// Whatever way it came in, and also what a variable gave to a key that is no secret.
TEST(ShownConfiguration, no_secret_is_in_it) {
  const FakeEnvironment environment{.variables = {{"HUNTER", "hunter2-of-sixteen"}, {"TOPIC", "hunter2"}},
                                    .files = {{"/key", "aHVudGVyMg==\n"}}};
  const auto shown = shown_of(
      "name: web\n"
      "source:\n"
      "  brokers: [a:1]\n"
      "  topics: '${TOPIC}'\n"
      "  auth: {type: sasl-plain, username: u, password: '${HUNTER}'}\n"
      "  librdkafka: {client.rack: hunter2}\n"
      "sink:\n"
      "  url: https://lake.blob.core.windows.net/raw\n"
      "  auth: {type: shared-key, key: '${file:/key}'}\n"
      "admin: {token: hunter2-of-sixteen}\n",
      environment);
  for (const auto& [path, key] : shown) {
    EXPECT_EQ(key.value.find("hunter2"), std::string::npos) << path;
    EXPECT_EQ(key.value.find("aHVudGVyMg"), std::string::npos) << path;
  }
  EXPECT_EQ(shown.at("source.auth.password").value, "(secret)");
  EXPECT_EQ(shown.at("source.librdkafka").value, "(secret)");
  EXPECT_EQ(shown.at("sink.auth.key").value, "(secret)");
  EXPECT_EQ(shown.at("admin.token").value, "(secret)");
  EXPECT_EQ(shown.at("source.topics").value, "${TOPIC}");
}

}  // namespace
}  // namespace penstock::config
