// What a listed blob is: data, a quarantine, an empty file, a tombstone, or a file that is not ours. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "format/blob_metadata.h"
#include "lake/blob_store.h"

namespace penstock::verify {

struct BlobFacts {
  enum class Kind : std::uint8_t {
    data,
    quarantine,  // records that are not in the file beside it (format/quarantine.h)
    empty,       // tells that a partition was silent
    tombstone,   // holds nothing on purpose: a successor closed this name
    foreign,     // somebody else's file, or ours with damaged metadata: `fault` says which
  };
  Kind kind = Kind::foreign;
  std::string name;
  std::uint64_t stored_bytes = 0;
  format::BlobMetadata metadata;  // of all but foreign ones
  std::string fault;
};

BlobFacts facts_of(lake::BlobEntry entry);

}  // namespace penstock::verify
