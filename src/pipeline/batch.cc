#include "pipeline/batch.h"

#include <algorithm>

#include "base/concat.h"

namespace penstock::pipeline {

lake::Metadata blob_metadata(const Batch& batch, const std::string& group) {
  std::string ranges;
  for (const Share& share : batch.shares) {
    if (!ranges.empty()) {
      ranges += ',';
    }
    ranges += concat(share.partition.value, ':', share.range.first.value, '-', share.range.next.value);
  }
  return {{"penstock", "1"},
          {"topic", batch.plan->topic},
          {"ranges", std::move(ranges)},
          {"records", std::to_string(batch.records)},
          {"bytes", std::to_string(batch.raw_bytes)},
          {"attempt", batch.attempt},
          {"group", group}};
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
