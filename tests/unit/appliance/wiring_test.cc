#include "appliance/wiring.h"

#include <chrono>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <penstock/penstock.h>

#include "base/units.h"
#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

TEST(Wiring, workers_are_one_per_eight_partitions_of_a_topic_as_far_as_cpus_and_memory_go) {
  struct Row {
    const char* runtime;
    std::uint32_t cpus;
    std::size_t widest;
    std::uint32_t workers;
  };
  const Row rows[] = {
      {"", 16, 0, 1},
      {"", 16, 1, 1},
      {"", 16, 8, 1},
      {"", 16, 9, 2},
      {"", 16, 20, 2},
      {"", 1, 1000, 1},
      {"runtime: {memory: 4GiB}\n", 16, 64, 8},
      {"runtime: {memory: 4GiB}\n", 4, 64, 4},
      {"runtime: {memory: 128MiB}\n", 16, 64, 1},
      {"runtime: {memory: 4GiB}\nstage: {max_bytes: 512MiB}\n", 16, 64, 4},
      {"runtime: {workers: 3, memory: 4GiB}\n", 2, 1, 3},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.runtime) + std::to_string(row.cpus) + " " + std::to_string(row.widest));
    const Settings settings = settings_of(yaml(row.runtime));
    const auto count = worker_count(settings.details(), row.cpus, row.widest);
    ASSERT_TRUE(count.ok());
    EXPECT_EQ(*count, row.workers);
    EXPECT_TRUE(memory_plan(settings.details(), *count).ok()) << "what was chosen must fit";
  }
}

TEST(Wiring, a_worker_gets_its_share) {
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

TEST(Wiring, the_first_override_that_matches_makes_the_topics_plan) {
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
  EXPECT_EQ(payments->format.compression, codec::Compression::gzip)
      << "what the override leaves out is as above";
  EXPECT_TRUE(payments->by_partition);
  EXPECT_TRUE(payments->path.uses_partition());
}

TEST(Wiring, a_plan_of_envelopes_has_their_fields_and_a_recipe_of_its_own) {
  const auto plan = [](const std::string& batch) {
    return topic_plan(settings_of(yaml("batch: {" + batch + "}\n")).details(), "orders").value();
  };
  const pipeline::TopicPlan lines = plan("format: ndjson");
  const pipeline::TopicPlan all = plan("format: envelope");
  const pipeline::TopicPlan some = plan("format: envelope, envelope_fields: [key, value]");
  EXPECT_EQ(lines.format.rows, format::RowFormat::lines);
  EXPECT_EQ(all.format.rows, format::RowFormat::envelope);
  EXPECT_EQ(all.envelope_fields, EnvelopeFields::all());
  EXPECT_EQ(some.envelope_fields, EnvelopeFields::none().with(EnvelopeField::key).with(EnvelopeField::value));
  const auto recipe = [](const pipeline::TopicPlan& of) { return pipeline::recipe_hash_of(of, "g", "s"); };
  EXPECT_NE(recipe(lines), recipe(all));
  EXPECT_NE(recipe(all), recipe(some));
  EXPECT_EQ(recipe(all), recipe(plan("format: envelope")));
}

TEST(Wiring, a_plan_with_rules_has_one_for_what_does_not_meet_them_and_a_recipe_of_its_own) {
  const auto plan = [](const std::string& batch) {
    return topic_plan(settings_of(yaml("batch: {" + batch + "}\n")).details(), "orders").value();
  };
  const pipeline::TopicPlan none = plan("compression: gzip");
  EXPECT_FALSE(none.rules.any());
  EXPECT_EQ(none.quarantine, nullptr);
  const pipeline::TopicPlan json = plan("compression: gzip, validate: json, max_bytes: 1MiB");
  EXPECT_EQ(json.rules, (format::RecordRules{.json = true, .value_bytes_max = 0}));
  ASSERT_NE(json.quarantine, nullptr);
  EXPECT_EQ(json.quarantine->topic, "orders");
  EXPECT_EQ(json.quarantine->format, format::k_quarantine_format);
  EXPECT_EQ(json.quarantine->envelope_fields, EnvelopeFields::all());
  EXPECT_EQ(json.quarantine->max_bytes, std::uint64_t{1} << 20);
  EXPECT_EQ(json.quarantine->recipe_hash, 0U) << "nothing of it is used again";
  const pipeline::TopicPlan large = plan("compression: gzip, max_record_bytes: 1KiB");
  EXPECT_EQ(large.rules, (format::RecordRules{.json = false, .value_bytes_max = 1024}));
  const auto recipe = [](const pipeline::TopicPlan& of) { return pipeline::recipe_hash_of(of, "g", "s"); };
  EXPECT_NE(recipe(none), recipe(json));
  EXPECT_NE(recipe(none), recipe(large));
  EXPECT_NE(recipe(json), recipe(large));
}

// With it "_quarantine/" and ".json".
TEST(Wiring, the_name_of_a_quarantine_file_has_to_fit_too) {
  const auto fits = [](std::size_t topic_bytes, const std::string& batch) {
    const Settings settings = settings_of(
        "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics_regex: \"^\"}\n"
        "sink: {url: \"file:///srv/lake\"}\nbatch: {path: \"{topic}\"" +
        batch + "}\n");
    return topic_plan(settings.details(), std::string(topic_bytes, 't')).ok();
  };
  std::size_t longest = 249;
  while (longest > 0 && !fits(longest, "")) {
    --longest;
  }
  EXPECT_GT(longest, 150U);
  EXPECT_FALSE(fits(longest, ", validate: json"));
  EXPECT_FALSE(fits(longest - 4, ", validate: json"));
  EXPECT_TRUE(fits(longest - 5, ", validate: json"));
}

TEST(Wiring, what_was_decoded_by_one_schema_is_not_used_again_with_another) {
  const auto plan = [](const std::string& batch) {
    return topic_plan(settings_of(yaml("batch: {format: envelope" + batch + "}\n")).details(), "orders")
        .value();
  };
  const auto recipe = [&](const std::string& batch) {
    return pipeline::recipe_hash_of(plan(batch), "g", "s");
  };
  const std::string longs = R"(, decode: avro, schema: '"long"')";
  EXPECT_EQ(plan("").decoding, nullptr);
  EXPECT_EQ(plan(longs).decoding->schema->root().type, codec::AvroType::int64);
  EXPECT_EQ(plan(longs + ", framing: azure").decoding->framing, codec::SchemaFraming::azure);
  EXPECT_EQ(recipe(longs), recipe(longs));
  EXPECT_NE(recipe(longs), recipe(""));
  EXPECT_NE(recipe(longs), recipe(longs + ", framing: azure"));
  EXPECT_NE(recipe(longs), recipe(R"(, decode: avro, schema: '"int"')"));
}

TEST(Wiring, values_that_become_columns_have_a_shredder) {
  const auto plan = [](const std::string& batch) {
    return topic_plan(settings_of(yaml("batch: {format: parquet" + batch + "}\n")).details(), "orders")
        .value();
  };
  EXPECT_EQ(plan("").shredded, nullptr);
  const auto avro = plan(R"(, decode: avro, framing: azure, schema: '"long"')");
  EXPECT_EQ(avro.decoding, nullptr);
  EXPECT_EQ(avro.shredded->framing, codec::SchemaFraming::azure);
  EXPECT_EQ(avro.shredded->make_shredder(nullptr)->shred(as_bytes("\x0e")).cells.at(0).number, 7);
  const auto json = plan(R"(, decode: json, schema: '{"properties": {"a": {"type": "integer"}}}')");
  EXPECT_EQ(json.shredded->make_shredder(nullptr)->shred(as_bytes("{\"a\":7}")).cells.at(0).number, 7);
  EXPECT_NE(json.shredded->recipe, avro.shredded->recipe);
}

TEST(Wiring, values_whose_ids_name_their_schemas_begin_without_columns) {
  format::TopicTables tables;
  const auto plan = [&tables](const std::string& topic) {
    return topic_plan(settings_of(yaml("batch: {format: parquet, decode: avro, schema: registry}\n"
                                       "registry: {type: azure, url: \"https://a\"}\n"))
                          .details(),
                      topic, tables.of(topic))
        .value();
  };
  const auto orders = plan("orders");
  EXPECT_EQ(orders.shredded->framing, codec::SchemaFraming::azure);
  EXPECT_EQ(orders.shredded->table(), codec::Table());
  ASSERT_NE(orders.decoding, nullptr);
  EXPECT_EQ(orders.decoding->schema, nullptr);
  // Another worker has the columns of this topic, and none of another one.
  const codec::Table brought{.fields = {{.name = "id"}}};
  orders.shredded->topic->next().grow(brought);
  EXPECT_EQ(plan("orders").shredded->table(), brought);
  EXPECT_EQ(plan("payments").shredded->table(), codec::Table());
  EXPECT_NE(orders.shredded->topic, plan("orders").shredded->topic);
}

TEST(Wiring, a_topic_that_an_expression_finds_has_no_plan_if_its_files_cannot_have_a_name) {
  const Settings settings = settings_of(
      "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics_regex: \"^\"}\n"
      "sink: {url: \"file:///srv/lake\"}\n");
  EXPECT_TRUE(topic_plan(settings.details(), "orders").ok());
  for (const std::string& topic :
       {std::string("_x"), std::string(".x"), std::string("x."), std::string(240, 't')}) {
    const auto plan = topic_plan(settings.details(), topic);
    ASSERT_FALSE(plan.ok()) << topic;
    EXPECT_EQ(plan.error().message.rfind("its files would have a name that has the part \"", 0), 0U)
        << plan.error().message;
  }
}

// Kafka has no such names. A broker may say what it likes.
TEST(Wiring, a_topic_whose_name_leads_out_of_the_sink_has_no_plan) {
  const Settings settings = settings_of(
      "name: test\nsource: {brokers: [\"127.0.0.1:9092\"], topics_regex: \"^\"}\n"
      "sink: {url: \"file:///srv/lake\"}\n");
  for (const char* topic : {"..", "../x", "a/../../x", "/etc/x", "a//b", "a\\..\\b", "a\nb", ""}) {
    EXPECT_FALSE(topic_plan(settings.details(), topic).ok()) << topic;
  }
}

TEST(Wiring, the_admin_address_is_written_as_it_is_read_again) {
  for (const auto& [written, address] :
       {std::pair<std::string, std::string>{"127.0.0.1:9464", "127.0.0.1:9464"},
        {"\"[::1]:9464\"", "[::1]:9464"},
        {"none", "none"}}) {
    EXPECT_EQ(admin_address(settings_of(yaml("admin: {listen: " + written + "}\n")).details()), address);
  }
}

TEST(Wiring, log_levels_and_formats) {
  const auto of = [](const std::string& log) {
    return log_options(settings_of(yaml("log: " + log + "\n")).details());
  };
  EXPECT_EQ(of("{level: trace}").level, obs::Level::debug) << "there is nothing finer";
  EXPECT_EQ(of("{level: debug}").level, obs::Level::debug);
  EXPECT_EQ(of("{level: warn}").level, obs::Level::warning);
  EXPECT_EQ(of("{level: error, format: json}").level, obs::Level::error);
  EXPECT_EQ(of("{level: error, format: json}").format, obs::LogFormat::json);
}

}  // namespace
}  // namespace penstock::appliance
