// The encoder of Parquet whose values become columns: rows of a raw slab (parquet_rows.h) are taken apart by
// a shredder, cell by cell. codec/PARQUET.md has the file on paper.
//
// No column of such a file goes out before its row group ends. So a file holds what its columns have, and
// what all files of a worker hold together bounds each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "codec/compressor.h"
#include "format/encoder.h"
#include "format/file_columns.h"
#include "format/parquet_encoder.h"
#include "format/shredded_values.h"

namespace penstock::format {

// A file ends its row group when its columns hold more than this, or more than what
// ParquetShared::k_held_bytes_max leaves to all files of the worker: so each of n busy files has a share of 1
// / (n + 1). Below the least it goes on nevertheless: as many bytes for each column, in which it has a page's
// header and a chunk's place in the footer.
inline constexpr std::size_t k_parquet_table_bytes_max = std::size_t{4} << 20;
inline constexpr std::size_t k_parquet_column_bytes_min = 1024;
// A file is full when its footer would be larger, or, when there is less than that for all files, earlier.
inline constexpr std::size_t k_parquet_table_footer_bytes_max = std::size_t{1} << 20;

// What such an encoder still gives for bytes that it has taken: a row group, a footer, and one more row group
// in it, of 1,000 columns.
inline constexpr std::size_t k_parquet_table_holds_max =
    k_parquet_table_bytes_max + k_parquet_table_footer_bytes_max + std::size_t{768} * 1024;

// `shared` outlives it. `columns`: of the file, where ids name the schemas of its values. They may get more
// while it is written: before each unit the encoder looks whether they have.
std::unique_ptr<Encoder> make_parquet_table_encoder(codec::Compression compression, ParquetShared& shared,
                                                    std::shared_ptr<const ShreddedValues> values,
                                                    std::shared_ptr<FileColumns> columns = nullptr);

}  // namespace penstock::format
