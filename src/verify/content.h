// One blob's bytes against what its metadata say: as many rows as records, as many bytes, a whole file, and
// its checksum. And its metadata against themselves.
#pragma once

#include <cstdint>
#include <optional>

#include "codec/stream_decompressor.h"
#include "format/record_format.h"
#include "verify/blob_facts.h"
#include "verify/findings.h"

namespace penstock::verify {

// What the listing alone tells: each position of its ranges is a record, was skipped, or is a hole; and an
// uncompressed blob is as long as its metadata say.
std::optional<Finding> check_listed(const BlobFacts& facts);

// Fed with the stored bytes from the first to the last.
class ContentCheck {
 public:
  explicit ContentCheck(const BlobFacts& facts);

  // False: it is damaged, and the rest need not be read.
  bool feed(Bytes stored);

  // None: all is as the metadata say.
  std::optional<Finding> end() const;

 private:
  const BlobFacts& facts_;
  codec::StreamDecompressor stream_;
  std::uint64_t stored_ = 0;
  std::uint64_t plain_ = 0;
  std::uint32_t checksum_ = 0;
  format::RowCounter rows_;
  std::optional<Error> damage_;
};

}  // namespace penstock::verify
