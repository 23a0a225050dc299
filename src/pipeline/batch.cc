#include "pipeline/batch.h"

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

}  // namespace penstock::pipeline
