// What a blob says of itself: its metadata (pipeline/batch.cc writes them), read strictly. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/partition_range.h"
#include "base/types.h"
#include "codec/compressor.h"
#include "lake/blob_store.h"

namespace penstock::verify {

struct BlobFacts {
  enum class Kind : std::uint8_t {
    data,
    tombstone,  // holds nothing on purpose: a successor closed this name
    foreign,    // somebody else's file, or ours with damaged metadata: `fault` says which
  };
  Kind kind = Kind::foreign;
  std::string name;
  std::uint64_t stored_bytes = 0;
  std::string group;  // data and tombstones

  // Data only.
  std::string topic;
  std::vector<PartitionRange> ranges;
  std::vector<PartitionRange> lost;  // parts of `ranges` that had left the log before they were read
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // uncompressed

  std::string fault;
};

BlobFacts facts_of(lake::BlobEntry entry);

// "3:70-95,11:0-12". Error invalid_input: anything else.
Result<std::vector<PartitionRange>> parse_ranges(std::string_view text);

// By the extension, as codec::file_extension() gives it.
codec::Compression compression_of(std::string_view name);

}  // namespace penstock::verify
