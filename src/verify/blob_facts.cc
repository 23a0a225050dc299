#include "verify/blob_facts.h"

#include <utility>

namespace penstock::verify {

BlobFacts facts_of(lake::BlobEntry entry) {
  BlobFacts facts;
  facts.name = std::move(entry.name);
  facts.stored_bytes = entry.properties.bytes;
  Result<format::BlobMetadata> read = format::read_blob_metadata(entry.properties.metadata);
  if (!read.ok()) {
    facts.fault = read.error().message;
    return facts;
  }
  facts.metadata = std::move(read).value();
  facts.kind = facts.metadata.is_tombstone ? BlobFacts::Kind::tombstone : BlobFacts::Kind::data;
  return facts;
}

}  // namespace penstock::verify
