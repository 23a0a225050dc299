// How it works
//
// The brokers say where a log begins and ends, and which record is the first of the last day. That gives the
// number of records. What they do not say is how large records are, nor, of a log that is younger than a day,
// since when it has been filled. One record a topic tells the one or both.
//
// For example, at noon, of a topic with two partitions:
//
//   partition   log              first of the day   records
//   0           0 to 1,100       100                1,000      the busiest: offset 1,090 has 800 bytes
//   1           0 to 250         50                 200
//
// 1. Partition 0 has records that are older than a day, so the 1,200 records are those of 24 hours.
// 2. 1,200 records of 800 bytes are 960 kB a day. plan_files() makes files of that.
//
// Were both logs to begin with that day, the first record of partition 0 would be read. If that one is of 11
// o'clock, the 1,200 records are those of an hour, and 28,800 a day.
#include "appliance/traffic.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "appliance/wiring_source.h"
#include "base/concat.h"
#include "base/units.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_day = std::chrono::hours(24);
constexpr Duration k_span_min = std::chrono::seconds(1);
constexpr std::chrono::milliseconds k_offsets_wait{10'000};
constexpr std::chrono::milliseconds k_records_wait{5'000};

// One of the last records is taken from so far before the log's end, as markers of transactions may be there.
constexpr std::int64_t k_before_end = 10;

// The busiest of several partitions tells the age of a topic well where records are many. Of a topic with
// fewer than these, each young log is asked for its first record.
constexpr std::int64_t k_few_records = 1000;

// What a reader of the lake is glad to find at least.
constexpr std::uint64_t k_min_bytes_advised = 16 * k_mib;

std::string dollars_text(std::uint64_t calls_per_day, double price_per_10k) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", dollars_per_month(calls_per_day, price_per_10k));
  return text.data();
}

std::string price_text(double price_per_10k) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", price_per_10k);
  return text.data();
}

std::int64_t records_of(const LogDay& day, const TopicPartition& id) {
  const auto begin = day.begins.find(id);
  return begin == day.begins.end()
             ? 0
             : std::max<std::int64_t>(day.logs.at(id).end.value - begin->second.value, 0);
}

bool is_young(const LogDay& day, const TopicPartition& id) {
  return day.begins.at(id) <= day.logs.at(id).start;
}

// Of one topic, in that day.
struct TopicDay {
  std::int64_t records = 0;
  TopicPartition busiest;
  std::vector<TopicPartition> parts;  // that have records
};

// Of each topic that has records in that day.
std::map<std::string, TopicDay> topics_of(const LogDay& day) {
  std::map<std::string, TopicDay> topics;
  for (const auto& [id, log] : day.logs) {
    const std::int64_t records = records_of(day, id);
    if (records == 0) {
      continue;
    }
    TopicDay& topic = topics[id.topic];
    if (topic.parts.empty() || records > records_of(day, topic.busiest)) {
      topic.busiest = id;
    }
    topic.records += records;
    topic.parts.push_back(id);
  }
  return topics;
}

// How long the topic took for the records of that day: since the earliest that was read.
Duration span_of(const LogDay& day, const TopicDay& topic) {
  std::int64_t first_ms = std::numeric_limits<std::int64_t>::max();
  for (const TopicPartition& id : topic.parts) {
    if (!is_young(day, id)) {
      return k_day;
    }
    if (const auto record = day.records.find(id);
        record != day.records.end() && record->second.timestamp_ms >= 0) {
      first_ms = std::min(first_ms, record->second.timestamp_ms);
    }
  }
  if (first_ms == std::numeric_limits<std::int64_t>::max()) {
    return k_day;
  }
  return std::clamp<Duration>(day.now - WallTime(std::chrono::milliseconds(first_ms)), k_span_min, k_day);
}

}  // namespace

std::map<TopicPartition, Position> records_to_read(const LogDay& day) {
  std::map<TopicPartition, Position> wanted;
  for (const auto& [name, topic] : topics_of(day)) {
    for (const TopicPartition& id : topic.parts) {
      const bool is_first = is_young(day, id) && topic.records < k_few_records;
      if (id != topic.busiest && !is_first) {
        continue;
      }
      const Position begin = day.begins.at(id);
      const Position late{std::max(begin.value, day.logs.at(id).end.value - k_before_end)};
      wanted.emplace(id, is_young(day, id) ? begin : late);
    }
  }
  return wanted;
}

Traffic traffic_of(std::span<const rdkafka::ProbedTopic> topics, const LogDay& day) {
  const std::map<std::string, TopicDay> days = topics_of(day);
  Traffic traffic;
  for (const rdkafka::ProbedTopic& topic : topics) {
    TopicTraffic& one = traffic.topics.emplace_back();
    one.topic = topic.name;
    one.partitions = static_cast<std::uint32_t>(std::max<std::size_t>(topic.partition_count, 1));
    one.records_per_day = 0;
    const auto found = days.find(topic.name);
    if (found == days.end()) {
      continue;
    }
    const Duration span = span_of(day, found->second);
    const double share = std::chrono::duration<double>(span) / std::chrono::duration<double>(k_day);
    one.records_per_day = static_cast<double>(found->second.records) / share;
    traffic.span = std::max(traffic.span, span);
    if (const auto record = day.records.find(found->second.busiest); record != day.records.end()) {
      one.bytes_per_day = *one.records_per_day * static_cast<double>(record->second.value_bytes);
    }
  }
  return traffic;
}

std::string files_sentence(const config::Settings& settings, const Traffic& traffic, std::uint32_t workers,
                           double price_per_10k) {
  const FilePlan plan = plan_files(settings, traffic.topics, workers, WallTime{});
  if (plan.files_per_day == 0) {
    return "no record came in the last day, so none are predicted";
  }
  std::string text =
      concat("about ", plan.files_per_day, " files and ", plan.calls_per_day, " storage calls a day, ",
             dollars_text(plan.calls_per_day, price_per_10k), " dollars a month at ",
             price_text(price_per_10k), " for 10,000 calls, by the records of the last ",
             format_duration(std::chrono::floor<std::chrono::seconds>(traffic.span)));
  if (plan.quarantine_files_per_day > 0) {
    text += concat(". If every file has records in quarantine: ", plan.quarantine_files_per_day, " files, ",
                   plan.quarantine_calls_per_day, " calls and ",
                   dollars_text(plan.quarantine_calls_per_day, price_per_10k), " dollars more");
  }
  config::Settings fewer = settings;
  fewer.batch.min_bytes =
      std::max(fewer.batch.min_bytes, std::min(k_min_bytes_advised, fewer.batch.max_bytes));
  fewer.batch.small_max_age = std::max(fewer.batch.small_max_age, fewer.batch.max_age);
  for (config::Override& entry : fewer.overrides) {  // these follow, but where they say their own
    if (entry.batch.min_bytes == settings.batch.min_bytes) {
      entry.batch.min_bytes = std::min(fewer.batch.min_bytes, entry.batch.max_bytes);
      entry.batch.small_max_age = std::max(fewer.batch.small_max_age, entry.batch.max_age);
    }
  }
  const FilePlan spared = plan_files(fewer, traffic.topics, workers, WallTime{});
  if (spared.files_per_day * 2 <= plan.files_per_day) {
    text += concat(". Most of them are small: batch.min_bytes: ", format_size(fewer.batch.min_bytes),
                   " would make about ", spared.files_per_day);
  }
  return text;
}

Result<Traffic> measure_traffic(const config::Settings& settings, const rdkafka::ProbeReport& cluster) {
  const source::ConsumerOptions options = kafka_options(settings, 0);
  LogDay day{.logs = cluster.logs, .begins = {}, .records = {}, .now = system_clock().wall_now()};
  auto begins = rdkafka::positions_at_time(options, day.logs, day.now - k_day, k_offsets_wait);
  if (!begins.ok()) {
    return std::move(begins).error();
  }
  day.begins = std::move(begins).value();
  auto records = rdkafka::probe_records(options, records_to_read(day), k_records_wait);
  if (!records.ok()) {
    return std::move(records).error();
  }
  day.records = std::move(records).value();
  return traffic_of(cluster.topics, day);
}

}  // namespace penstock::appliance
