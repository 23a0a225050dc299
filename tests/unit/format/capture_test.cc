#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format/capture_file.h"
#include "format/capture_reader.h"
#include "format/capture_row.h"
#include "format/split_row.h"

namespace penstock::format {
namespace {

using namespace std::string_literals;
using codec::Compression;
using End = Encoder::End;

constexpr std::int64_t k_time_ms = 1'769'877'851'250;  // 2026-01-31T16:44:11.250Z
constexpr std::string_view k_attempt = "00112233445566778899aabbccddeeff";

const RowContext k_capture{.rows = RowFormat::capture};

RecordView record_of(std::string_view value, std::int64_t offset = 41) {
  return {.offset = Offset{offset},
          .timestamp_ms = k_time_ms,
          .key = {},
          .value = as_bytes(value),
          .headers = {},
          .null_value = false};
}

std::string framed(std::span<const RecordView> records, std::size_t room = 1 << 20) {
  std::string slab(room, '#');
  const Framed framed = frame(k_capture, records, std::as_writable_bytes(std::span(slab)));
  EXPECT_EQ(framed.records, records.size());
  EXPECT_EQ(framed.rows, framed.records);
  return slab.substr(0, framed.bytes);
}

std::string framed(const RecordView& record) {
  return framed(std::span(&record, 1));
}

// Behind the time: the two maps and the body.
std::string maps_and_body(const RecordView& record) {
  const std::string row = framed(record);
  const std::size_t at = row.find("M");  // of "AM" or "PM"
  return row.substr(at + 1);
}

const std::string k_time_entry = "\x26x-opt-enqueued-time\x00\xe4\xb1\x86\xcf\x82\x67"s;

TEST(CaptureRowTest, is_to_the_byte_as_avro_has_it) {
  RecordView record = record_of("{}");
  const std::string key = "k";
  record.key = as_bytes(key);
  record.null_key = false;
  EXPECT_EQ(framed(record), "\x52\x04"s + "41" + "\x28" + "1/31/2026 4:44:11 PM" + "\x04" +
                                "\x1ex-opt-kafka-key\x06\x02k" + k_time_entry + "\x00\x00\x02\x04{}"s);
}

TEST(CaptureRowTest, a_tombstone_and_an_empty_value_are_told_apart) {
  RecordView record = record_of("");
  EXPECT_TRUE(maps_and_body(record).ends_with("\x00\x02\x00"s));
  record.null_value = true;
  EXPECT_TRUE(maps_and_body(record).ends_with("\x00\x00"s));
  EXPECT_FALSE(maps_and_body(record).ends_with("\x02\x00"s));
}

TEST(CaptureRowTest, no_byte_of_a_value_is_changed) {
  EXPECT_TRUE(framed(record_of("{\r\n\"a\": 1}\n")).ends_with("{\r\n\"a\": 1}\n"));
}

TEST(CaptureRowTest, times_are_in_invariant_us_form_without_leading_zeros) {
  const auto time_of = [](std::int64_t timestamp_ms) {
    RecordView record = record_of("");
    record.timestamp_ms = timestamp_ms;
    const std::string row = framed(record);
    const auto length = static_cast<std::size_t>(row[4]) / 2;
    return row.substr(5, length);
  };
  EXPECT_EQ(time_of(k_time_ms), "1/31/2026 4:44:11 PM");
  EXPECT_EQ(time_of(0), "1/1/1970 12:00:00 AM");
  EXPECT_EQ(time_of(43'200'000), "1/1/1970 12:00:00 PM");
  EXPECT_EQ(time_of(1'670'302'985'999), "12/6/2022 5:03:05 AM");
  EXPECT_EQ(time_of(-1), "1/1/1970 12:00:00 AM") << "none is known, and a reader wants one";
  EXPECT_EQ(time_of(INT64_MAX), "12/31/9999 11:59:59 PM") << "the last that readers know";
  EXPECT_EQ(time_of(253'402'300'799'999), "12/31/9999 11:59:59 PM");
}

TEST(CaptureRowTest, a_record_without_a_time_has_no_enqueued_time) {
  RecordView record = record_of("");
  record.timestamp_ms = -1;
  EXPECT_EQ(maps_and_body(record), "\x00\x00\x02\x00"s);
}

TEST(CaptureRowTest, headers_are_properties_and_of_one_name_the_last_stays) {
  const std::vector<HeaderView> headers{{"a", as_bytes("1"), false},
                                        {"b", {}, true},
                                        {"a", as_bytes("2"), false},
                                        {"a", as_bytes("33"), false}};
  RecordView record = record_of("v");
  record.headers = headers;
  EXPECT_EQ(maps_and_body(record),
            "\x02" + k_time_entry + "\x00\x04\x02"s + "b\x08\x02" + "a\x06\x04" + "33\x00\x02\x02v"s);
  std::string slab(1000, '#');
  EXPECT_EQ(frame_capture({.rows = RowFormat::capture}, std::span(&record, 1),
                          std::as_writable_bytes(std::span(slab)))
                .repeated,
            2U);
  EXPECT_EQ(SplitRow(k_capture, record).repeated(), 2U);
}

TEST(CaptureRowTest, headers_of_an_event_over_amqp_are_what_they_were) {
  const std::string half = "\x82\x3f\xe0\0\0\0\0\0\0"s;
  const std::vector<HeaderView> headers{{"n", as_bytes("\x54\x05"), false},
                                        {"s", as_bytes("\xa1\x01x"), false},
                                        {"d", as_bytes(half), false},
                                        {"z", as_bytes("\x40"), false},
                                        {"t", as_bytes("\x41"), false}};
  RecordView record = record_of("");
  record.headers = headers;
  EXPECT_EQ(maps_and_body(record), "\x02" + k_time_entry + "\x00\x0a"s + "\x02n\x00\x0a"s + "\x02s\x04\x02x" +
                                       "\x02" + "d\x02\0\0\0\0\0\0\xe0\x3f"s + "\x02z\x08" +
                                       "\x02t\x06\x02\x41" + "\x00\x02\x00"s);
}

TEST(CaptureRowTest, a_name_that_is_no_utf8_is_made_one_that_readers_take) {
  const HeaderView header{"Z\xff\x80", as_bytes("v"), false};
  RecordView record = record_of("");
  record.headers = std::span(&header, 1);
  EXPECT_NE(maps_and_body(record).find("\x06Z??\x06\x02v"), std::string::npos);
}

TEST(CaptureRowTest, many_headers_of_one_name_take_no_quadratic_time) {
  const std::vector<HeaderView> headers(200'000, HeaderView{"k", as_bytes("v"), false});
  RecordView record = record_of("");
  record.headers = headers;
  EXPECT_EQ(SplitRow(k_capture, record).repeated(), 199'999U);
}

TEST(CaptureRowTest, rows_stop_where_the_next_may_not_fit_and_never_write_behind_the_room) {
  const std::vector<RecordView> records{record_of("first", 1), record_of("second", 2), record_of("third", 3)};
  for (std::size_t room = 0; room < 600; ++room) {
    std::string slab(601, '#');
    const Framed framed = frame(k_capture, records, std::as_writable_bytes(std::span(slab)).first(room));
    EXPECT_LE(framed.bytes, room);
    EXPECT_EQ(slab.find_first_not_of('#', room), std::string::npos) << room;
  }
}

TEST(CaptureRowTest, a_row_in_pieces_is_the_same) {
  const std::vector<HeaderView> headers{{"a", as_bytes("1"), false}, {"b", {}, true}};
  RecordView record = record_of("a value\nof some bytes");
  record.headers = headers;
  for (const bool null_value : {false, true}) {
    record.null_value = null_value;
    record.value = null_value ? Bytes() : record.value;
    const std::string whole = framed(record);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
      SplitRow row(k_capture, record);
      EXPECT_EQ(row.bytes_left(), whole.size());
      EXPECT_LE(row.bytes_left(), row_bytes_max(k_capture, record));
      std::string pieces;
      while (!row.done()) {
        std::string buffer(piece, '#');
        const std::size_t count = row.write(std::as_writable_bytes(std::span(buffer)));
        pieces += buffer.substr(0, count);
      }
      EXPECT_EQ(pieces, whole);
      EXPECT_FALSE(row.flattened());
    }
  }
}

TEST(CaptureFileTest, the_header_has_the_490_bytes_of_capture) {
  const std::string header = capture_header(Compression::none);
  EXPECT_EQ(header.size() + k_sync_bytes, 490U);
  EXPECT_TRUE(header.starts_with("Obj\x01\x04\x14"s + "avro.codec\x08null\x16" + "avro.schema"));
  EXPECT_EQ(header.back(), '\0');
}

TEST(CaptureFileTest, a_file_without_rows_has_the_508_bytes_that_readers_skip) {
  const std::vector<std::byte> file = empty_file({.rows = RowFormat::capture});
  EXPECT_EQ(file.size(), 508U);
  CaptureReader reader;
  EXPECT_TRUE(reader.feed(file).ok());
  EXPECT_TRUE(reader.end().ok());
  EXPECT_EQ(reader.rows(), 0U);
}

// Encodes units as BatchWriter does, through outputs of `output_bytes`; each unit is `pieces` calls.
class Encoding {
 public:
  explicit Encoding(Compression compression, std::size_t output_bytes = 1 << 16)
      : encoder_(make_encoder({RowFormat::capture, compression})), output_bytes_(output_bytes) {
    encoder_->begin_file({.attempt = k_attempt, .begun = false});
  }

  void unit(const std::string& rows, std::size_t count, std::size_t piece = SIZE_MAX) {
    encoder_->begin_unit(count, rows.size());
    std::string_view left = rows;
    while (left.size() > piece) {
      encode(left.substr(0, piece), End::more);
      left.remove_prefix(piece);
    }
    encode(left, End::part);
  }

  // Another encoder goes on, as when a batch's was lent to another batch.
  void go_on_with_another(Compression compression) {
    encoder_ = make_encoder({RowFormat::capture, compression});
    encoder_->begin_file({.attempt = k_attempt, .begun = true});
  }

  const std::string& file() const { return file_; }

 private:
  void encode(std::string_view rows, End end) {
    Bytes left = as_bytes(rows);
    for (bool done = false; !done;) {
      std::string output(output_bytes_, '#');
      const Encoder::Step step = encoder_->encode(left, std::as_writable_bytes(std::span(output)), end);
      ASSERT_TRUE(step.produced > 0 || step.consumed > 0 || step.ended) << "no progress";
      file_ += output.substr(0, step.produced);
      left = left.subspan(step.consumed);
      done = end == End::more ? left.empty() : step.ended;
    }
    EXPECT_TRUE(left.empty());
  }

  std::unique_ptr<Encoder> encoder_;
  std::size_t output_bytes_;
  std::string file_;
};

struct Read {
  std::string error;
  std::uint64_t rows = 0;
  std::uint64_t plain_bytes = 0;
};

Read read(std::string_view file, std::size_t piece = SIZE_MAX) {
  CaptureReader reader;
  while (!file.empty()) {
    const std::string_view front = file.substr(0, piece);
    if (const Result<void> fed = reader.feed(as_bytes(front)); !fed.ok()) {
      return {fed.error().message, reader.rows(), reader.plain_bytes()};
    }
    file.remove_prefix(front.size());
  }
  const Result<void> end = reader.end();
  return {end.ok() ? "" : end.error().message, reader.rows(), reader.plain_bytes()};
}

std::string noise(std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(bytes, '\0');
  std::generate(text.begin(), text.end(), [&] { return static_cast<char>(random()); });
  return text;
}

std::string rows_from(std::int64_t first, std::size_t count, std::size_t value_bytes) {
  const std::string value = noise(value_bytes, static_cast<std::uint64_t>(first));
  std::vector<RecordView> records;
  for (std::size_t i = 0; i < count; ++i) {
    records.push_back(record_of(value, first + static_cast<std::int64_t>(i)));
  }
  return framed(records, (value_bytes + 300) * count);
}

class CaptureBlocksTest : public testing::TestWithParam<Compression> {};

TEST_P(CaptureBlocksTest, units_are_blocks_that_the_reader_takes) {
  for (const std::size_t output : {std::size_t{1}, std::size_t{13}, std::size_t{1} << 16}) {
    Encoding encoding(GetParam(), output);
    const std::string first = rows_from(0, 100, 50);
    const std::string second = rows_from(100, 1, 900);
    encoding.unit(first, 100);
    encoding.go_on_with_another(GetParam());
    encoding.unit(second, 1);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{11}, SIZE_MAX}) {
      const Read told = read(encoding.file(), piece);
      EXPECT_EQ(told.error, "");
      EXPECT_EQ(told.rows, 101U);
      EXPECT_EQ(told.plain_bytes, first.size() + second.size());
    }
  }
}

// As when it does not fit into a raw slab: its size is told first, and then it comes in pieces.
TEST_P(CaptureBlocksTest, a_row_in_pieces_is_one_block) {
  const std::string row = rows_from(0, 1, 300'000);
  for (const std::size_t output : {std::size_t{100}, std::size_t{70'000}}) {
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{65'535}, row.size() - 1}) {
      Encoding encoding(GetParam(), output);
      encoding.unit(row, 1, piece);
      const Read told = read(encoding.file());
      EXPECT_EQ(told.error, "");
      EXPECT_EQ(told.rows, 1U);
      EXPECT_EQ(told.plain_bytes, row.size());
    }
  }
}

TEST_P(CaptureBlocksTest, what_shrinks_is_smaller_with_deflate) {
  Encoding encoding(GetParam());
  std::vector<RecordView> records;
  for (std::int64_t i = 0; i < 1000; ++i) {
    records.push_back(record_of("the same value all over again", i));
  }
  const std::string rows = framed(records);
  encoding.unit(rows, records.size());
  EXPECT_EQ(encoding.file().size() < rows.size() / 3, GetParam() == Compression::deflate);
}

TEST_P(CaptureBlocksTest, a_forgotten_part_leaves_nothing_behind) {
  const auto encoder = make_encoder({RowFormat::capture, GetParam()});
  encoder->begin_file({.attempt = k_attempt, .begun = false});
  encoder->begin_unit(1, 100'000);
  std::string output(1000, '#');
  encoder->encode(as_bytes("the beginning of a row"), std::as_writable_bytes(std::span(output)), End::more);
  encoder->reset();
  encoder->begin_file({.attempt = k_attempt, .begun = true});
  const std::string row = rows_from(0, 1, 10);
  encoder->begin_unit(1, row.size());
  const Encoder::Step step =
      encoder->encode(as_bytes(row), std::as_writable_bytes(std::span(output)), End::part);
  EXPECT_TRUE(step.ended);
  EXPECT_EQ(output[0], '\x02') << "one row, and no header again";
}

TEST_P(CaptureBlocksTest, a_file_cut_or_changed_anywhere_is_found) {
  Encoding encoding(GetParam());
  encoding.unit(rows_from(0, 3, 20), 3);
  encoding.unit(rows_from(3, 2, 20), 2);
  const std::string& file = encoding.file();
  std::size_t whole = 0;
  for (std::size_t size = 0; size < file.size(); ++size) {
    whole += read(file.substr(0, size)).error.empty() ? 1 : 0;
  }
  EXPECT_EQ(whole, 2U) << "behind the header, and behind the first block";
  std::string changed = file;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  EXPECT_NE(read(changed).error, "");
  for (std::size_t at = 0; at < capture_header(GetParam()).size(); ++at) {
    changed = file;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_NE(read(changed).error, "") << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, CaptureBlocksTest, testing::Values(Compression::none, Compression::deflate),
                         [](const auto& of) { return std::string(to_string(of.param)); });

// A file of codec null with one block of these rows.
std::string file_of(std::string_view count_and_size, std::string_view rows) {
  const std::string sync(k_sync_bytes, 's');
  return capture_header(Compression::none) + sync + std::string(count_and_size) + std::string(rows) + sync;
}

TEST(CaptureReaderTest, a_block_holds_as_many_rows_as_it_says_and_nothing_else) {
  const std::string row = framed(record_of(""));
  ASSERT_LT(row.size(), 64U * 128);
  const auto size = [&](std::size_t bytes) {
    const std::size_t zigzag = bytes * 2;
    return std::string{static_cast<char>(zigzag | 0x80), static_cast<char>(zigzag >> 7)};
  };
  EXPECT_EQ(read(file_of("\x02" + size(row.size()), row)).error, "");
  EXPECT_NE(read(file_of("\x04" + size(row.size()), row)).error, "") << "two rows";
  EXPECT_NE(read(file_of("\x00"s + size(row.size()), row)).error, "") << "none";
  EXPECT_NE(read(file_of("\x02" + size(row.size() - 1), row.substr(1))).error, "");
  EXPECT_NE(read(file_of("\x02" + size(row.size() + 1), row + "x")).error, "");
  EXPECT_NE(read(file_of("\x04" + size(2 * row.size()), row + row)).error, "") << "the offset does not rise";
  EXPECT_NE(read(file_of("\x01" + size(row.size()), row)).error, "") << "-1 rows";
  EXPECT_NE(read(file_of("\x02" + "\x01"s, row)).error, "") << "-1 bytes";
}

TEST(CaptureReaderTest, rows_of_another_schema_are_told) {
  const std::string good = framed(record_of("v"));
  const auto counted = [](std::string_view rows) {
    CaptureRows counter;
    return counter.add(as_bytes(rows)) && counter.ends_whole() && counter.rows() == 1;
  };
  EXPECT_TRUE(counted(good));
  EXPECT_FALSE(counted("")) << "none";
  const std::string front = "\x02\x02" + "1\x02"s + "t";
  EXPECT_TRUE(counted(front + "\x00\x00\x00"s)) << "bare";
  EXPECT_TRUE(counted(front + "\x02\x02k\x02" + "12345678" + "\x00\x02\x02k\x08\x00\x02\x00"s))
      << "a double, a null";
  EXPECT_TRUE(counted(front + "\x00\x02\x02k\x00\x0a\x02\x02l\x04\x00\x00\x00"s)) << "a map in two pieces";
  EXPECT_FALSE(counted(front + "\x00\x00\x04"s)) << "a body of another branch";
  EXPECT_FALSE(counted(front + "\x02\x02k\x08\x00\x00\x00"s)) << "null in SystemProperties";
  EXPECT_FALSE(counted(front + "\x00\x02\x02k\x0a\x00\x00"s)) << "a branch that Properties has not";
  EXPECT_FALSE(counted(front + "\x01"s)) << "a negative count";
  EXPECT_FALSE(counted(front + "\x00\x00\x02\x01"s)) << "a body of -1 bytes";
  EXPECT_FALSE(counted("\x02\x01"s)) << "a text of -1 bytes";
  EXPECT_FALSE(counted("\x01"s)) << "offset -1";
  EXPECT_FALSE(counted("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s)) << "a number of more than 64 bits";
}

}  // namespace
}  // namespace penstock::format
