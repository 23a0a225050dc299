// How it works
//
// A topic's files a day are counted by the age at which a file ends, and by the volume: the greater counts.
// The calls of a file follow from its size in blocks. For example 300 GB a day into one topic, with max_age
// 60s and one worker: 1,440 files of 208 MB by age (and no more by size), each 26 blocks and their list, so
// 38,880 calls.
//
// A topic that judges its records may have a file of those in quarantine beside each of these. Nobody knows
// how many records are bad, so these are counted by themselves, as if every file had one.
#include "appliance/file_plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "appliance/wiring.h"
#include "base/concat.h"
#include "base/types.h"
#include "codec/blob_name.h"
#include "config/memory_plan.h"
#include "format/quarantine.h"
#include "format/record_format.h"

namespace penstock::appliance {
namespace {

constexpr double k_day_seconds = 86'400;
constexpr double k_days_per_month = 365.0 / 12;
constexpr double k_calls_per_price = 10'000;

std::uint64_t divided_up(std::uint64_t value, std::uint64_t by) {
  return (value + by - 1) / by;
}

// How many files are open for a topic at one time.
std::uint64_t files_at_once(const config::BatchSettings& batch, std::uint32_t partitions,
                            std::uint32_t workers) {
  if (batch.group_by == config::GroupBy::partition) {
    return partitions;
  }
  return std::max(std::min(workers, partitions), std::uint32_t{1});
}

// Of a block as it is stored: whole slabs, less the header in front of each.
std::uint64_t payload_of_block(const config::Settings& settings) {
  const bool few = !settings.source.topics.empty() && settings.source.topics.size() <= config::k_few_topics;
  const std::uint64_t slab = few ? config::k_slab_bytes_few_topics : config::k_slab_bytes_many_topics;
  return std::max<std::uint64_t>(settings.sink.block_bytes / slab, 1) * (slab - config::k_slab_header_bytes);
}

std::uint64_t calls_of_file(std::uint64_t bytes, std::uint64_t block) {
  return bytes <= block ? 1 : divided_up(bytes, block) + 1;
}

std::string address_of(const config::Settings& settings, std::string_view name) {
  return concat(settings.sink.url, settings.sink.url.ends_with('/') ? "" : "/", name);
}

std::string example_name(const config::Settings& settings, const config::BatchSettings& batch,
                         const std::string& topic, WallTime now) {
  const Result<codec::PathTemplate> path = path_template(settings, batch);
  if (!path.ok()) {
    return {};
  }
  const std::optional<Partition> partition =
      path->uses_partition() ? std::optional<Partition>(Partition{0}) : std::nullopt;
  const std::string_view extension = format::file_extension(record_format(batch));
  return path->expand(topic, partition, now, {.incarnation = 0x4f1d22a09be37c58, .counter = 0}, extension);
}

// How long a file of one worker is open. A thin one is open until it has min_bytes, between its two ages.
double seconds_open(const config::BatchSettings& batch, std::optional<double> bytes_per_day) {
  const double max_age = std::chrono::duration<double>(batch.max_age).count();
  if (batch.min_bytes == 0 || !bytes_per_day) {
    return max_age;
  }
  const double longest = std::chrono::duration<double>(batch.longest_age()).count();
  const double to_fill = static_cast<double>(batch.min_bytes) * k_day_seconds / std::max(*bytes_per_day, 1.0);
  return std::clamp(to_fill, max_age, std::max(longest, max_age));
}

// A file is opened by a record, so one cycle is its time open and the wait for the next record. For example
// 2,880 records a day to one worker are one in 30 s: with max_age 60s a file begins every 90 s.
std::uint64_t files_by_age(const config::BatchSettings& batch, const TopicTraffic& traffic, double writers) {
  const double open = seconds_open(
      batch, traffic.bytes_per_day ? std::optional(*traffic.bytes_per_day / writers) : std::nullopt);
  const double wait =
      traffic.records_per_day ? k_day_seconds * writers / std::max(*traffic.records_per_day, 1e-9) : 0;
  const double files = writers * k_day_seconds / (open + wait);
  return static_cast<std::uint64_t>(std::llround(std::min(files, traffic.records_per_day.value_or(files))));
}

// Windows a day in which a partition makes no file.
std::uint64_t silent_windows(const config::BatchSettings& batch, std::uint32_t partitions,
                             std::uint64_t files_per_day) {
  const double window = std::chrono::duration<double>(batch.max_age).count();
  const auto windows = static_cast<std::uint64_t>(std::llround(partitions * k_day_seconds / window));
  return windows > files_per_day ? windows - files_per_day : 0;
}

TopicFiles files_of(const config::Settings& settings, const TopicTraffic& traffic, std::uint32_t workers,
                    WallTime now) {
  const config::BatchSettings& batch = settings.batch_for(traffic.topic);
  const std::uint64_t writers = files_at_once(batch, traffic.partitions, workers);
  const auto bytes_per_day = static_cast<std::uint64_t>(std::llround(traffic.bytes_per_day.value_or(0)));
  const std::string name = example_name(settings, batch, traffic.topic, now);
  TopicFiles files{
      .topic = traffic.topic,
      .example = address_of(settings, name),
      .quarantine = batch.judges_records() ? address_of(settings, format::quarantine_name(name)) : ""};
  files.files_per_day = std::max(files_by_age(batch, traffic, static_cast<double>(writers)),
                                 divided_up(bytes_per_day, batch.max_bytes));
  files.bytes_per_file = divided_up(bytes_per_day, std::max<std::uint64_t>(files.files_per_day, 1));
  files.calls_per_day = files.files_per_day * calls_of_file(files.bytes_per_file, payload_of_block(settings));
  if (batch.judges_records()) {
    files.quarantine_files_per_day = files.files_per_day;
    files.quarantine_calls_per_day = files.calls_per_day;
  }
  if (batch.empty_files) {
    const std::uint64_t empty = silent_windows(batch, traffic.partitions, files.files_per_day);
    files.files_per_day += empty;
    files.calls_per_day += empty;
  }
  return files;
}

}  // namespace

FilePlan plan_files(const config::Settings& settings, std::span<const TopicTraffic> traffic,
                    std::uint32_t workers, WallTime now) {
  FilePlan plan;
  for (const TopicTraffic& topic : traffic) {
    plan.topics.push_back(files_of(settings, topic, workers, now));
    plan.files_per_day += plan.topics.back().files_per_day;
    plan.calls_per_day += plan.topics.back().calls_per_day;
    plan.quarantine_files_per_day += plan.topics.back().quarantine_files_per_day;
    plan.quarantine_calls_per_day += plan.topics.back().quarantine_calls_per_day;
  }
  return plan;
}

FilePlan plan_files(const config::Settings& settings, const FilePlanInput& input) {
  std::vector<std::string> topics = settings.source.topics;
  if (topics.empty()) {
    topics.push_back("TOPIC");
  }
  std::vector<TopicTraffic> traffic;
  for (std::string& topic : topics) {
    traffic.push_back({.topic = std::move(topic), .partitions = input.partitions});
    if (input.bytes_per_day > 0) {
      traffic.back().bytes_per_day =
          static_cast<double>(input.bytes_per_day) / static_cast<double>(topics.size());
    }
  }
  return plan_files(settings, traffic, settings.runtime.workers.value_or(1), input.now);
}

double dollars_per_month(std::uint64_t calls_per_day, double price_per_10k) {
  return static_cast<double>(calls_per_day) * k_days_per_month / k_calls_per_price * price_per_10k;
}

}  // namespace penstock::appliance
