#include "appliance/whole_check.h"

#include <string>

#include <gtest/gtest.h>

#include <penstock/penstock.h>

#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

TEST(WholeCheck, what_only_other_modules_can_tell_is_a_fault_with_its_line) {
  struct Row {
    const char* name;
    std::string text;
    const char* begins;
    const char* contains;
  };
  const std::string azure =
      "sink: {url: \"https://acc.blob.core.windows.net/lake\", auth: {type: shared-key, key: ";
  const Row rows[] = {
      {"unknown placeholder", yaml("batch:\n  path: \"{topic}/{year}\"\n"), "x.yaml:5: batch.path", "{year}"},
      {"partition without group_by", yaml("batch:\n  path: \"{topic}/{partition}\"\n"),
       "x.yaml:5: batch.path", "group_by: partition"},
      {"too long a name", yaml("batch:\n  path: \"{topic}/" + std::string(880, 'p') + "\"\n"),
       "x.yaml:5: batch.path", "900"},
      {"in an override", yaml("overrides:\n  - match: ^o\n    batch:\n      path: \"{nothing}\"\n"),
       "x.yaml:7: overrides[0].batch.path", "{nothing}"},
      {"no key of a storage account", yaml("", azure + "\"not base64\"}}"), "x.yaml:3: sink.auth", "base64"},
      {"no blob endpoint",
       yaml("",
            "sink: {url: \"https://acc.blob.core.windows.net/\", auth: {type: sas, token: \"sv=1&sig=x\"}}"),
       "x.yaml:3: sink.url", "container"},
      {"no connection string",
       "name: test\nsource:\n  brokers: [\"a.servicebus.windows.net:9093\"]\n  topics: [orders]\n"
       "  auth: {type: connection-string, value: nonsense}\nsink: {url: \"null:\"}\n",
       "x.yaml:", "connection string"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const std::string message = fault_of(row.text);
    EXPECT_EQ(message.rfind(row.begins, 0), 0U) << message;
    EXPECT_NE(message.find(row.contains), std::string::npos) << message;
  }
}

TEST(WholeCheck, a_long_topic_found_by_a_regular_expression_is_counted_in_the_longest_name) {
  const std::string path = "batch:\n  path: \"{topic}/{topic}/{topic}/" + std::string(130, 'p') + "\"\n";
  EXPECT_TRUE(Settings::parse(yaml(path), "x.yaml").ok());
  const std::string regex =
      "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics_regex: ^o}\nsink: {url: \"null:\"}\n" +
      path;
  EXPECT_NE(fault_of(regex).find("x.yaml:5: batch.path"), std::string::npos);
}

TEST(WholeCheck, exactly_once_is_refused_where_librdkafka_has_to_fetch) {
  const std::string librdkafka_only =
      "name: test\nsource:\n  brokers: [\"127.0.0.1:9093\"]\n  topics: [orders]\n  tls: {enabled: true}\n"
      "  librdkafka: {ssl.cipher.suites: AES128-SHA}\nsink: {url: \"null:\"}\n";
  const std::string message = fault_of(librdkafka_only);
  EXPECT_NE(message.find("guarantee"), std::string::npos) << message;
  EXPECT_NE(message.find("ssl.cipher.suites"), std::string::npos) << message;
  EXPECT_TRUE(Settings::parse(librdkafka_only + "guarantee: at_least_once\n", "x.yaml").ok());
}

}  // namespace
}  // namespace penstock::appliance
