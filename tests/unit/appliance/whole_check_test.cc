#include "appliance/whole_check.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include <penstock/penstock.h>

#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

std::string sink_with(const std::string& type, const std::string& key, const std::string& secret) {
  return "sink: {url: \"https://acc.blob.core.windows.net/lake\", auth: {type: " + type + ", " + key +
         ": \"" + secret + "\"}}";
}

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
      {"no key of a storage account", yaml("", azure + "\"not base64\"}}"), "x.yaml:3: sink.auth.key",
       "base64"},
      {"no connection string of a storage account",
       yaml("", sink_with("connection-string", "value", "nonsense")), "x.yaml:3: sink.auth.value",
       "Name=value"},
      {"a connection string of another account",
       yaml("", sink_with("connection-string", "value",
                          "AccountName=other;AccountKey=a2V5;EndpointSuffix=core.windows.net")),
       "x.yaml:3: sink.auth.value", "sink.url"},
      {"no sas", yaml("", sink_with("sas", "token", "nonsense")), "x.yaml:3: sink.auth.token", "sig"},
      {"a sas that was decoded", yaml("", sink_with("sas", "token", "sv=1&sig=a+b")),
       "x.yaml:3: sink.auth.token", "%2B"},
      {"a key of another account",
       yaml(
           "",
           "sink: {url: \"https://acc.blob.core.windows.net/lake\", auth: {type: shared-key, account: other, "
           "key: \"" +
               std::string(86, 'A') + "==\"}}"),
       "x.yaml:3: sink.auth", "storage account other"},
      {"certificates that are not there",
       "name: test\nsource:\n  brokers: [\"127.0.0.1:9093\"]\n  topics: [orders]\n"
       "  tls: {enabled: true, ca: /nonexistent.pem}\nsink: {url: \"null:\"}\n",
       "x.yaml:5: source.tls.ca", "/nonexistent.pem: No such file"},
      {"certificates that are none",
       "name: test\nsource:\n  brokers: [\"127.0.0.1:9093\"]\n  topics: [orders]\n"
       "  tls: {enabled: true, ca: /etc/passwd}\nsink: {url: \"null:\"}\n",
       "x.yaml:5: source.tls.ca", "/etc/passwd cannot be read as PEM"},
      {"a certificate of our own that is not there",
       "name: test\nsource:\n  brokers: [\"127.0.0.1:9093\"]\n  topics: [orders]\n"
       "  tls: {enabled: true, certificate: /nonexistent.pem, key: /nonexistent.key}\nsink: {url: "
       "\"null:\"}\n",
       "x.yaml:5: source.tls.certificate", "/nonexistent.pem: No such file"},
      {"a property that the client does not know",
       "name: test\nsource:\n  brokers: [\"127.0.0.1:9092\"]\n  topics: [orders]\n"
       "  librdkafka: {no.such.property: 1}\nsink: {url: \"null:\"}\n",
       "x.yaml:5: source.librdkafka", "no.such.property"},
      {"a value that the client does not take",
       "name: test\nsource:\n  brokers: [\"127.0.0.1:9092\"]\n  topics: [orders]\n"
       "  librdkafka: {session.timeout.ms: soon}\nsink: {url: \"null:\"}\n",
       "x.yaml:5: source.librdkafka", "session.timeout.ms"},
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

TEST(WholeCheck, every_documented_connection_string_of_a_storage_account_is_taken) {
  const std::string key = "AccountName=acc;AccountKey=a2V5";
  const std::string sas = "SharedAccessSignature=sv=2021-12-02&sp=racwl&sig=a%2Bb%3D";
  for (const std::string& text : {
           "DefaultEndpointsProtocol=https;" + key + ";EndpointSuffix=core.windows.net",
           key,
           "DefaultEndpointsProtocol=https;" + key + ";EndpointSuffix=core.windows.net;",
           "DefaultEndpointsProtocol=https; " + key + "; EndpointSuffix=core.windows.net ",
           "DefaultEndpointsProtocol=https;\\n" + key + ";\\r\\nEndpointSuffix=core.windows.net\\n",
           std::string("defaultendpointsprotocol=HTTPS;accountname=acc;ACCOUNTKEY=a2V5"),
           key + ";BlobEndpoint=https://acc.blob.core.windows.net/;FileEndpoint=https://"
                 "acc.file.core.windows.net/",
           "BlobEndpoint=https://acc.blob.core.windows.net/;QueueEndpoint=https://acc.queue.core.windows.net/"
           ";" +
               sas,
           "AccountName=acc;" + sas,
           std::string("\\uFEFFAccountName=acc;AccountKey=a2V5"),
       }) {
    const auto settings = Settings::parse(yaml("", sink_with("connection-string", "value", text)), "x.yaml");
    EXPECT_TRUE(settings.ok()) << text << "\n" << (settings.ok() ? "" : settings.error().message);
  }
  const auto emulator = Settings::parse(
      yaml("",
           "sink: {url: \"http://127.0.0.1:10000/devstoreaccount1/lake\", auth: {type: connection-string, "
           "value: UseDevelopmentStorage=true}}"),
      "x.yaml");
  EXPECT_TRUE(emulator.ok()) << (emulator.ok() ? "" : emulator.error().message);
}

TEST(WholeCheck, every_documented_connection_string_of_event_hubs_is_taken) {
  const std::string key = "SharedAccessKeyName=listen;SharedAccessKey=a2V5/+a==";
  for (const std::string& text : {
           "Endpoint=sb://hub.servicebus.windows.net/;" + key,
           "Endpoint=sb://hub.servicebus.windows.net/;" + key + ";EntityPath=orders",
           std::string(
               "endpoint=SB://hub.servicebus.windows.net/;sharedaccesskeyname=l;SHAREDACCESSKEY=a2V5"),
           "Endpoint=sb://hub.servicebus.windows.net/; " + key + ";\\r\\n",
           "Endpoint=sb://hub.servicebus.windows.net:443;" + key,
           std::string(
               "Endpoint=sb://hub.servicebus.windows.net/;SharedAccessSignature=SharedAccessSignature "
               "sr=sb%3A%2F%2Fhub&sig=a%2Bb%3D&se=1900000000&skn=listen"),
           "Endpoint=sb://localhost;" + key + ";UseDevelopmentEmulator=true;",
       }) {
    const auto settings = Settings::parse(
        "name: test\nsource:\n  brokers: [\"hub.servicebus.windows.net:9093\"]\n  topics: [orders]\n"
        "  auth: {type: connection-string, value: \"" +
            text + "\"}\nsink: {url: \"null:\"}\n",
        "x.yaml");
    EXPECT_TRUE(settings.ok()) << text << "\n" << (settings.ok() ? "" : settings.error().message);
  }
}

std::string of_topic(const std::string& topic, const std::string& sink, const std::string& more = "") {
  return "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics: [good, \"" + topic + "\"]}\n" + sink +
         "\n" + more;
}

std::string azure_sink(const std::string& path) {
  return "sink: {url: \"https://acc.blob.core.windows.net/lake" + path +
         "\", auth: {type: sas, token: \"sv=1&sig=x\"}}";
}

const std::string k_directory_sink = "sink: {url: \"file:///srv/lake\"}";

TEST(WholeCheck, a_topic_whose_files_cannot_have_a_name_is_a_fault_with_what_to_do) {
  struct Row {
    std::string topic;
    std::string sink;
    std::string more;
    std::string_view said;  // empty: it can
  };
  const std::string azure = azure_sink("/raw");
  const std::string short_path = "batch: {path: \"{topic}/{yyyy}/part\"}\n";
  const std::string in_front = "batch: {path: \"t={topic}/{yyyy}/part\"}\n";
  const std::string behind = "batch: {path: \"{topic}-t/{yyyy}/part\"}\n";
  const std::string deep = "batch: {path: \"" + [] {
    std::string parts;
    for (int i = 0; i < 59; ++i) {
      parts += "d/";
    }
    return parts;
  }() + "{topic}\"}\n";
  const Row rows[] = {
      {"_x", azure, "", "\"_x\", which begins with '_'"},
      {"_x", k_directory_sink, "", "\"_x\", which begins with '_'"},
      {"_x", azure, in_front, ""},
      {".x", azure, "", "begins with '.'"},
      {".x", k_directory_sink, "", "begins with '.'"},
      {".x", k_directory_sink, in_front, ""},
      {"x.", azure, "", "\"x.\", which ends with '.', which Azure drops"},
      {"x.", k_directory_sink, "", "ends with '.'"},
      {"x.", azure, behind, ""},
      {std::string(240, 't'), k_directory_sink, "", "can have 304 bytes, and the sink holds at most 249"},
      {std::string(240, 't'), k_directory_sink, short_path, ""},
      {std::string(240, 't'), azure, "", ""},
      {std::string(240, 't'), azure_sink("/" + std::string(400, 'p')), "", "there is room for 499"},
      {"x", azure, deep, ""},
      {"x", azure_sink("/raw/api"), deep, "has 60 parts between '/', and there is room for 59"},
      {"x", k_directory_sink, deep, ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.topic.substr(0, 20) + " " + row.sink + " " + row.more);
    const auto settings = Settings::parse(of_topic(row.topic, row.sink, row.more), "x.yaml");
    EXPECT_EQ(settings.ok(), row.said.empty()) << (settings.ok() ? "" : settings.error().message);
    if (!settings.ok()) {
      EXPECT_NE(settings.error().message.find(row.said), std::string::npos) << settings.error().message;
    }
  }
  const std::string message = fault_of(of_topic("_x", azure));
  EXPECT_EQ(message.rfind("x.yaml:2: source.topics: holds _x: ", 0), 0U) << message;
  EXPECT_NE(message.find("; write another batch.path, for this topic alone under overrides"),
            std::string::npos);
}

TEST(WholeCheck, an_override_may_give_a_topic_the_name_that_it_needs) {
  EXPECT_TRUE(Settings::parse(of_topic("_x", k_directory_sink,
                                       "overrides: [{match: ^_, batch: {path: \"internal{topic}/f\"}}]\n"),
                              "x.yaml")
                  .ok());
}

TEST(WholeCheck, of_an_expression_only_the_template_is_judged) {
  const std::string text = "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics_regex: ^o}\n";
  EXPECT_TRUE(Settings::parse(text + k_directory_sink + "\n", "x.yaml").ok());
  const std::string file = "batch: {path: \"" + std::string(250, 'p') + "\"}\n";
  EXPECT_NE(fault_of(text + k_directory_sink + "\n" + file).find("x.yaml:4: batch.path: gives a file a name"),
            std::string::npos);
}

TEST(WholeCheck, the_sinks_own_path_is_held_to_the_same_rules) {
  struct Row {
    std::string sink;
    std::string_view said;
  };
  const Row rows[] = {
      {azure_sink("/raw./api"), "ends with '.'"},
      {azure_sink("/raw/api."), "ends with '.'"},
      {azure_sink("/_raw"), ""},  // readers begin there, and skip what is below
      {"sink: {url: \"file:///srv/" + std::string(256, 'd') + "\"}", "has a part of 256 bytes"},
      {"sink: {url: \"file:///srv/" +
           [] {
             std::string parts;
             for (int i = 0; i < 32; ++i) {
               parts += std::string(100, 'd') + "/";
             }
             return parts;
           }() +
           "\"}",
       "write a shorter path"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.sink.substr(0, 80));
    const auto settings = Settings::parse(of_topic("t", row.sink), "x.yaml");
    EXPECT_EQ(settings.ok(), row.said.empty()) << (settings.ok() ? "" : settings.error().message);
    if (!settings.ok()) {
      EXPECT_NE(settings.error().message.find(row.said), std::string::npos) << settings.error().message;
      EXPECT_NE(settings.error().message.find("x.yaml:3: sink.url"), std::string::npos);
    }
  }
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

TEST(WholeCheck, a_stage_in_the_lake_is_refused) {
  std::string root = testing::TempDir() + "/penstock-whole-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  std::filesystem::create_directories(root + "/lake");
  std::filesystem::create_directory_symlink(root + "/lake", root + "/link");
  const auto text = [&](const std::string& stage) {
    return yaml("stage: {dir: \"" + stage + "\"}\n", "sink: {url: \"file://" + root + "/lake\"}");
  };
  for (const std::string& inside :
       {root + "/lake", root + "/lake/stage", root + "/lake/../lake/", root + "/link/stage"}) {
    EXPECT_EQ(fault_of(text(inside)).rfind("x.yaml:4: stage.dir: puts the stage into the lake", 0), 0U)
        << inside;
  }
  for (const std::string& outside : {root, root + "/stage", root + "/lake-stage", root + "/lake/.."}) {
    EXPECT_TRUE(Settings::parse(text(outside), "x.yaml").ok()) << outside;
  }
  std::filesystem::remove_all(root);
}

TEST(Doubts, a_short_fence_wait_is_told_where_the_guarantee_rests_on_it) {
  const auto told = [](const std::string& wait, const std::string& more) {
    return doubts(settings_of("name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics: [orders]" + wait +
                              "}\nsink: {url: \"null:\"}\n" + more)
                      .details());
  };
  EXPECT_TRUE(told("", "").empty()) << "the default";
  EXPECT_TRUE(told(", fence_wait: 11s", "").empty());
  EXPECT_TRUE(told(", fence_wait: 1s", "guarantee: at_least_once\n").empty());
  const std::vector<std::string> found = told(", fence_wait: 1s", "");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rfind("x.yaml:2: source.fence_wait: is 1s", 0), 0U) << found[0];
}

TEST(Doubts, envelopes_without_values_are_told_for_each_place) {
  const auto told = [](const std::string& batches) { return doubts(settings_of(yaml(batches)).details()); };
  EXPECT_TRUE(told("batch: {format: envelope}\n").empty());
  EXPECT_TRUE(told("batch: {format: envelope, envelope_fields: [offset, value]}\n").empty());
  const std::vector<std::string> found = told(
      "batch: {format: envelope, envelope_fields: [key]}\n"
      "overrides: [{match: ^a, batch: {envelope_fields: [topic]}}, {match: ^b, batch: {format: ndjson}}]\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NE(found[0].find(" batch.envelope_fields: leaves out value"), std::string::npos) << found[0];
  EXPECT_NE(found[1].find("overrides[0].batch.envelope_fields: leaves out value"), std::string::npos)
      << found[1];
}

TEST(Doubts, topics_beside_the_hub_of_the_key_are_told) {
  const auto told = [](const std::string& topics, const std::string& entity) {
    return doubts(
        settings_of("name: test\nsource:\n  brokers: [\"ns.servicebus.windows.net:9093\"]\n  " + topics +
                    "\n  auth: {type: connection-string, value: \"Endpoint=sb://ns.servicebus.windows.net/;"
                    "SharedAccessKeyName=l;SharedAccessKey=c2VjcmV0" +
                    entity + "\"}\nsink: {url: \"null:\"}\n")
            .details());
  };
  EXPECT_TRUE(told("topics: [orders, payments]", "").empty()) << "of the namespace";
  EXPECT_TRUE(told("topics: [orders]", ";EntityPath=Orders").empty());
  for (const std::string& found : told("topics: [orders, payments]", ";EntityPath=orders")) {
    EXPECT_NE(found.find("source.topics has payments"), std::string::npos) << found;
    EXPECT_EQ(found.find("c2VjcmV0"), std::string::npos);
  }
  EXPECT_EQ(told("topics: [orders, payments]", ";EntityPath=orders").size(), 1U);
  EXPECT_EQ(told("topics_regex: \"^o.*\"", ";EntityPath=orders").size(), 1U);
}

TEST(OutsideStateDirectory, a_stage_that_the_unit_may_not_write_is_told) {
  const Settings settings = settings_of(yaml("stage: {dir: /var/lib/penstock}\n"));  // .../test
  const auto told = [&](const char* variable) {
    return outside_state_directory(settings.details(), variable).has_value();
  };
  EXPECT_FALSE(told(nullptr)) << "not under systemd";
  EXPECT_FALSE(told(""));
  EXPECT_FALSE(told("/var/lib/penstock/test"));
  EXPECT_FALSE(told("/var/lib/penstock/"));
  EXPECT_FALSE(told("/var/lib/other:/var/lib/penstock/test"));
  EXPECT_TRUE(told("/var/lib/penstock/orders"));
  EXPECT_TRUE(told("/var/lib/penstock/test-2"));
  EXPECT_TRUE(told("/var/lib/a:/var/lib/b"));
}

}  // namespace
}  // namespace penstock::appliance
