#include "verify/parquet_content.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/codec/random_table.h"
#include "unit/format/parquet_file.h"
#include "unit/verify/range.h"

namespace penstock::verify {
namespace {

using testing::HasSubstr;

// Five rows of partition 3, from offset 70 on; null: values are one column.
std::vector<std::byte> five_rows(std::shared_ptr<const format::ShreddedValues> shredded) {
  format::ParquetShared shared;
  format::ParquetFileMaker maker(codec::Compression::zstd, shared, 64 * 1024, 1 << 20, std::move(shredded));
  for (std::int64_t i = 0; i < 5; ++i) {
    const std::string value = codec::seeded_value(static_cast<std::uint64_t>(i));
    RecordView record{.offset = Offset{70 + i},
                      .timestamp_ms = 1'764'432'000'000,
                      .key = {},
                      .value = as_bytes(value),
                      .headers = {},
                      .timestamp_type = TimestampType::created};
    record.null_value = false;
    maker.add(Partition{3}, record);
  }
  return maker.end();
}

std::shared_ptr<const format::ShreddedValues> shredded() {
  codec::TableRandom random(4);
  auto values = std::make_shared<format::ShreddedValues>();
  values->make_shredder = [table = codec::random_table(random, 5)](const auto& /*room*/) {
    return std::make_unique<codec::RandomShredder>(table);
  };
  return values;
}

format::BlobMetadata said_of(std::int64_t first, std::int64_t next) {
  format::BlobMetadata said;
  said.topic = "orders";
  said.ranges = {{Partition{3}, range(first, next)}};
  return said;
}

// The first fault; empty: there is none.
std::string judge(ParquetContent& content, Bytes file) {
  while (const std::optional<std::uint64_t> from = content.wants_end_from(file.size())) {
    if (const Result<void> given =
            content.give_end(file.subspan(static_cast<std::size_t>(*from)), file.size());
        !given.ok()) {
      return given.error().message;
    }
  }
  const Result<void> fed = content.feed(file);
  if (!fed.ok()) {
    return fed.error().message;
  }
  const Result<void> end = content.end();
  return end.ok() ? std::string() : end.error().message;
}

TEST(ParquetContentTest, rows_are_counted_and_their_offsets_held_against_the_metadata) {
  for (const auto& values : {std::shared_ptr<const format::ShreddedValues>(), shredded()}) {
    const std::vector<std::byte> file = five_rows(values);
    const format::BlobMetadata said = said_of(70, 75);
    ParquetContent content(said);
    EXPECT_EQ(judge(content, file), "");
    EXPECT_EQ(content.rows(), 5U);
    EXPECT_EQ(content.plain_bytes(), values ? std::nullopt : std::optional<std::uint64_t>(5 * 2'000));
    const format::BlobMetadata fewer = said_of(70, 74);
    ParquetContent too_many(fewer);
    EXPECT_THAT(judge(too_many, file),
                HasSubstr("a row of partition 3, offset 74, which its metadata do not tell of"));
    format::BlobMetadata other = said_of(70, 75);
    other.topic = "invoices";
    ParquetContent of_another(other);
    EXPECT_THAT(judge(of_another, file), HasSubstr("a row of topic orders"));
  }
}

TEST(ParquetContentTest, columns_that_penstock_does_not_write_are_refused) {
  codec::parquet::Schema strange = format::parquet_schema(false);
  strange.erase(strange.begin() + 1);
  codec::parquet::Buffer file;
  const Bytes magic = as_bytes(codec::parquet::k_magic);
  file.assign(magic.begin(), magic.end());
  codec::parquet::append_footer(file, file.size(), strange, codec::parquet::Codec::none, {}, {});
  const format::BlobMetadata said = said_of(0, 0);
  ParquetContent content(said);
  EXPECT_THAT(judge(content, file), HasSubstr("has other columns than penstock writes"));
}

}  // namespace
}  // namespace penstock::verify
