// What a blob says of itself, in the metadata that its store keeps with it: one writer and one strict reader.
// Pure.
//
//   penstock   1                    the version of this format
//   topic      orders
//   ranges     3:70-95,11:0-12      partition:first-next, the positions that the blob covers; they tile
//   records    37                   rows in the file
//   bytes      4012                 of the file, uncompressed
//   attempt    9f86d081884c7d65...  32 hex digits, random: tells a writer its own earlier success
//   group      lake-writers         the consumer group
//   lost       3:80-82              parts of `ranges` that had left the log before they were read; the row is
//                                   there only if they are
//
// A tombstone is a blob without records at a name that was claimed and can never be published any more:
//
//   penstock   1
//   tombstone  1
//   group      lake-writers
//
// A store keeps 8 KiB of metadata (Azure's limit). See k_partitions_per_batch_max.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/metadata.h"
#include "base/partition_range.h"
#include "base/types.h"

namespace penstock::format {

inline constexpr std::string_view k_metadata_version = "1";

// So that the ranges of a batch fit into 8 KiB: "4999:<19 digits>-<19 digits>," is 45 bytes, times 150 is
// 6,750; topic (249), group (256), attempt, counts and the keys take 700 more. Positions that were lost come
// on top: they are few, or the store refuses the blob.
inline constexpr std::size_t k_partitions_per_batch_max = 150;

struct BlobMetadata {
  bool is_tombstone = false;
  std::string group;

  // Not of a tombstone.
  std::string topic;
  std::vector<PartitionRange> ranges;
  std::vector<PartitionRange> lost;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // uncompressed
  std::string attempt;

  // Of `ranges`; none: the blob does not name the partition.
  std::optional<Range> range_of(Partition partition) const;
};

BlobMetadata tombstone_of(std::string group);

Metadata to_metadata(const BlobMetadata& metadata);

// Everything but `attempt` and `group` must be there and be read to its last character. Error invalid_input:
// the rows are not ours, of a version that we do not know, or damaged; the message says which, as of "the
// blob": "its metadata name no topic".
Result<BlobMetadata> read_blob_metadata(const Metadata& rows);

// "3:70-95,11:0-12".
std::string to_text(std::span<const PartitionRange> ranges);

// Error invalid_input: anything else, an empty text too.
Result<std::vector<PartitionRange>> parse_ranges(std::string_view text);

}  // namespace penstock::format
