#include "pipeline/batch.h"

#include "format/blob_metadata.h"

namespace penstock::pipeline {

Metadata blob_metadata(const Batch& batch, const std::string& group) {
  format::BlobMetadata metadata{.is_tombstone = false,
                                .group = group,
                                .topic = batch.plan->topic,
                                .ranges = {},
                                .lost = batch.ranges.lost,
                                .records = batch.cut.records,
                                .bytes = batch.cut.raw_bytes,
                                .attempt = batch.attempt};
  for (const Share& share : batch.ranges.shares) {
    metadata.ranges.push_back({share.partition, share.range});
  }
  return format::to_metadata(metadata);
}

}  // namespace penstock::pipeline
