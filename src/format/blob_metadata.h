// What a blob says of itself, in the metadata that its store keeps with it: one writer and one strict reader.
// Pure.
//
//   penstock   1                    the version of this format
//   topic      orders
//   topicid    6f1e0c...            32 lower-case hex digits: the topic's id, as a topic that is deleted and
//                                   made anew has its old name; the row is there only if the broker told it
//   ranges     3:70-95,11:0-12      partition:first-next, the positions that the blob covers; they tile
//   records    37                   rows in the file
//   skipped    2                    positions of `ranges` whose records have no value, and so make no row
//   holes      1                    positions of `ranges` that the log did not give: control records, what
//                                   compaction removed, what was lost. records + skipped + holes +
//                                   quarantined are all positions of `ranges`
//   quarantined  2                  positions of `ranges` whose records are in the file's quarantine
//                                   (quarantine.h); the row is there only if they are
//   bytes      4012                 of the file, uncompressed
//   crc32c     e3069283             of the file as it is stored, 8 lower-case hex digits
//   attempt    9f86d081884c7d65...  32 hex digits, random: tells a writer its own earlier success
//   group      lake-writers         the consumer group
//   lost       3:80-82              parts of `ranges` that had left the log before they were read; the row is
//                                   there only if they are
//   before     3:65-70              positions before those of `ranges` that have no row, and are in no other
//                                   blob: for them alone none is made. The row is there only if they are
//
// Early versions did not write skipped, holes, crc32c and before.
//
// A tombstone is a blob without records at a name that was claimed and can never be published any more:
//
//   penstock   1
//   tombstone  1
//   group      lake-writers
//
// A quarantine file is told by its second row. Its other rows are as above, about its own lines and bytes:
//
//   penstock    1
//   quarantine  1
//   of          9f86d081884c7d65...  the attempt of the file beside it, which counts these records
//   topic, records, bytes, crc32c, attempt, group
//
// An empty file tells that a partition was silent. It is told by its second row, and covers no position:
//
//   penstock    1
//   empty       1
//   topic, bytes, crc32c, group
//
// A store keeps 8 KiB of metadata (Azure's limit). See k_ranges_bytes_max.
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

// The keys and values of a blob have at most this many bytes together: Azure's limit.
inline constexpr std::size_t k_metadata_bytes_max = 8192;

// What `ranges`, `lost` and `before` may have of that, together. The other rows have at most 767 bytes: the
// topic 249, the group 256, topic id and attempt 32 each, the five counts 20 each, the checksum 8, the
// version 1, and all keys 89.
inline constexpr std::size_t k_ranges_bytes_max = 7400;

// The most partitions of one batch. "4999:<19 digits>-<19 digits>," has 45 bytes, so 150 ranges have 6,750 at
// most. What is left of k_ranges_bytes_max is for positions that were lost.
inline constexpr std::size_t k_partitions_per_batch_max = 150;

// The most that one range of the partition takes in `ranges`, `lost` or `before`, whatever its positions
// become.
std::size_t range_bytes_max(Partition partition);

struct BlobMetadata {
  bool is_tombstone = false;
  bool is_quarantine = false;  // then it has no positions
  bool is_empty = false;       // likewise, and no records
  std::string group;

  // Not of a tombstone.
  std::string topic;
  std::string topic_id;  // empty: not known
  std::vector<PartitionRange> ranges;
  std::vector<PartitionRange> lost;
  std::vector<PartitionRange> before;
  std::uint64_t records = 0;
  std::optional<std::uint64_t> skipped;  // none: an early penstock did not say
  std::optional<std::uint64_t> holes;    // likewise
  std::uint64_t quarantined = 0;
  std::uint64_t bytes = 0;  // uncompressed
  std::optional<std::uint32_t> checksum;
  std::string attempt;
  std::string of = {};  // of a quarantine file: the attempt of the file beside it

  // Of `ranges`; none: the blob does not name the partition.
  std::optional<Range> range_of(Partition partition) const;

  // The positions of all `ranges`.
  std::uint64_t position_count() const;
};

BlobMetadata tombstone_of(std::string group);

// Of the empty file that is stored as `file`.
BlobMetadata empty_file_of(std::string group, std::string topic, Bytes file);

Metadata to_metadata(const BlobMetadata& metadata);

// `topic`, `ranges`, `records` and `bytes` must be there, and what is there is read to its last character.
// Error invalid_input: the rows are not ours, of a version that we do not know, or damaged; the message says
// which, as of "the blob": "its metadata name no topic".
Result<BlobMetadata> read_blob_metadata(const Metadata& rows);

// "3:70-95,11:0-12".
std::string to_text(std::span<const PartitionRange> ranges);

// Error invalid_input: anything else, an empty text too.
Result<std::vector<PartitionRange>> parse_ranges(std::string_view text);

}  // namespace penstock::format
