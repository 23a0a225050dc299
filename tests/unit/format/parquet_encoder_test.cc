#include "format/parquet_encoder.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format/parquet_rows.h"
#include "format/parquet_table.h"
#include "unit/format/parquet_file.h"

namespace penstock::format {
namespace {

using codec::Compression;

constexpr std::int64_t k_first_time_ms = 1'764'432'000'000;

struct Made {
  std::int64_t offset = 0;
  std::int32_t partition = 0;
  std::optional<std::string> value = {};
  std::optional<std::string> key = {};
  std::optional<std::string> trace = {};  // of the one header
  std::int64_t timestamp_ms = k_first_time_ms;
  TimestampType type = TimestampType::created;
};

void add(ParquetFileMaker& maker, const Made& made) {
  HeaderView header{.key = "trace", .value = {}};
  RecordView record{.offset = Offset{made.offset},
                    .timestamp_ms = made.timestamp_ms,
                    .key = {},
                    .value = {},
                    .headers = {},
                    .timestamp_type = made.type};
  if (made.value) {
    record.value = as_bytes(*made.value);
    record.null_value = false;
  }
  if (made.key) {
    record.key = as_bytes(*made.key);
    record.null_key = false;
  }
  if (made.trace) {
    header.value = as_bytes(*made.trace);
    record.headers = {&header, 1};
  }
  maker.add(Partition{made.partition}, record);
}

std::vector<Made> records(std::size_t count, std::size_t value_bytes) {
  std::mt19937 random(5);
  std::vector<Made> all;
  for (std::size_t i = 0; i < count; ++i) {
    Made made{.offset = static_cast<std::int64_t>(3 * i), .partition = static_cast<std::int32_t>(i / 50 % 3)};
    if (random() % 9 != 0) {
      made.value = std::string(random() % (2 * value_bytes), static_cast<char>('a' + random() % 26));
    }
    if (random() % 4 != 0) {
      made.key = "key-" + std::to_string(random() % 1000);
    }
    if (random() % 5 == 0) {
      made.trace = std::to_string(random());
    }
    made.timestamp_ms += static_cast<std::int64_t>(random() % 5000);
    made.type = random() % 2 == 0 ? TimestampType::created : TimestampType::appended;
    all.push_back(made);
  }
  return all;
}

void expect_read_back(const std::vector<Made>& expected, const std::vector<std::byte>& file) {
  const auto [table, fault] = read_parquet(file);
  ASSERT_EQ(fault, "");
  ASSERT_EQ(table.columns[0].size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Made& made = expected[i];
    const bool held = made.timestamp_ms >= k_parquet_time_min_ms &&
                      made.timestamp_ms <= k_parquet_time_max_ms && made.timestamp_ms != -1;
    const std::vector<std::optional<std::string>> row{
        made.value,
        "orders",
        std::to_string(made.partition),
        std::to_string(made.offset),
        held ? std::optional(std::to_string(made.timestamp_ms)) : std::nullopt,
        made.type == TimestampType::unknown   ? std::nullopt
        : made.type == TimestampType::created ? std::optional<std::string>("CreateTime")
                                              : std::optional<std::string>("LogAppendTime"),
        made.key,
        made.trace ? std::optional(R"([{"key":"trace","value":")" + *made.trace + R"("}])") : std::nullopt};
    for (std::size_t column = 0; column < row.size(); ++column) {
      ASSERT_TRUE(table.columns[column][i] == row[column]) << "row " << i << ", column " << column;
    }
  }
}

class ParquetEncoderTest : public testing::TestWithParam<Compression> {
 protected:
  ParquetShared shared_;
};

TEST_P(ParquetEncoderTest, every_row_and_value_is_read_back) {
  const std::vector<Made> all = records(5'000, 300);
  ParquetFileMaker maker(GetParam(), shared_);
  for (const Made& made : all) {
    add(maker, made);
  }
  EXPECT_GT(shared_.held_bytes, 0U);
  expect_read_back(all, maker.end());
}

TEST_P(ParquetEncoderTest, rows_that_are_larger_than_a_slab_are_read_back) {
  std::vector<Made> all = records(20, 300);
  all[3].value = std::string(200'000, 'v');
  all[4].key = std::string(300'000, 'k');
  all[7].value.reset();
  all[7].key = std::string(150'000, 'k');
  all[8].value = "";
  all[8].key = std::string(64 * 1024, 'k');
  all[9].value = std::string(1'000'000, 'w');
  all[9].trace = std::string(100'000, 't');
  all[19].value = std::string(131'072, 'x');
  for (const std::size_t output_bytes : {std::size_t{1}, std::size_t{1'000}, std::size_t{1} << 20}) {
    ParquetFileMaker maker(GetParam(), shared_, 64 * 1024, output_bytes);
    for (const Made& made : all) {
      add(maker, made);
    }
    expect_read_back(all, maker.end());
  }
}

TEST_P(ParquetEncoderTest, a_damaged_byte_is_found) {
  ParquetFileMaker maker(GetParam(), shared_);
  for (const Made& made : records(60, 100)) {
    add(maker, made);
  }
  const std::vector<std::byte> file = maker.end();
  const auto [table, fault] = read_parquet(file);
  ASSERT_EQ(fault, "");
  for (std::size_t at = 0; at < table.footer.begins; at += 11) {
    std::vector<std::byte> damaged = file;
    damaged[at] ^= std::byte{0x10};
    EXPECT_NE(read_parquet(damaged).second, "") << at;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ParquetEncoderTest,
                         testing::Values(Compression::none, Compression::snappy, Compression::zstd),
                         [](const auto& each) { return std::string(codec::to_string(each.param)); });

class ParquetFileTest : public testing::Test {
 protected:
  ParquetShared shared_;
};

TEST_F(ParquetFileTest, a_time_that_readers_cannot_hold_is_null) {
  std::vector<Made> all = records(6, 10);
  all[0].timestamp_ms = -1;
  all[1].timestamp_ms = INT64_MAX;
  all[2].timestamp_ms = INT64_MIN;
  all[3].timestamp_ms = k_parquet_time_max_ms;
  all[4].timestamp_ms = k_parquet_time_min_ms;
  all[5].type = TimestampType::unknown;
  ParquetFileMaker maker(Compression::none, shared_);
  for (const Made& made : all) {
    add(maker, made);
  }
  expect_read_back(all, maker.end());
}

TEST_F(ParquetFileTest, the_first_column_of_the_schema_is_the_first_chunk_of_each_row_group) {
  shared_.held_bytes = ParquetShared::k_held_bytes_max + 1;  // so that row groups are small
  ParquetFileMaker maker(Compression::zstd, shared_);
  for (const Made& made : records(20'000, 100)) {
    add(maker, made);
  }
  const std::vector<std::byte> file = maker.end();
  const auto [table, fault] = read_parquet(file);
  ASSERT_EQ(fault, "");
  EXPECT_GT(table.footer.groups.size(), 3U);
  EXPECT_EQ(table.footer.schema.front().name, "value");
  std::uint64_t at = 4;
  for (const codec::parquet::RowGroup& group : table.footer.groups) {
    EXPECT_EQ(group.chunks.front().first_byte(), at);
    for (const codec::parquet::Chunk& chunk : group.chunks) {
      at += chunk.stored_bytes;
    }
  }
}

TEST_F(ParquetFileTest, keys_and_headers_that_repeat_have_a_dictionary) {
  std::vector<Made> all = records(5'000, 100);
  for (Made& made : all) {
    made.trace = made.trace ? made.trace->substr(0, 1) : made.trace;
  }
  ParquetFileMaker maker(Compression::zstd, shared_);
  for (const Made& made : all) {
    add(maker, made);
  }
  const std::vector<std::byte> file = maker.end();
  expect_read_back(all, file);
  for (const codec::parquet::RowGroup& group : read_parquet(file).first.footer.groups) {
    EXPECT_TRUE(group.chunks.at(6).dictionary_offset.has_value());  // _key
    EXPECT_TRUE(group.chunks.at(7).dictionary_offset.has_value());  // _headers
    EXPECT_TRUE(group.chunks.at(6).bounds.has_value());
  }
}

// All are null but the last one of eight: many groups of bits, and no run.
TEST_F(ParquetFileTest, levels_that_take_more_than_their_room_are_in_front_of_the_values) {
  std::vector<Made> all;
  for (std::int64_t i = 0; i < 40'000; ++i) {
    all.push_back({.offset = i, .value = i % 8 == 7 ? std::optional<std::string>("v") : std::nullopt});
  }
  ParquetFileMaker maker(Compression::zstd, shared_, std::size_t{4} << 20);
  for (const Made& made : all) {
    add(maker, made);
  }
  expect_read_back(all, maker.end());
}

TEST_F(ParquetFileTest, what_a_file_holds_in_memory_is_bounded_and_given_back) {
  std::size_t most = 0;
  {
    ParquetFileMaker maker(Compression::zstd, shared_, 256 * 1024, 1 << 20);
    std::mt19937 random(3);
    for (std::int64_t i = 0; i < 200'000; ++i) {
      add(maker, {.offset = i, .value = "{}", .key = std::to_string(random()) + std::to_string(random())});
      most = std::max(most, shared_.held_bytes);
    }
    // What a raw slab adds to it at most before the row group ends.
    EXPECT_LE(most, ParquetShared::k_waiting_bytes_max + ParquetShared::k_footer_bytes_max + 512 * 1024);
    EXPECT_GT(most, ParquetShared::k_waiting_bytes_max / 2);
  }
  EXPECT_EQ(shared_.held_bytes, 0U);
}

TEST_F(ParquetFileTest, a_file_is_full_when_its_footer_becomes_too_large) {
  shared_.held_bytes = ParquetShared::k_held_bytes_max + 1;
  ParquetFileMaker maker(Compression::none, shared_, 8 * 1024);
  std::int64_t count = 0;
  while (!maker.encoder().is_full() && count < 1'000'000) {
    add(maker, {.offset = count++, .value = std::string(100, 'v'), .key = std::string(60, 'k')});
  }
  EXPECT_LT(count, 1'000'000);
  EXPECT_EQ(read_parquet(maker.end()).second, "");
}

TEST_F(ParquetFileTest, the_end_tells_what_it_was_told) {
  ParquetFileMaker maker(Compression::zstd, shared_);
  add(maker, {.value = "{}"});
  const Metadata told{{"penstock.ranges", "0:0-1"}, {"penstock.group", "lake"}};
  const std::vector<std::byte> file = maker.end(told);
  EXPECT_EQ(read_parquet(file).first.footer.told, told);
}

TEST_F(ParquetFileTest, a_file_without_records_has_the_columns) {
  const std::vector<std::byte> file = empty_parquet_file();
  const auto [table, fault] = read_parquet(file);
  EXPECT_EQ(fault, "");
  EXPECT_EQ(table.footer.rows, 0U);
  ASSERT_EQ(table.footer.schema.size(), parquet_schema(false).size());
  EXPECT_EQ(table.footer.schema.back().name, "_headers");
}

TEST_F(ParquetFileTest, values_that_somebody_vouches_for_are_text_also_in_a_file_without_records) {
  for (const bool text : {false, true}) {
    const RecordFormat format{.rows = RowFormat::parquet, .text_values = text};
    EXPECT_EQ(file_extension(format), ".parquet");
    ParquetShared shared;
    const auto encoder = make_file_encoder(format, shared);
    encoder->begin_file({.attempt = "9f86d081884c7d65", .begun = false, .topic = "orders"});
    std::vector<std::byte> room(4'096);
    const Encoder::Step step = encoder->encode({}, room, Encoder::End::file);
    ASSERT_TRUE(step.ended);
    const std::vector<std::byte> empty = empty_file(format);
    for (const Bytes file : {Bytes(room).first(step.produced), Bytes(empty)}) {
      const auto [table, fault] = read_parquet(file);
      EXPECT_EQ(fault, "");
      EXPECT_EQ(table.footer.schema, parquet_schema(text));
      EXPECT_EQ(table.footer.schema.front().meaning == codec::parquet::Meaning::text, text);
    }
  }
}

}  // namespace
}  // namespace penstock::format
