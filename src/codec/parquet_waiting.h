// A column that waits: its pages are kept until the column before it in the row group is complete. What waits
// is encoded and compressed, but for the page that is open.
//
// A column of flat rows is given a value, or a null, for each row. A column of a table is given cells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/types.h"
#include "codec/parquet_chunk.h"
#include "codec/parquet_dictionary.h"
#include "codec/parquet_encodings.h"
#include "codec/parquet_file.h"
#include "codec/parquet_pages.h"
#include "codec/table.h"

namespace penstock::codec::parquet {

class WaitingColumn {
 public:
  // A page is ended when it has so many values, nulls counted, or so many bytes before it is compressed.
  static constexpr std::size_t k_page_values_max = 20'000;
  static constexpr std::size_t k_page_bytes_max = std::size_t{64} * 1024;
  // Of a dictionary that is known beforehand.
  static constexpr std::size_t k_words_max = 2;

  struct Options {
    bool bounded = true;                  // the least and the greatest value are told
    std::vector<std::string> words = {};  // the only ones that there are: add_word()
    bool finds_words = false;             // of byte arrays: a dictionary is made as long as it helps
    std::size_t page_bytes_max = k_page_bytes_max;
  };
  WaitingColumn(const Column& column, Options options);

  // The next row, or rows, of which nothing is there, not even the outermost group.
  void add_null(std::size_t rows = 1);
  // The next row, or rows, of a column that is in no group.
  void add(std::span<const std::int64_t> numbers);
  void add(std::int64_t number) { add(std::span(&number, 1)); }
  void add(std::span<const std::string_view> texts);
  void add(std::string_view text) { add(std::span(&text, 1)); }
  void add_word(std::size_t index, std::size_t rows = 1);

  // The next cell, of this column. Text is UTF-8.
  void add(const Cell& cell);

  // The open page is complete. Compresses it. A page ends between two rows.
  bool page_is_full() const { return page_values_ >= k_page_values_max || page_bytes() >= page_bytes_max_; }
  void end_page(PageCompressor& compressor);

  // What it takes in memory, beside itself.
  std::size_t bytes() const;
  std::uint64_t rows() const { return facts_.rows() + page_rows_; }

  // The column is complete: moves its pages to `pages`, and begins anew. They begin at this byte of the file.
  Chunk finish(std::uint64_t first_byte, PageCompressor& compressor, Buffer& pages);

 private:
  // PLAIN: each text behind its length, or numbers and decimals as they are.
  struct Plain {
    Buffer out;
  };
  // RLE_DICTIONARY, of words that are known.
  struct Words {
    std::vector<std::string> words;
    Runs indexes;
  };
  // Of words that are found. `numbers` are those of the open page.
  struct Found {
    Dictionary words;
    std::vector<std::uint16_t> numbers;
    std::size_t plain_bytes = 0;  // what these would take without a dictionary
    bool is_used = false;         // by a page that is complete
  };
  using Values =
      std::variant<Plain, Words, Found, DeltaPacked<std::int32_t>, DeltaPacked<std::int64_t>, Bits>;

  void add_levels(std::size_t rows);
  void add_value(const Cell& cell);
  void add_real(double value);
  void add_text(std::string_view text);
  bool helps(const Found& found) const;
  void add_words_to_extent(const Found& found);
  void give_up_words();
  void begin_words();
  std::size_t page_bytes() const;
  void append_levels(Buffer& body);
  Encoding append_values(Buffer& body);
  ChunkFacts::Page append_page(Buffer& to, const PageHeader& header, Bytes body, PageCompressor& compressor);
  ChunkFacts::Page append_dictionary(Buffer& to, std::size_t words, Bytes body, PageCompressor& compressor);

  Column column_;
  std::uint8_t definition_max_;
  std::uint8_t repetition_max_;
  bool bounded_;
  bool finds_words_;
  std::size_t page_bytes_max_;
  ChunkFacts facts_;
  Values values_;
  Dictionary dictionary_;  // of pages that are complete, where the column went on without
  Runs definitions_;
  Runs repetitions_;
  Extent extent_;
  std::size_t page_rows_ = 0;
  std::size_t page_values_ = 0;
  std::size_t page_nulls_ = 0;
  Buffer pages_;
};

}  // namespace penstock::codec::parquet
