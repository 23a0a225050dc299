// What a Parquet file tells of itself behind its pages: the page index and the footer, and how both are
// written and read. PARQUET.md has the whole of the file on paper.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "base/metadata.h"
#include "base/types.h"
#include "codec/parquet_encodings.h"
#include "codec/parquet_pages.h"
#include "codec/parquet_schema.h"

namespace penstock::codec::parquet {

// In front of a file, and at its end.
inline constexpr std::string_view k_magic = "PAR1";
// At the end: the footer's length in four bytes, and the magic.
inline constexpr std::size_t k_tail_bytes = 8;

// The least and the greatest value of a page or a chunk: numbers as PLAIN has them, byte arrays cut at 64
// bytes. What a reader may skip is judged by them.
struct Bounds {
  std::string least;
  std::string greatest;
  bool least_is_exact = true;
  bool greatest_is_exact = true;
};

// A column's part of a row group.
struct Chunk {
  std::uint64_t rows = 0;
  std::uint64_t values = 0;  // nulls count, and each item of a list
  std::uint64_t nulls = 0;
  std::uint64_t plain_bytes = 0;   // of its pages with their headers
  std::uint64_t stored_bytes = 0;  // likewise
  std::optional<std::uint64_t> dictionary_offset;
  std::uint64_t data_offset = 0;  // of its first data page, in the file
  std::optional<Bounds> bounds;   // none: not told, or all are null
  // OffsetIndex and ColumnIndex as they are written; the second is empty where the column has none.
  Buffer offset_index;
  Buffer column_index;

  std::uint64_t first_byte() const { return dictionary_offset.value_or(data_offset); }
};

struct RowGroup {
  std::uint64_t rows = 0;
  std::vector<Chunk> chunks;  // by the schema's columns

  // What it takes in memory, its indexes not counted.
  std::size_t footer_bytes() const;
};

// Appends what stands behind the last row group: the column indexes, the offset indexes, the footer and the
// tail. `at` is where in the file that is.
void append_footer(Buffer& to, std::uint64_t at, const Schema& schema, Codec codec,
                   const std::vector<RowGroup>& groups, const Metadata& told);

// What a footer tells, which is not believed: read_footer() has checked that it is one of ours.
struct Footer {
  Schema schema;
  Codec codec = Codec::none;
  std::uint64_t rows = 0;
  std::vector<RowGroup> groups;  // without their indexes
  Metadata told;
  // Of each chunk, in the order of the file: where its indexes lie.
  struct Indexes {
    std::uint64_t offset_index = 0;
    std::uint32_t offset_index_bytes = 0;
    std::uint64_t column_index = 0;
    std::uint32_t column_index_bytes = 0;
  };
  std::vector<Indexes> indexes;
  // The chunks as they follow each other in the file: row group by row group, and behind the last one those
  // that are all null and were written late.
  struct Place {
    std::uint32_t group = 0;
    std::uint32_t column = 0;
  };
  std::vector<Place> order;
  std::uint64_t begins = 0;       // where in the file the footer does
  std::uint64_t pages_begin = 0;  // behind the magic
  std::uint64_t pages_end = 0;    // of the last chunk
};

// How long the footer of a file is with its tail, from the file's last bytes (k_tail_bytes). Error corrupt:
// they are not the end of a Parquet file of this length.
Result<std::uint64_t> footer_bytes(Bytes tail, std::uint64_t file_bytes);

// `end`: the file's last footer_bytes(). Error corrupt: the footer is not one that penstock writes. Chunks
// then follow each other without a gap, in the order of the schema's columns, but for those that were written
// late.
Result<Footer> read_footer(Bytes end, std::uint64_t file_bytes);

}  // namespace penstock::codec::parquet
