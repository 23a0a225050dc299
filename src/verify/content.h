// One blob's bytes against what its metadata say: as many rows as records, as many bytes, a whole file, and
// its checksum. And its metadata against themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/stream_decompressor.h"
#include "format/capture_reader.h"
#include "format/record_format.h"
#include "verify/blob_facts.h"
#include "verify/findings.h"
#include "verify/parquet_content.h"

namespace penstock::verify {

// What the listing alone tells: each position of its ranges is a record, is in quarantine, was skipped, or is
// a hole; and an uncompressed blob is as long as its metadata say.
std::optional<Finding> check_listed(const BlobFacts& facts);

// Fed with the stored bytes from the first to the last.
class ContentCheck {
 public:
  explicit ContentCheck(const BlobFacts& facts);

  // The bytes from this one to the blob's end are wanted before all others; none: they are not.
  std::optional<std::uint64_t> wants_end_from() const;
  // Those. Then it is asked again. False: as of feed().
  bool give_end(Bytes end);

  // False: it is damaged, and the rest need not be read.
  bool feed(Bytes stored);

  // None: all is as the metadata say.
  std::optional<Finding> end() const;

 private:
  Result<void> feed_any(Bytes stored);
  Result<void> end_any() const;
  Result<void> feed_lines(Bytes stored);
  std::optional<Finding> compare(std::uint64_t rows, std::uint64_t plain, std::string_view row_name) const;

  const BlobFacts& facts_;
  format::RowFormat rows_of_;
  format::CaptureReader capture_;  // of capture-avro
  ParquetContent parquet_;         // of Parquet; of all others these three
  codec::StreamDecompressor stream_;
  std::uint64_t plain_ = 0;
  format::RowCounter rows_;
  std::uint64_t stored_ = 0;
  std::uint32_t checksum_ = 0;
  std::optional<Error> damage_;
};

}  // namespace penstock::verify
