// The encoder of Parquet: rows of a raw slab (parquet_rows.h) become a page of the column `value`, and wait,
// encoded, in seven other columns, until the row group ends. codec/PARQUET.md has the file on paper.
//
// What an open file holds in memory is bounded, whatever its row groups' size: the waiting columns, and what
// the footer will tell of complete row groups. ParquetShared has the sums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/types.h"
#include "codec/compressor.h"
#include "codec/parquet_file.h"
#include "codec/parquet_pages.h"
#include "codec/table.h"
#include "format/encoder.h"
#include "format/shredded_values.h"

namespace penstock::format {

// The columns of a file, the streamed one first: readers on the JVM assign a row group to a task by where the
// schema's first column begins. It has values, which are text where somebody vouches for their UTF-8. Readers
// would refuse a whole file for one that is not.
const codec::parquet::Schema& parquet_schema(bool text_values);

inline constexpr std::uint64_t k_parquet_group_bytes_max = std::uint64_t{128} << 20;  // of values
inline constexpr std::uint64_t k_parquet_group_rows_max = 1'000'000;

// What the open files of one worker share: compressors, the room for a page, and a sum of what they hold.
struct ParquetShared {
  // A file ends its row group when its columns hold more than this. A group of records of 1 KiB with keys of
  // 10 bytes comes to 60,000 rows and more before that.
  static constexpr std::size_t k_waiting_bytes_max = std::size_t{512} * 1024;
  // A file is full when its footer would be larger: some 4,000 pages take 60 KiB, and a row group 3 KiB.
  static constexpr std::size_t k_footer_bytes_max = std::size_t{256} * 1024;
  // When all files together hold more than this, each ends its row group and its file much earlier. Of
  // schemas it counts what KnownSchemas::bytes() does.
  static constexpr std::size_t k_held_bytes_max = std::size_t{12} << 20;
  static constexpr std::size_t k_waiting_bytes_short = std::size_t{16} * 1024;
  static constexpr std::size_t k_footer_bytes_short = std::size_t{32} * 1024;

  codec::parquet::PageCompressor& compressor(codec::parquet::Codec codec);
  // Of these values, which are of one schema. The files that have it open share it.
  std::shared_ptr<codec::Shredder> shredder(const std::shared_ptr<const ShreddedValues>& values);
  // What all open files hold, with what is known of their schemas.
  std::size_t held() const { return held_bytes + schemas->bytes(); }
  bool is_short() const { return held() > k_held_bytes_max; }

  std::size_t held_bytes = 0;  // by encoders
  std::shared_ptr<KnownSchemas> schemas = std::make_shared<KnownSchemas>();
  codec::parquet::Buffer page;     // the one that is being made
  std::vector<Bytes> page_values;  // of it, behind their lengths
  std::unique_ptr<codec::parquet::PageCompressor> snappy;
  std::unique_ptr<codec::parquet::PageCompressor> zstd;
  std::unique_ptr<codec::parquet::PageCompressor> none;
  std::map<std::weak_ptr<const ShreddedValues>, std::weak_ptr<codec::Shredder>, std::owner_less<>> shredders;
};

// What an encoder still gives for bytes that it has taken. The rest is for headers of pages, dictionaries,
// and what does not shrink.
inline constexpr std::size_t k_parquet_holds_max =
    ParquetShared::k_waiting_bytes_max + ParquetShared::k_footer_bytes_max + std::size_t{64} * 1024;

// `shared` outlives it.
std::unique_ptr<Encoder> make_parquet_encoder(codec::Compression compression, ParquetShared& shared,
                                              bool text_values = false);

}  // namespace penstock::format
