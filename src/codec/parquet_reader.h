// Reads back the Parquet files that penstock writes, from front to back, in memory that does not grow with
// the file: a page, and what the footer tells. Input is from outside: nothing in it is believed.
//
// Not a reader of other files: one that has pages or encodings that penstock does not write is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "codec/decompressor.h"
#include "codec/parquet_chunk.h"
#include "codec/parquet_encodings.h"
#include "codec/parquet_file.h"
#include "codec/parquet_pages.h"

namespace penstock::codec::parquet {

// A page with its values. What it points to is valid during the call that it is given to.
struct Page {
  std::size_t group = 0;
  std::size_t column = 0;
  std::uint64_t first_row = 0;  // within the row group
  std::size_t rows = 0;
  // By value, of which a column in no list has one for each row (table.h). Levels that are always 0 are not
  // told.
  std::vector<bool> present;
  std::vector<std::uint16_t> definitions;
  std::vector<std::uint16_t> repetitions;
  // Of the values that are present, in their order. Two of the three are empty, as the column's type has it.
  std::vector<std::int64_t> numbers;  // booleans too
  std::vector<double> reals;
  std::vector<std::string_view> texts;  // decimals too
};

class PageReader {
 public:
  // A page that becomes larger than this is an error.
  static constexpr std::size_t k_page_bytes_max = k_batch_bytes_limit_max + (std::size_t{1} << 20);
  // So are a page index and a footer together.
  static constexpr std::size_t k_end_bytes_max = std::size_t{64} << 20;

  // `footer` outlives it.
  explicit PageReader(const Footer& footer);

  using Sink = std::function<void(const Page&)>;

  // The file's next bytes, from its first. Error corrupt (give up): they are not what the footer tells, or a
  // checksum does not match; nothing more may be given then.
  Result<void> feed(Bytes stored, const Sink& sink);

  // All of the file was given. Error corrupt: something is missing, or the page index or the footer are not
  // to the byte what the writer would have written behind these pages.
  Result<void> end() const;

 private:
  const Column& column() const { return footer_.schema[column_]; }
  const Chunk& chunk() const { return footer_.groups[group_].chunks[column_]; }
  bool in_pages() const { return chunk_ < footer_.order.size(); }
  Result<void> take_magic(Bytes& stored);
  Result<bool> take_page(const Sink& sink);
  Result<void> read_page(const PageHeader& header, Bytes body, std::size_t bytes, const Sink& sink);
  Result<void> read_dictionary(const PageHeader& header, Bytes plain);
  bool may_have(Encoding encoding) const;
  Result<void> read_levels(std::size_t count, Bytes& plain, Page& page) const;
  Result<void> read_values(const PageHeader& header, Bytes plain, Page& page) const;
  bool read_plain(Bytes values, std::size_t count, Page& page) const;
  bool read_texts(Bytes values, std::size_t count, Page& page) const;
  bool read_numbers(Bytes values, std::size_t count, Page& page) const;
  bool read_indexes(Bytes values, std::size_t count, Page& page) const;
  std::optional<Bounds> bounds_of(const Page& page) const;
  void begin_chunk();
  void end_chunk();
  Error corrupt(std::string_view what) const;

  const Footer& footer_;
  Decompressor decompressor_;
  Buffer gathered_;        // of the page that has begun, or all that is behind the pages
  std::size_t taken_ = 0;  // of what was gathered: these are behind us
  std::uint64_t at_ = 0;   // of the file, behind what was given
  std::size_t chunk_ = 0;  // of footer_.order: that of this row group and column
  std::size_t group_ = 0;
  std::size_t column_ = 0;
  std::uint64_t page_at_ = 0;        // of the file, where the page begins that comes next
  std::optional<ChunkFacts> facts_;  // of the chunk, as its pages are
  std::vector<std::string> dictionary_;
  std::optional<ChunkFacts::Page> fact_of_dictionary_;
  std::vector<RowGroup> seen_;  // as their pages were
};

}  // namespace penstock::codec::parquet
