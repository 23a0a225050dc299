#include "appliance/file_plan.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include "appliance/wiring.h"
#include "base/concat.h"
#include "base/types.h"
#include "codec/blob_name.h"
#include "config/memory_plan.h"
#include "format/record_format.h"

namespace penstock::appliance {
namespace {

constexpr Duration k_day = std::chrono::hours{24};

std::uint64_t divided_up(std::uint64_t value, std::uint64_t by) {
  return (value + by - 1) / by;
}

// How many files are open for a topic at one time.
std::uint64_t files_at_once(const config::Settings& settings, const config::BatchSettings& batch,
                            std::uint32_t partitions) {
  if (batch.group_by == config::GroupBy::partition) {
    return partitions;
  }
  return std::min(settings.runtime.workers.value_or(1), partitions);
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

std::string example_name(const config::Settings& settings, const config::BatchSettings& batch,
                         const std::string& topic, WallTime now) {
  const Result<codec::PathTemplate> path = codec::PathTemplate::parse(batch.path);
  if (!path.ok()) {
    return {};
  }
  const std::optional<Partition> partition =
      path->uses_partition() ? std::optional<Partition>(Partition{0}) : std::nullopt;
  const std::string_view extension = format::file_extension(record_format(batch));
  const std::string_view slash = settings.sink.url.ends_with('/') ? "" : "/";
  return concat(
      settings.sink.url, slash,
      path->expand(topic, partition, now, {.incarnation = 0x4f1d22a09be37c58, .counter = 0}, extension));
}

TopicFiles files_of(const config::Settings& settings, const std::string& topic, std::uint64_t bytes_per_day,
                    const FilePlanInput& input) {
  const config::BatchSettings& batch = settings.batch_for(topic);
  const std::uint64_t by_age = files_at_once(settings, batch, input.partitions) *
                               static_cast<std::uint64_t>(std::max<Duration::rep>(k_day / batch.max_age, 1));
  TopicFiles files{.topic = topic, .example = example_name(settings, batch, topic, input.now)};
  files.files_per_day = std::max(by_age, divided_up(bytes_per_day, batch.max_bytes));
  files.bytes_per_file = divided_up(bytes_per_day, files.files_per_day);
  files.calls_per_day = files.files_per_day * calls_of_file(files.bytes_per_file, payload_of_block(settings));
  return files;
}

}  // namespace

FilePlan plan_files(const config::Settings& settings, const FilePlanInput& input) {
  std::vector<std::string> topics = settings.source.topics;
  if (topics.empty()) {
    topics.push_back("TOPIC");
  }
  FilePlan plan;
  for (const std::string& topic : topics) {
    plan.topics.push_back(files_of(settings, topic, input.bytes_per_day / topics.size(), input));
    plan.files_per_day += plan.topics.back().files_per_day;
    plan.calls_per_day += plan.topics.back().calls_per_day;
  }
  return plan;
}

}  // namespace penstock::appliance
