// What files a configuration makes: their names, how many a day, and the calls that they cost. Pure: nothing
// is asked of brokers, store or disk.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/settings.h"

namespace penstock::appliance {

// Dollars for 10,000 write operations, a sample price. bench/COST.md says where it is from.
inline constexpr double k_sample_price = 0.055;

// What comes into a topic in a day.
struct TopicTraffic {
  std::string topic;
  std::uint32_t partitions = 1;
  // None: not known, and every file is counted as if records came all the time.
  std::optional<double> records_per_day{};
  // Of values. None: not known, and the files are counted that age alone makes.
  std::optional<double> bytes_per_day{};
};

struct FilePlanInput {
  // Of each topic.
  std::uint32_t partitions = 1;
  // Bytes of values a day, of all topics together, shared out evenly. 0: not known.
  std::uint64_t bytes_per_day = 0;
  // For the date in the names.
  WallTime now;
};

// Of one topic, or of all that an expression finds.
struct TopicFiles {
  std::string topic;
  // A whole address: "https://contoso.blob.core.windows.net/lake/raw/orders/2026/...txt".
  std::string example;
  // Of the quarantine file beside it. Empty: the topic takes all records.
  std::string quarantine;
  std::uint64_t files_per_day = 0;
  // 0: not known.
  std::uint64_t bytes_per_file = 0;
  // Put Blob, Put Block, Put Block List.
  std::uint64_t calls_per_day = 0;
  // Both of these are not in the two above: files of records in quarantine, if each file has one beside it,
  // and their calls.
  std::uint64_t quarantine_files_per_day = 0;
  std::uint64_t quarantine_calls_per_day = 0;
};

struct FilePlan {
  std::vector<TopicFiles> topics;
  std::uint64_t files_per_day = 0;
  std::uint64_t calls_per_day = 0;
  std::uint64_t quarantine_files_per_day = 0;
  std::uint64_t quarantine_calls_per_day = 0;
};

// The settings are valid. With compression the sizes are those before it. `workers` that read a topic have
// files of their own.
FilePlan plan_files(const config::Settings& settings, std::span<const TopicTraffic> traffic,
                    std::uint32_t workers, WallTime now);

// The same of the topics that the settings name: most of a day with records in every interval.
FilePlan plan_files(const config::Settings& settings, const FilePlanInput& input);

double dollars_per_month(std::uint64_t calls_per_day, double price_per_10k);

}  // namespace penstock::appliance
