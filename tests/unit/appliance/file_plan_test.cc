#include "appliance/file_plan.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "config/environment.h"
#include "config/load.h"

namespace penstock::appliance {
namespace {

constexpr std::uint64_t k_gb = 1'000'000'000;
constexpr WallTime k_midnight{std::chrono::seconds{1769817600}};  // 2026-01-31T00:00:00Z

FilePlan plan_of(const std::string& more, const FilePlanInput& input) {
  const std::string text =
      "name: web\nsource: {brokers: [b:9092], topics: [web, app]}\nsink: {url: 'file:///srv/lake'}\n" + more;
  const auto settings = config::load_text(text, "x.yaml", config::process_environment());
  EXPECT_TRUE(settings.ok()) << settings.error().message;
  return settings.ok() ? plan_files(*settings, input) : FilePlan{};
}

FilePlan plan_of_traffic(const std::string& batch, const TopicTraffic& traffic, std::uint32_t workers = 1) {
  const auto settings = config::load_text(
      "name: web\nsource: {brokers: [b:9092], topics_regex: ^t}\nsink: {url: 'file:///srv/lake'}\n" + batch,
      "x.yaml", config::process_environment());
  EXPECT_TRUE(settings.ok()) << settings.error().message;
  return plan_files(*settings, {&traffic, 1}, workers, k_midnight);
}

TEST(FilePlan, without_a_volume_it_counts_by_age) {
  const FilePlan plan = plan_of("batch: {max_age: 60s}\n", {.now = k_midnight});
  ASSERT_EQ(plan.topics.size(), 2U);
  EXPECT_EQ(plan.topics[0].files_per_day, 1440U);
  EXPECT_EQ(plan.topics[0].calls_per_day, 1440U);
  EXPECT_EQ(plan.files_per_day, 2880U);
  EXPECT_EQ(plan.topics[1].example,
            "file:///srv/lake/app/2026/01/31/00/app-20260131T000000Z-4f1d22a09be37c58-0.txt");
}

TEST(FilePlan, the_example_has_the_extension_of_its_format) {
  EXPECT_TRUE(
      plan_of("batch: {format: envelope}\n", {.now = k_midnight}).topics[0].example.ends_with("-0.json"));
  EXPECT_TRUE(plan_of("batch: {format: envelope, compression: zstd}\n", {.now = k_midnight})
                  .topics[0]
                  .example.ends_with("-0.json.zst"));
}

TEST(FilePlan, a_topic_with_rules_tells_where_its_quarantine_is) {
  const FilePlan plan = plan_of(
      "batch: {validate: json}\noverrides: [{match: ^app, batch: {validate: none}}]\n", {.now = k_midnight});
  EXPECT_TRUE(plan.topics[0].quarantine.starts_with("file:///srv/lake/_quarantine/"))
      << plan.topics[0].quarantine;
  EXPECT_EQ(plan.topics[0].quarantine,
            "file:///srv/lake/_quarantine/" + plan.topics[0].example.substr(17) + ".json");
  EXPECT_EQ(plan.topics[1].quarantine, "");
}

TEST(FilePlan, a_topic_with_rules_may_have_a_quarantine_file_beside_each_file) {
  const FilePlan plan =
      plan_of("batch: {max_age: 60s, validate: json}\noverrides: [{match: ^app, batch: {validate: none}}]\n",
              {.bytes_per_day = 600 * k_gb, .now = k_midnight});
  EXPECT_EQ(plan.topics[0].files_per_day, 1440U) << "the others are not in it";
  EXPECT_EQ(plan.topics[0].quarantine_files_per_day, 1440U);
  EXPECT_EQ(plan.topics[0].quarantine_calls_per_day, plan.topics[0].calls_per_day);
  EXPECT_EQ(plan.topics[1].quarantine_files_per_day, 0U);
  EXPECT_EQ(plan.files_per_day, 2880U);
  EXPECT_EQ(plan.quarantine_files_per_day, 1440U);
  EXPECT_EQ(plan.quarantine_calls_per_day, plan.topics[0].calls_per_day);
}

TEST(FilePlan, an_empty_file_has_no_quarantine_beside_it) {
  const TopicTraffic traffic{.topic = "t", .partitions = 4, .records_per_day = 0, .bytes_per_day = 0};
  const FilePlan plan =
      plan_of_traffic("batch: {format: capture-avro, empty_files: true, max_record_bytes: 1KiB}\n", traffic);
  EXPECT_EQ(plan.files_per_day, 5760U);
  EXPECT_EQ(plan.quarantine_files_per_day, 0U);
}

// The figures of bench/COST.md: 208 MB a file take 26 blocks, rounded down by a slab's header each.
TEST(FilePlan, a_large_file_is_put_in_blocks_and_a_list_of_them) {
  const FilePlan plan = plan_of("batch: {max_age: 60s}\n", {.bytes_per_day = 600 * k_gb, .now = k_midnight});
  EXPECT_EQ(plan.topics[0].files_per_day, 1440U);
  EXPECT_EQ(plan.topics[0].bytes_per_file, 208'333'334U);
  EXPECT_EQ(plan.topics[0].calls_per_day, 1440U * 27U);
}

TEST(FilePlan, size_makes_more_files_than_age) {
  const FilePlan plan =
      plan_of("batch: {max_age: 1h, max_bytes: 64MiB}\n", {.bytes_per_day = 600 * k_gb, .now = k_midnight});
  EXPECT_EQ(plan.topics[0].files_per_day, (300 * k_gb + (64 << 20) - 1) / (64 << 20));
}

TEST(FilePlan, each_partition_has_its_files_and_each_worker_its_own) {
  EXPECT_EQ(plan_of("batch: {group_by: partition, path: '{topic}/{partition}/{HH}'}\n",
                    {.partitions = 8, .now = k_midnight})
                .topics[0]
                .files_per_day,
            8U * 1440U);
  EXPECT_EQ(plan_of("runtime: {workers: 2}\n", {.partitions = 8, .now = k_midnight}).topics[0].files_per_day,
            2U * 1440U);
  EXPECT_EQ(plan_of("runtime: {workers: 2}\n", {.partitions = 1, .now = k_midnight}).topics[0].files_per_day,
            1440U);
}

TEST(FilePlan, a_thin_topic_makes_no_file_before_its_next_record) {
  TopicTraffic traffic{.topic = "t", .partitions = 4, .records_per_day = 2880, .bytes_per_day = 2880e3};
  EXPECT_EQ(plan_of_traffic("", traffic).files_per_day, 960U) << "60 s open, and 30 s to the next record";
  EXPECT_EQ(plan_of_traffic("", traffic).topics[0].bytes_per_file, 3000U);
  EXPECT_EQ(plan_of_traffic("", traffic, 2).files_per_day, 1440U) << "two workers, each with a half of it";
  traffic.records_per_day = 5;
  EXPECT_EQ(plan_of_traffic("", traffic).files_per_day, 5U);
  traffic.records_per_day = 0;
  traffic.bytes_per_day = 0;
  EXPECT_EQ(plan_of_traffic("", traffic).files_per_day, 0U);
  EXPECT_EQ(plan_of_traffic("", traffic).calls_per_day, 0U);
}

TEST(FilePlan, min_bytes_makes_fewer_files_of_thin_topics_alone) {
  const std::string batch = "batch: {min_bytes: 16MiB, small_max_age: 10m}\n";
  TopicTraffic traffic{.topic = "t", .records_per_day = 1e9, .bytes_per_day = 1440.0 * (16 << 20)};
  EXPECT_EQ(plan_of_traffic(batch, traffic).files_per_day, 1440U) << "just enough in a minute";
  traffic.bytes_per_day = 1440.0 * (16 << 20) / 4;
  EXPECT_EQ(plan_of_traffic(batch, traffic).files_per_day, 360U) << "it is full after four";
  traffic.bytes_per_day = 1e6;
  EXPECT_EQ(plan_of_traffic(batch, traffic).files_per_day, 144U) << "one in ten minutes";
  traffic.bytes_per_day.reset();
  EXPECT_EQ(plan_of_traffic(batch, traffic).files_per_day, 1440U) << "not known: at most";
}

TEST(FilePlan, empty_files_fill_the_windows_of_every_partition) {
  const TopicTraffic traffic{.topic = "t", .partitions = 4, .records_per_day = 0, .bytes_per_day = 0};
  EXPECT_EQ(plan_of_traffic("batch: {format: capture-avro}\n", traffic).files_per_day, 0U);
  const FilePlan plan = plan_of_traffic("batch: {format: capture-avro, empty_files: true}\n", traffic);
  EXPECT_EQ(plan.files_per_day, 5760U) << "1440 windows of 60 s, in four partitions";
  EXPECT_EQ(plan.calls_per_day, 5760U);
}

TEST(FilePlan, an_override_counts_for_its_topics) {
  const FilePlan plan = plan_of("overrides: [{match: ^app, batch: {max_age: 10s}}]\n", {.now = k_midnight});
  EXPECT_EQ(plan.topics[0].files_per_day, 1440U);
  EXPECT_EQ(plan.topics[1].files_per_day, 8640U);
}

}  // namespace
}  // namespace penstock::appliance
