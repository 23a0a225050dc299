// Rows of capture-avro whose values are Avro, and are decoded.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/check.h"
#include "codec/json_check.h"
#include "format/capture_file.h"
#include "format/capture_reader.h"
#include "format/capture_row.h"
#include "format/decoded_value.h"
#include "format/record_schema.h"
#include "format/split_row.h"
#include "unit/format/fake_schemas.h"

namespace penstock::format {
namespace {

using std::string_literals::operator""s;

class AvroCaptureTest : public testing::Test {
 protected:
  static std::shared_ptr<const codec::AvroSchema> parsed(const char* text) {
    return std::make_shared<const codec::AvroSchema>(*codec::AvroSchema::parse(text));
  }

  static RecordView record_of(const std::string& value) {
    return {.offset = Offset{41},
            .timestamp_ms = -1,
            .key = {},
            .value = as_bytes(value),
            .headers = {},
            .null_value = false};
  }

  // What is behind the time: once by the framer, and the same written in pieces.
  std::string row_of(const RecordView& record) {
    std::string room(4096, '#');
    const Framed framed = frame(context_, {&record, 1}, std::as_writable_bytes(std::span(room)));
    EXPECT_EQ(framed.records, 1U);
    EXPECT_LE(framed.bytes, row_bytes_max(context_, record));
    undecoded_ = framed.undecoded;
    const std::string text = room.substr(0, framed.bytes);
    EXPECT_EQ(in_pieces(record), text);
    return text.substr(text.find("AM") + 2);
  }

  std::string in_pieces(const RecordView& record) {
    std::string text;
    SplitRow row(context_, record);
    const std::size_t bytes = row.bytes_left();
    while (!row.done()) {
      std::string piece(7, '#');
      text += piece.substr(0, row.write(std::as_writable_bytes(std::span(piece))));
    }
    EXPECT_EQ(text.size(), bytes);
    EXPECT_EQ(row.undecoded(), undecoded_ == 1);
    return text;
  }

  FakeSchemas schemas_;
  ValueDecoding decoding_{.schema =
                              parsed(R"({"type":"record","name":"R","fields":[{"name":"id","type":"long"},)"
                                     R"({"name":"note","type":["null","string"]}]})")};
  codec::JsonCheck json_;
  RowContext context_{.rows = RowFormat::capture,
                      .topic = "orders",
                      .json = &json_,
                      .decoding = &decoding_,
                      .schemas = &schemas_};
  std::size_t undecoded_ = 0;
};

TEST_F(AvroCaptureTest, the_body_is_the_json_of_the_value) {
  EXPECT_EQ(row_of(record_of("\x0e\x02\x04hi")), "\x00\x00\x02\x28"s + R"({"id":7,"note":"hi"})");
  EXPECT_EQ(undecoded_, 0U);
}

TEST_F(AvroCaptureTest, a_value_that_is_not_of_the_schema_is_the_body_as_it_came_and_the_row_says_why) {
  EXPECT_EQ(row_of(record_of("\x0e")),
            "\x02\x24x-opt-decode-error\x04\x36"s + "ends before its schema does" + "\x00\x00\x02\x02\x0e"s);
  EXPECT_EQ(undecoded_, 1U);
  RecordView empty = record_of("");
  empty.value = {};
  EXPECT_TRUE(row_of(empty).ends_with("\x00\x00\x02\x00"s));
  EXPECT_EQ(undecoded_, 1U);
}

TEST_F(AvroCaptureTest, a_tombstone_has_no_body_and_null_is_one) {
  RecordView record = record_of("");
  record.null_value = true;
  EXPECT_EQ(row_of(record), "\x00\x00\x00"s);
  decoding_.schema = parsed("\"null\"");
  EXPECT_EQ(row_of(record_of("")), "\x00\x00\x02\x08null"s);
}

TEST_F(AvroCaptureTest, json_that_does_not_fit_into_the_room_is_made_in_memory_of_its_own) {
  decoding_.schema = parsed(R"({"type":"array","items":"null"})");
  const std::string value = "\xd0\x0f\0"s;  // a thousand nulls
  const RecordView record = record_of(value);
  std::string room(4096, '#');
  const Framed framed = frame(context_, {&record, 1}, std::as_writable_bytes(std::span(room)));
  EXPECT_EQ(framed.records, 0U);
  EXPECT_FALSE(framed.waits);
  const std::string text = in_pieces(record);
  EXPECT_EQ(text.size() - text.find('['), 1'000U * 5 + 1);
  EXPECT_LE(text.size(), row_bytes_max(context_, record));
}

TEST_F(AvroCaptureTest, a_record_waits_for_the_schema_that_its_id_names) {
  decoding_ = {.schema = nullptr, .framing = codec::SchemaFraming::confluent};
  const std::string value = "\0\0\0\0\x07\x0e"s;
  const RecordView record = record_of(value);
  std::string room(4096, '#');
  const Framed framed = frame(context_, {&record, 1}, std::as_writable_bytes(std::span(room)));
  EXPECT_TRUE(framed.waits);
  EXPECT_EQ(framed.records, 0U);
  EXPECT_TRUE(awaits_schema(context_, record));
  schemas_.known[FakeSchemas::number(7)] = FakeSchemas::avro("\"long\"");
  EXPECT_EQ(row_of(record), "\x00\x00\x02\x02"s + "7");
}

TEST_F(AvroCaptureTest, the_body_of_a_value_whose_id_names_a_json_schema_is_what_stands_behind_it) {
  decoding_ = {.schema = nullptr, .framing = codec::SchemaFraming::confluent};
  schemas_.known[FakeSchemas::number(7)] = FakeSchemas::json("true");
  EXPECT_EQ(row_of(record_of("\0\0\0\0\x07{\"n\":\n1}"s)), "\x00\x00\x02\x10"s + "{\"n\":\n1}");
  EXPECT_EQ(undecoded_, 0U);
  EXPECT_EQ(row_of(record_of("\0\0\0\0\x07null"s)), "\x00\x00\x02\x08null"s);
  for (const std::string& broken : {"\0\0\0\0\x07{\"n\":"s, "\0\0\0\0\x07"s}) {
    EXPECT_EQ(row_of(record_of(broken)), "\x02\x24x-opt-decode-error\x04\x16is not JSON\x00\x00\x02"s +
                                             static_cast<char>(2 * broken.size()) + broken);
    EXPECT_EQ(undecoded_, 1U);
  }
}

TEST_F(AvroCaptureTest, readers_of_capture_take_such_rows) {
  const std::vector<std::string> values{"\x0e\x02\x04hi", "\x0e", "\x10\0"s};
  std::vector<RecordView> records;
  for (const std::string& value : values) {
    records.push_back(record_of(value));
    records.back().offset = Offset{static_cast<std::int64_t>(records.size())};
  }
  std::vector<std::byte> room(4096);
  const Framed framed = frame(context_, records, room);
  ASSERT_EQ(framed.records, values.size());
  EXPECT_EQ(framed.undecoded, 1U);
  const auto encoder = make_encoder({RowFormat::capture, codec::Compression::none});
  encoder->begin_file({.attempt = "00112233445566778899aabbccddeeff", .begun = false});
  encoder->begin_unit(framed.rows, framed.bytes);
  std::vector<std::byte> file(8192);
  const Encoder::Step step = encoder->encode(Bytes(room).first(framed.bytes), file, Encoder::End::part);
  ASSERT_TRUE(step.ended);
  CaptureReader reader;
  ASSERT_TRUE(reader.feed(Bytes(file).first(step.produced)).ok());
  ASSERT_TRUE(reader.end().ok());
  EXPECT_EQ(reader.rows(), values.size());
}

}  // namespace
}  // namespace penstock::format
