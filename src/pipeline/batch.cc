#include "pipeline/batch.h"

#include <algorithm>

#include "base/concat.h"

namespace penstock::pipeline {
namespace {

// "11:70-95", behind a comma unless it is the first.
void append_range(std::string& text, Partition partition, const Range& range) {
  text += concat(text.empty() ? "" : ",", partition.value, ':', range.first.value, '-', range.next.value);
}

}  // namespace

std::uint64_t made_as(const TopicPlan& plan, std::string_view group, std::string_view sink) {
  const std::string what = concat("lines", codec::file_extension(plan.compression), '\n',
                                  plan.by_partition ? "partition" : "topic", '\n', group, '\n', sink);
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : what) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return std::max<std::uint64_t>(hash, 1);
}

lake::Metadata blob_metadata(const Batch& batch, const std::string& group) {
  std::string ranges;
  for (const Share& share : batch.shares) {
    append_range(ranges, share.partition, share.range);
  }
  lake::Metadata metadata{{"penstock", "1"},
                          {"topic", batch.plan->topic},
                          {"ranges", std::move(ranges)},
                          {"records", std::to_string(batch.records)},
                          {"bytes", std::to_string(batch.raw_bytes)},
                          {"attempt", batch.attempt},
                          {"group", group}};
  if (!batch.lost.empty()) {
    std::string lost;
    for (const PartitionRange& range : batch.lost) {
      append_range(lost, range.partition, range.range);
    }
    metadata.emplace_back("lost", std::move(lost));
  }
  return metadata;
}

lake::Metadata tombstone_metadata(const std::string& group) {
  return {{"penstock", "1"}, {"tombstone", "1"}, {"group", group}};
}

bool has(const lake::Metadata& metadata, std::string_view key, std::string_view value) {
  return std::any_of(metadata.begin(), metadata.end(),
                     [&](const auto& row) { return row.first == key && row.second == value; });
}

bool is_tombstone(const lake::Metadata& metadata) {
  return has(metadata, "tombstone", "1");
}

}  // namespace penstock::pipeline
