#include "codec/parquet_file.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/codec/parquet_sample.h"

namespace penstock::codec::parquet {
namespace {

using testing::HasSubstr;

std::string footer_fault(const SampleFile& sample) {
  const Result<Footer> footer = footer_of(sample.whole());
  return footer.ok() ? std::string() : footer.error().message;
}

TEST(ParquetFooterTest, a_footer_is_read_as_it_was_written) {
  const SampleFile sample = sample_file(Codec::zstd);
  const Buffer file = sample.whole();
  const Result<Footer> read = footer_of(file);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->schema, sample_schema());
  EXPECT_EQ(read->codec, Codec::zstd);
  EXPECT_EQ(read->rows, static_cast<std::uint64_t>(k_sample_groups * k_sample_rows));
  EXPECT_EQ(read->told, k_sample_told);
  EXPECT_EQ(read->pages_begin, k_magic.size());
  EXPECT_EQ(read->pages_end, sample.bytes.size());
  ASSERT_EQ(read->groups.size(), sample.groups.size());
  for (std::size_t group = 0; group < read->groups.size(); ++group) {
    EXPECT_EQ(read->groups[group].rows, sample.groups[group].rows);
    for (std::size_t column = 0; column < sample_schema().size(); ++column) {
      const Chunk& wrote = sample.groups[group].chunks[column];
      const Chunk& is = read->groups[group].chunks[column];
      EXPECT_EQ(is.values, wrote.values);
      EXPECT_EQ(is.nulls, wrote.nulls);
      EXPECT_EQ(is.plain_bytes, wrote.plain_bytes);
      EXPECT_EQ(is.stored_bytes, wrote.stored_bytes);
      EXPECT_EQ(is.dictionary_offset, wrote.dictionary_offset);
      EXPECT_EQ(is.data_offset, wrote.data_offset);
      ASSERT_EQ(is.bounds.has_value(), wrote.bounds.has_value());
      if (is.bounds) {
        EXPECT_EQ(is.bounds->least, wrote.bounds->least);
        EXPECT_EQ(is.bounds->greatest, wrote.bounds->greatest);
        EXPECT_EQ(is.bounds->least_is_exact, wrote.bounds->least_is_exact);
        EXPECT_EQ(is.bounds->greatest_is_exact, wrote.bounds->greatest_is_exact);
      }
    }
  }
}

TEST(ParquetFooterTest, a_text_longer_than_64_bytes_bounds_from_above_by_the_next_greater_one) {
  const SampleFile sample = sample_file(Codec::none);
  const Chunk& keys = sample.groups[1].chunks[4];
  ASSERT_TRUE(keys.bounds);
  EXPECT_EQ(keys.bounds->greatest, "key-" + std::string(59, 'k') + "l");
  EXPECT_FALSE(keys.bounds->greatest_is_exact);
}

TEST(ParquetFooterTest, a_footer_that_is_none_of_ours_is_refused) {
  SampleFile gap = sample_file(Codec::none);
  gap.groups[0].chunks[2].data_offset += 1;
  EXPECT_THAT(footer_fault(gap), HasSubstr("contradicts itself"));
  SampleFile rows = sample_file(Codec::none);
  rows.groups[1].rows += 1;
  EXPECT_THAT(footer_fault(rows), HasSubstr("contradicts itself"));
  SampleFile nulls = sample_file(Codec::none);
  nulls.groups[1].chunks[0].nulls = k_sample_rows + 1;
  EXPECT_THAT(footer_fault(nulls), HasSubstr("contradicts itself"));
  SampleFile behind = sample_file(Codec::none);
  behind.groups[1].chunks[4].stored_bytes += 1'000'000;
  EXPECT_THAT(footer_fault(behind), HasSubstr("contradicts itself"));
}

TEST(ParquetFooterTest, a_tail_that_is_none_is_refused) {
  const Buffer file = sample_file(Codec::none).whole();
  const Bytes tail = Bytes(file).last(k_tail_bytes);
  EXPECT_TRUE(footer_bytes(tail, file.size()).ok());
  EXPECT_THAT(footer_bytes(tail.first(7), file.size()).error().message, HasSubstr("does not end with PAR1"));
  EXPECT_THAT(footer_bytes(as_bytes(std::string_view("\1\0\0\0PAR2", 8)), 1'000).error().message,
              HasSubstr("does not end with"));
  EXPECT_THAT(footer_bytes(tail, 100).error().message, HasSubstr("is longer than the file"));
}

TEST(ParquetFooterTest, a_file_without_row_groups_tells_its_columns) {
  SampleFile sample = sample_file(Codec::none);
  sample.bytes.resize(k_magic.size());
  sample.groups.clear();
  const Buffer file = sample.whole();
  EXPECT_EQ(fault_of(file), "");
  EXPECT_EQ(footer_of(file)->schema.back().name, "key");
}

}  // namespace
}  // namespace penstock::codec::parquet
