#include "verify/blob_facts.h"

#include <utility>

#include "format/quarantine.h"

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
  facts.kind = facts.metadata.is_tombstone    ? BlobFacts::Kind::tombstone
               : facts.metadata.is_quarantine ? BlobFacts::Kind::quarantine
               : facts.metadata.is_empty      ? BlobFacts::Kind::empty
                                              : BlobFacts::Kind::data;
  const bool is_beside = !format::file_beside(facts.name).empty();
  if (is_beside != (facts.kind == BlobFacts::Kind::quarantine)) {
    facts.kind = BlobFacts::Kind::foreign;
    facts.fault = is_beside ? "lies among quarantine files, and its metadata say that it is none"
                            : "its metadata say that it is a quarantine file, and it does not lie among them";
  }
  return facts;
}

}  // namespace penstock::verify
