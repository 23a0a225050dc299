#include "appliance/wiring_store.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

#include <penstock/penstock.h>

#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

TEST(WiringStore, the_sink_is_what_its_url_says) {
  std::string dir = testing::TempDir() + "/penstock-wiring-XXXXXX";
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const auto loop = io::make_loop({.choice = io::Choice::portable}, system_clock());
  const std::string azure =
      "sink: {url: \"https://acc.blob.core.windows.net/lake/raw\", auth: {type: shared-key, key: \"a2V5\"}}";
  struct Row {
    std::string sink;
    std::string description;
  };
  for (const Row& row :
       {Row{"sink: {url: \"null:\"}", "null:"}, Row{"sink: {url: \"file://" + dir + "\"}", "file://" + dir},
        Row{azure, "https://acc.blob.core.windows.net/lake/raw"}}) {
    const Settings settings = settings_of(yaml("", row.sink));
    const auto store = make_store(settings.details(), **loop, system_clock());
    ASSERT_TRUE(store.ok()) << store.error().message;
    EXPECT_EQ((*store)->description(), row.description);
  }
  EXPECT_FALSE(make_store(settings_of(yaml("", "sink: {url: \"file:///dev/null/lake\"}")).details(), **loop,
                          system_clock())
                   .ok());
  std::filesystem::remove_all(dir);
}

// A token comes from another thread, to the loop of each store: settings alone open nothing.
TEST(WiringStore, the_options_of_a_sink_with_an_identity_hold_no_credential) {
  const Settings settings =
      settings_of(yaml("", "sink: {url: \"https://acc.blob.core.windows.net/lake\", auth: {type: entra}}"));
  const auto options = azure_options(settings.details());
  ASSERT_TRUE(options.ok()) << options.error().message;
  EXPECT_EQ(options->credentials, nullptr);
  EXPECT_EQ(options->endpoint.account, "acc");
}

TEST(WiringStore, a_sinks_identity_changes_with_its_place_and_not_with_its_credential) {
  const auto identity = [](const std::string& sink) {
    return sink_identity(settings_of(yaml("", sink)).details());
  };
  const std::string by_key = identity(
      "sink: {url: \"https://acc.blob.core.windows.net/lake\", auth: {type: shared-key, key: \"a2V5\"}}");
  EXPECT_EQ(by_key.size(), 8U);
  EXPECT_EQ(by_key.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(identity("sink: {url: \"https://acc.blob.core.windows.net/lake\", auth: {type: sas, token: "
                     "\"sv=1&sig=x\"}}"),
            by_key);
  EXPECT_NE(identity("sink: {url: \"https://acc.blob.core.windows.net/pond\", auth: {type: sas, token: "
                     "\"sv=1&sig=x\"}}"),
            by_key);
  EXPECT_NE(identity("sink: {url: \"file:///srv/lake\"}"), identity("sink: {url: \"file:///srv/pond\"}"));
}

}  // namespace
}  // namespace penstock::appliance
