// The bytes of one Parquet file against themselves and against what its blob's metadata say. The footer lies
// at the end of a file, and is wanted first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "codec/parquet_file.h"
#include "codec/parquet_reader.h"
#include "format/blob_metadata.h"

namespace penstock::verify {

class ParquetContent {
 public:
  // A footer that is larger is not ours.
  static constexpr std::uint64_t k_footer_bytes_max = std::uint64_t{64} << 20;

  // What the metadata say outlives it.
  explicit ParquetContent(const format::BlobMetadata& said) : said_(said) {}

  // The bytes of the file that are wanted before feed(), from this one to the end; none: all were given.
  std::optional<std::uint64_t> wants_end_from(std::uint64_t file_bytes) const;
  // Those. Error corrupt: it is not a file that penstock writes.
  Result<void> give_end(Bytes end, std::uint64_t file_bytes);

  // The file's next bytes, from its first.
  Result<void> feed(Bytes stored);
  // All was given. Error corrupt: the file is not whole, or holds rows that its metadata do not tell of.
  Result<void> end() const;

  std::uint64_t rows() const { return footer_ ? footer_->rows : 0; }
  // Of values, keys and headers. None: values were taken apart, and nobody knows any more.
  std::optional<std::uint64_t> plain_bytes() const {
    return is_shredded() ? std::nullopt : std::optional(plain_bytes_);
  }

 private:
  bool is_shredded() const;
  void take(const codec::parquet::Page& page);
  void take_offsets(const codec::parquet::Page& page);

  const format::BlobMetadata& said_;
  std::uint64_t end_bytes_ = codec::parquet::k_tail_bytes;
  std::optional<codec::parquet::Footer> footer_;
  std::optional<codec::parquet::PageReader> reader_;
  std::uint64_t plain_bytes_ = 0;
  std::vector<std::int32_t> partitions_;          // of the row group, by row
  std::map<std::int32_t, std::int64_t> reached_;  // by partition, the last offset
  std::string fault_;                             // the first
};

}  // namespace penstock::verify
