// What files a configuration makes: their names, how many a day, and the calls that they cost. Pure: nothing
// is asked of brokers, store or disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/settings.h"

namespace penstock::appliance {

struct FilePlanInput {
  // Of each topic.
  std::uint32_t partitions = 1;
  // Bytes of values a day, of all topics together, shared out evenly. 0: not known, and the files are counted
  // that age alone makes.
  std::uint64_t bytes_per_day = 0;
  // For the date in the names.
  WallTime now;
};

// Of one topic, or of all that an expression finds.
struct TopicFiles {
  std::string topic;
  // A whole address: "https://contoso.blob.core.windows.net/lake/raw/orders/2026/...txt".
  std::string example;
  // Most of a day with records in every interval.
  std::uint64_t files_per_day = 0;
  std::uint64_t bytes_per_file = 0;
  // Put Blob, Put Block, Put Block List.
  std::uint64_t calls_per_day = 0;
};

struct FilePlan {
  std::vector<TopicFiles> topics;
  std::uint64_t files_per_day = 0;
  std::uint64_t calls_per_day = 0;
};

// The settings are valid. With compression the sizes are those before it.
FilePlan plan_files(const config::Settings& settings, const FilePlanInput& input);

}  // namespace penstock::appliance
