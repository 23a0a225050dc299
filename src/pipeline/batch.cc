#include "pipeline/batch.h"

#include "format/blob_metadata.h"

namespace penstock::pipeline {

std::size_t text_bytes_max_of(const Share& share) {
  return (share.bare_from ? 2 : 1) * format::range_bytes_max(share.partition);
}

Metadata blob_metadata(const Batch& batch, const std::string& group) {
  if (batch.beside) {
    return format::to_metadata({.is_quarantine = true,
                                .group = group,
                                .topic = batch.plan->topic,
                                .topic_id = {},
                                .ranges = {},
                                .lost = {},
                                .before = {},
                                .records = batch.cut.records,
                                .skipped = {},
                                .holes = {},
                                .bytes = batch.cut.raw_bytes,
                                .checksum = batch.cut.checksum,
                                .attempt = batch.attempt,
                                .of = batch.of});
  }
  format::BlobMetadata metadata{.is_tombstone = false,
                                .group = group,
                                .topic = batch.plan->topic,
                                .topic_id = batch.topic_id,
                                .ranges = {},
                                .lost = batch.ranges.lost,
                                .before = {},
                                .records = batch.cut.records,
                                .skipped = batch.cut.skipped,
                                .holes = batch.cut.holes,
                                .quarantined = batch.quarantine.record_count(),
                                .bytes = batch.cut.raw_bytes,
                                .checksum = batch.cut.checksum,
                                .attempt = batch.attempt};
  for (const Share& share : batch.ranges.shares) {
    metadata.ranges.push_back({share.partition, share.range});
    if (share.bare_from) {
      metadata.before.push_back({share.partition, {*share.bare_from, share.range.first}});
    }
  }
  return format::to_metadata(metadata);
}

Metadata file_metadata(const Batch& batch, const std::string& group) {
  Metadata told;
  for (auto& [key, value] : blob_metadata(batch, group)) {
    if (key != "crc32c") {
      told.emplace_back(key == "penstock" ? "penstock.version" : "penstock." + key, value);
    }
  }
  return told;
}

}  // namespace penstock::pipeline
