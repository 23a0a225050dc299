#include "appliance/wiring.h"

#include <chrono>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

#include <penstock/penstock.h>

#include "base/units.h"

namespace penstock::appliance {
namespace {

// A configuration with what must be written, and `more` behind it, from line 4 on.
std::string yaml(const std::string& more, const std::string& sink = "sink: {url: \"null:\"}") {
  return "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics: [orders]}\n" + sink + "\n" + more;
}

Settings settings_of(const std::string& text) {
  auto settings = Settings::parse(text, "x.yaml");
  EXPECT_TRUE(settings.ok()) << (settings.ok() ? "" : settings.error().message);
  return std::move(settings).value();
}

std::string fault_of(const std::string& text) {
  const auto settings = Settings::parse(text, "x.yaml");
  EXPECT_FALSE(settings.ok());
  return settings.ok() ? "" : settings.error().message;
}

TEST(Wiring, WhatOnlyOtherModulesCanTellIsAFaultWithItsLine) {
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

TEST(Wiring, ALongTopicFoundByARegularExpressionIsCountedInTheLongestName) {
  const std::string path = "batch:\n  path: \"{topic}/{topic}/{topic}/" + std::string(130, 'p') + "\"\n";
  EXPECT_TRUE(Settings::parse(yaml(path), "x.yaml").ok());
  const std::string regex =
      "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics_regex: ^o}\nsink: {url: \"null:\"}\n" +
      path;
  EXPECT_NE(fault_of(regex).find("x.yaml:5: batch.path"), std::string::npos);
}

TEST(Wiring, WorkersAreOnePerEightPartitionsAsFarAsCpusAndMemoryGo) {
  struct Row {
    const char* runtime;
    std::uint32_t cpus;
    std::size_t partitions;
    std::uint32_t workers;
  };
  const Row rows[] = {
      {"", 16, 0, 1},
      {"", 16, 1, 1},
      {"", 16, 8, 1},
      {"", 16, 9, 2},
      {"", 1, 1000, 1},
      {"runtime: {memory: 4GiB}\n", 16, 64, 8},
      {"runtime: {memory: 4GiB}\n", 4, 64, 4},
      {"runtime: {memory: 128MiB}\n", 16, 64, 1},
      {"runtime: {memory: 4GiB}\nstage: {max_bytes: 512MiB}\n", 16, 64, 4},
      {"runtime: {workers: 3, memory: 4GiB}\n", 2, 1, 3},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.runtime) + std::to_string(row.cpus) + " " + std::to_string(row.partitions));
    const Settings settings = settings_of(yaml(row.runtime));
    const auto count = worker_count(settings.details(), row.cpus, row.partitions);
    ASSERT_TRUE(count.ok());
    EXPECT_EQ(*count, row.workers);
    EXPECT_TRUE(memory_plan(settings.details(), *count).ok()) << "what was chosen must fit";
  }
}

TEST(Wiring, AWorkerGetsItsShare) {
  const Settings settings =
      settings_of(yaml("batch: {max_age: 10s}\nstage: {dir: /data/stage, max_bytes: 1GiB}\n"
                       "runtime: {workers: 2, memory: 1GiB, io: portable}\n",
                       "sink: {url: \"null:\", block_bytes: 4MiB, connections: 3}"));
  const auto memory = memory_plan(settings.details(), 2);
  ASSERT_TRUE(memory.ok());
  const pipeline::WorkerOptions options = worker_options(settings.details(), 1, 2, *memory);
  EXPECT_EQ(options.index, 1U);
  EXPECT_EQ(options.group, "penstock-test");
  EXPECT_EQ(options.slab_bytes, memory->slab_bytes);
  EXPECT_EQ(options.slab_count, memory->slabs_per_worker);
  EXPECT_EQ(options.block_bytes, 4 * k_mib);
  EXPECT_EQ(options.connections, 3U);
  EXPECT_EQ(options.stage.dir, "/data/stage/test/worker-1");
  EXPECT_EQ(options.stage.bytes_max, 512 * k_mib);
  EXPECT_EQ(options.stage.slab_bytes, memory->slab_bytes);
  EXPECT_EQ(options.loop.choice, io::Choice::portable);
  EXPECT_GT(options.drain_timeout, Duration::zero());
  EXPECT_NE(options.random(), options.random());
}

TEST(Wiring, TheFirstOverrideThatMatchesMakesTheTopicsPlan) {
  const Settings settings = settings_of(
      yaml("batch: {max_age: 30s, compression: gzip}\n"
           "overrides:\n"
           "  - {match: ^pay, batch: {max_age: 5s, group_by: partition, path: \"{topic}/{partition}\"}}\n"
           "  - {match: ^payments, batch: {max_age: 1s}}\n"));
  const auto orders = topic_plan(settings.details(), "orders");
  ASSERT_TRUE(orders.ok());
  EXPECT_EQ(orders->topic, "orders");
  EXPECT_EQ(orders->max_age, std::chrono::seconds(30));
  EXPECT_EQ(orders->format.compression, codec::Compression::gzip);
  EXPECT_FALSE(orders->by_partition);
  const auto payments = topic_plan(settings.details(), "payments");
  ASSERT_TRUE(payments.ok());
  EXPECT_EQ(payments->max_age, std::chrono::seconds(5));
  EXPECT_EQ(payments->format.compression, codec::Compression::gzip) << "what the override leaves out is as above";
  EXPECT_TRUE(payments->by_partition);
  EXPECT_TRUE(payments->path.uses_partition());
}

TEST(Wiring, TheSourceIsToldEverythingThatWasWritten) {
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

TEST(Wiring, TheSinkIsWhatItsUrlSays) {
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

TEST(Wiring, TheAdminAddressIsWrittenAsItIsReadAgain) {
  for (const auto& [written, address] :
       {std::pair<std::string, std::string>{"127.0.0.1:9464", "127.0.0.1:9464"},
        {"\"[::1]:9464\"", "[::1]:9464"},
        {"none", "none"}}) {
    EXPECT_EQ(admin_address(settings_of(yaml("admin: {listen: " + written + "}\n")).details()), address);
  }
}

TEST(Wiring, LogLevelsAndFormats) {
  const auto of = [](const std::string& log) {
    return log_options(settings_of(yaml("log: " + log + "\n")).details());
  };
  EXPECT_EQ(of("{level: debug}").level, obs::Level::debug);
  EXPECT_EQ(of("{level: warn}").level, obs::Level::warning);
  EXPECT_EQ(of("{level: error, format: json}").level, obs::Level::error);
  EXPECT_EQ(of("{level: error, format: json}").format, obs::LogFormat::json);
}

}  // namespace
}  // namespace penstock::appliance
