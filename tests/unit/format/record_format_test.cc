#include "format/record_format.h"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format/split_row.h"

namespace penstock::format {
namespace {

using codec::Compression;

const std::vector<RecordFormat>& every_format() {
  static const std::vector<RecordFormat> formats{
      {RowFormat::lines, Compression::none},    {RowFormat::lines, Compression::gzip},
      {RowFormat::lines, Compression::zstd},    {RowFormat::envelope, Compression::none},
      {RowFormat::envelope, Compression::gzip}, {RowFormat::envelope, Compression::zstd},
      {RowFormat::capture, Compression::none}};
  return formats;
}

// The records view `values`, which must outlive them.
std::vector<RecordView> records_of(std::vector<std::string>&& values) = delete;
std::vector<RecordView> records_of(const std::vector<std::string>& values) {
  std::vector<RecordView> records;
  for (const std::string& value : values) {
    records.push_back({.offset = Offset{static_cast<std::int64_t>(records.size())},
                       .timestamp_ms = k_record_time_min_ms + 100 - static_cast<std::int64_t>(records.size()),
                       .key = {},
                       .value = as_bytes(value),
                       .headers = {}});
  }
  return records;
}

TEST(RecordFormatTest, an_extension_tells_readers_how_to_unpack) {
  EXPECT_EQ(file_extension({RowFormat::lines, Compression::none}), ".txt");
  EXPECT_EQ(file_extension({RowFormat::lines, Compression::gzip}), ".txt.gz");
  EXPECT_EQ(file_extension({RowFormat::lines, Compression::zstd}), ".txt.zst");
  EXPECT_EQ(file_extension({RowFormat::envelope, Compression::none}), ".json");
  EXPECT_EQ(file_extension({RowFormat::envelope, Compression::gzip}), ".json.gz");
  EXPECT_EQ(file_extension({RowFormat::envelope, Compression::zstd}), ".json.zst");
  EXPECT_EQ(file_extension({RowFormat::capture, Compression::none}), ".avro");
  EXPECT_EQ(file_extension({RowFormat::capture, Compression::deflate}), ".avro")
      << "the file tells the codec";
}

TEST(RecordFormatTest, a_file_name_tells_the_format_that_it_was_written_in) {
  for (const RecordFormat& format : every_format()) {
    EXPECT_EQ(format_of("a/b-1" + std::string(file_extension(format))), format);
  }
  EXPECT_EQ(format_of("a/b"), RecordFormat()) << "what is none of ours is taken for plain lines";
  EXPECT_EQ(format_of("a/b.csv.gz"), (RecordFormat{RowFormat::lines, Compression::gzip}));
}

TEST(RecordFormatTest, an_empty_file_holds_nothing_and_is_of_its_format) {
  for (const RowFormat rows : {RowFormat::lines, RowFormat::envelope}) {
    EXPECT_EQ(empty_file({rows, Compression::none}).size(), 0U);
    EXPECT_EQ(std::to_integer<int>(empty_file({rows, Compression::gzip}).at(0)), 0x1f);
    EXPECT_EQ(std::to_integer<int>(empty_file({rows, Compression::zstd}).at(0)), 0x28);
  }
}

TEST(FrameTest, writes_the_rows_of_the_first_records_that_fit_whole) {
  const std::vector<std::string> values{"{\"a\":1}", "", "{\n\"b\":2}", "{}"};
  const std::vector<RecordView> records = records_of(values);
  std::string slab(64, '#');
  const auto room = std::as_writable_bytes(std::span(slab)).first(17);
  const Framed framed = frame(RowContext(), records, room);
  EXPECT_EQ(framed.records, 3U);
  EXPECT_EQ(framed.rows, 2U);
  EXPECT_EQ(framed.bytes, 17U) << "to the byte";
  EXPECT_EQ(framed.value_bytes, 15U);
  EXPECT_EQ(framed.flattened, 1U);
  EXPECT_EQ(framed.oldest_timestamp_ms, k_record_time_min_ms + 98);
  EXPECT_EQ(framed.undated, 0U);
  EXPECT_EQ(slab.substr(0, 18), "{\"a\":1}\n{ \"b\":2}\n#") << "nothing is written behind them";
}

TEST(FrameTest, times_before_2000_are_counted_and_not_the_oldest) {
  const std::vector<std::string> values{"a", "b", "c", ""};
  std::vector<RecordView> records = records_of(values);
  records[0].timestamp_ms = -1;
  records[2].timestamp_ms = k_record_time_min_ms - 1;
  records[3].timestamp_ms = std::numeric_limits<std::int64_t>::min();
  std::string slab(64, '#');
  const Framed framed = frame(RowContext(), records, std::as_writable_bytes(std::span(slab)));
  EXPECT_EQ(framed.records, 4U);
  EXPECT_EQ(framed.undated, 3U);
  EXPECT_EQ(framed.oldest_timestamp_ms, records[1].timestamp_ms);
}

TEST(FrameTest, takes_nothing_without_room) {
  const std::vector<std::string> values{"", "x"};
  const std::vector<RecordView> records = records_of(values);
  EXPECT_EQ(frame(RowContext(), records, {}).records, 0U);
  EXPECT_EQ(frame(RowContext(), records, {}).oldest_timestamp_ms, -1);
}

TEST(SplitRowTest, gives_the_same_row_in_pieces_of_any_size) {
  for (const std::string value : {"x", "\n", "{\r\n\"a\":1}"}) {
    const std::vector<std::string> values{value};
    const std::vector<RecordView> records = records_of(values);
    std::string whole(row_bytes_max(RowContext(), records[0]), '#');
    ASSERT_EQ(frame(RowContext(), records, std::as_writable_bytes(std::span(whole))).bytes, whole.size());
    for (std::size_t piece_bytes = 1; piece_bytes <= whole.size() + 1; ++piece_bytes) {
      SplitRow row(RowContext(), records[0]);
      std::string text;
      while (!row.done()) {
        std::string piece(piece_bytes, '#');
        const std::size_t count = row.write(std::as_writable_bytes(std::span(piece)));
        ASSERT_GT(count, 0U);
        text += piece.substr(0, count);
      }
      EXPECT_EQ(text, whole);
      EXPECT_EQ(row.flattened(), whole.substr(0, value.size()) != value);
    }
  }
}

TEST(RowCounterTest, counts_rows_and_sees_one_that_is_cut) {
  RowCounter counter;
  EXPECT_TRUE(counter.ends_whole()) << "an empty file";
  counter.add(as_bytes("a\nb"));
  EXPECT_FALSE(counter.ends_whole());
  counter.add({});
  counter.add(as_bytes("c\n"));
  EXPECT_TRUE(counter.ends_whole());
  EXPECT_EQ(counter.rows(), 2U);
}

}  // namespace
}  // namespace penstock::format
