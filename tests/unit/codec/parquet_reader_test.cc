#include "codec/parquet_reader.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/codec/parquet_sample.h"

namespace penstock::codec::parquet {
namespace {

using testing::HasSubstr;

class ParquetReaderTest : public testing::TestWithParam<Codec> {};

TEST_P(ParquetReaderTest, every_cell_is_read_in_pieces_of_any_size) {
  const Buffer file = sample_file(GetParam()).whole();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{64}, file.size()}) {
    std::vector<std::vector<std::string>> cells;
    ASSERT_EQ(fault_of(file, piece, &cells), "") << piece;
    ASSERT_EQ(cells.size(), sample_schema().size());
    for (std::size_t row = 0; row < cells[0].size(); ++row) {
      std::vector<std::string> read;
      for (const std::vector<std::string>& column : cells) {
        read.push_back(column.at(row));
      }
      EXPECT_EQ(read, sample_row(static_cast<int>(row)));
    }
    EXPECT_EQ(cells[0].size(), static_cast<std::size_t>(k_sample_groups * k_sample_rows));
  }
}

// What the footer tells of itself alone are the names of columns and `told`: whoever reads compares those.
TEST_P(ParquetReaderTest, a_changed_bit_anywhere_is_found) {
  const Buffer file = sample_file(GetParam()).whole();
  const Footer good = *footer_of(file);
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (const std::size_t bit : {at % 8, std::size_t{4}}) {
      Buffer damaged = file;
      damaged[at] ^= static_cast<std::byte>(1U << bit);
      if (fault_of(damaged).empty()) {
        const Footer read = *footer_of(damaged);
        EXPECT_TRUE(read.schema != good.schema || read.told != good.told) << "bit " << bit << " of " << at;
      }
    }
  }
}

TEST_P(ParquetReaderTest, a_file_that_is_cut_is_found) {
  const Buffer file = sample_file(GetParam()).whole();
  for (std::size_t bytes = 0; bytes < file.size(); ++bytes) {
    EXPECT_NE(fault_of(Bytes(file).first(bytes)), "") << bytes;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ParquetReaderTest, testing::Values(Codec::none, Codec::snappy, Codec::zstd),
                         [](const auto& each) { return std::string(to_string(each.param)); });

std::string fault_with(const std::function<void(Chunk&)>& change) {
  SampleFile file = sample_file(Codec::none);
  change(file.groups[1].chunks[4]);
  return fault_of(file.whole());
}

TEST(ParquetReaderFaultsTest, whatever_the_end_tells_must_follow_from_the_pages) {
  constexpr std::string_view k_fault = "has a page index or a footer that differs from its pages";
  EXPECT_EQ(fault_with([](Chunk&) {}), "");
  EXPECT_THAT(fault_with([](Chunk& chunk) { chunk.bounds->least = "key-"; }), HasSubstr(k_fault));
  EXPECT_THAT(fault_with([](Chunk& chunk) { chunk.bounds->greatest_is_exact ^= true; }), HasSubstr(k_fault));
  EXPECT_THAT(fault_with([](Chunk& chunk) { chunk.bounds.reset(); }), HasSubstr(k_fault));
  EXPECT_THAT(fault_with([](Chunk& chunk) { chunk.nulls += 1; }), HasSubstr(k_fault));
  EXPECT_THAT(fault_with([](Chunk& chunk) { chunk.plain_bytes += 1; }), HasSubstr(k_fault));
  EXPECT_THAT(fault_with([](Chunk& chunk) { chunk.offset_index.back() ^= std::byte{1}; }),
              HasSubstr(k_fault));
  EXPECT_THAT(fault_with([](Chunk& chunk) { chunk.column_index[1] ^= std::byte{1}; }), HasSubstr(k_fault));
  EXPECT_THAT(fault_with([](Chunk& chunk) { chunk.column_index.clear(); }), HasSubstr(k_fault));
}

TEST(ParquetReaderFaultsTest, a_page_that_is_damaged_is_named) {
  const SampleFile sample = sample_file(Codec::none);
  Buffer file = sample.whole();
  file[static_cast<std::size_t>(sample.groups[1].chunks[2].data_offset) + 30] ^= std::byte{1};
  EXPECT_THAT(fault_of(file), HasSubstr("(row group 1, column small, the page at byte "));
}

}  // namespace
}  // namespace penstock::codec::parquet
