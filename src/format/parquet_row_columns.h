// The columns of a Parquet file that tell of the record beside its value: _topic to _headers. They wait until
// their row group ends.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "codec/parquet_file.h"
#include "codec/parquet_waiting.h"
#include "format/parquet_pieces.h"
#include "format/parquet_rows.h"

namespace penstock::format {

class ParquetRowColumns {
 public:
  // At most so many at a time.
  static constexpr std::size_t k_rows_max = 64;
  using Rows = std::span<const ParquetRow* const>;

  // As they stand in the schema, behind all others.
  static codec::parquet::Schema schema();

  explicit ParquetRowColumns(std::string_view topic);

  void add(Rows rows);
  // Ends the pages that are full.
  void end_pages(codec::parquet::PageCompressor& compressor);
  // What they hold in memory.
  std::size_t bytes() const;

  // Ends the row group, whose rows are those of `group`. What is put stays until the next call of free().
  void finish(codec::parquet::PageCompressor& compressor, codec::parquet::RowGroup& group,
              ParquetPieces& pieces);
  void free() { pages_.clear(); }

 private:
  std::vector<codec::parquet::WaitingColumn> columns_;
  std::vector<codec::parquet::Buffer> pages_;
};

// take(part, kind) for each run of rows that are of one kind.
template <class KindOf, class Take>
void for_each_run(ParquetRowColumns::Rows rows, KindOf kind_of, Take take) {
  while (!rows.empty()) {
    const auto kind = kind_of(*rows.front());
    std::size_t count = 1;
    while (count < rows.size() && kind_of(*rows[count]) == kind) {
      ++count;
    }
    take(rows.first(count), kind);
    rows = rows.subspan(count);
  }
}

}  // namespace penstock::format
