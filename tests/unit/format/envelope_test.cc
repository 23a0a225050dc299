#include "format/envelope.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "codec/json_check.h"
#include "codec/json_grammar.h"
#include "format/record_format.h"
#include "format/split_row.h"

namespace penstock::format {
namespace {

using Text = std::optional<std::string>;  // none: null

class EnvelopeTest : public ::testing::Test {
 protected:
  RowContext context(EnvelopeFields fields = EnvelopeFields::all()) {
    return {.rows = RowFormat::envelope,
            .topic = "orders",
            .partition = Partition{3},
            .fields = fields,
            .json = &json_};
  }

  static RowContext only(RowContext context, EnvelopeField field) {
    context.fields = EnvelopeFields::none().with(field);
    return context;
  }

  // Both outlive it.
  static RecordView record_of(Text&&, const Text&) = delete;
  static RecordView record_of(const Text&, Text&&) = delete;
  static RecordView record_of(const Text& key, const Text& value) {
    return {.offset = Offset{41},
            .timestamp_ms = 1'764'432'000'000,
            .key = key ? as_bytes(*key) : Bytes(),
            .value = value ? as_bytes(*value) : Bytes(),
            .headers = {},
            .null_key = !key,
            .null_value = !value,
            .timestamp_type = TimestampType::created};
  }

  // The row by either way.
  static std::string row_of(const RowContext& context, const RecordView& record) {
    std::string room(row_bytes_max(context, record) + 10, '#');
    const Framed framed = frame(context, {&record, 1}, std::as_writable_bytes(std::span(room)));
    EXPECT_EQ(framed.records, 1U);
    EXPECT_EQ(framed.rows, 1U);
    EXPECT_EQ(framed.value_bytes, record.value.size());
    EXPECT_EQ(room.substr(room.size() - 10), "##########") << "nothing is written behind the longest row";
    room.resize(framed.bytes);
    for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{5},
                                          std::size_t{7}, std::size_t{64}, room.size()}) {
      SplitRow row(context, record);
      EXPECT_EQ(row.bytes_left(), room.size());
      std::string text;
      while (!row.done()) {
        std::string piece(piece_bytes, '#');
        text += piece.substr(0, row.write(std::as_writable_bytes(std::span(piece))));
      }
      EXPECT_EQ(text, room) << "in pieces of " << piece_bytes;
      EXPECT_EQ(row.flattened(), framed.flattened == 1);
    }
    EXPECT_TRUE(room.ends_with("\n") && room.find('\n') == room.size() - 1) << room;
    EXPECT_TRUE(codec::follows_json_grammar(room)) << room;
    return room.substr(0, room.size() - 1);
  }

  std::string value_row(const Text& value) {
    return row_of(only(context(), EnvelopeField::value), record_of(null_, value));
  }
  std::string key_row(const Text& key) {
    return row_of(only(context(), EnvelopeField::key), record_of(key, null_));
  }

  inline static const Text null_ = {};
  inline static const Text k_ = "k";
  inline static const Text one_ = "1";
  codec::JsonCheck json_;
};

TEST_F(EnvelopeTest, a_row_tells_all_that_kafka_knows_of_a_record) {
  const Text key = "customer-7";
  const Text value = "{\"id\": 7, \"total\": 12.50}";
  RecordView record = record_of(key, value);
  const std::vector<HeaderView> headers{
      {.key = "trace", .value = as_bytes("00-4bf9")},
      {.key = "trace", .value = {}, .null_value = true},
      {.key = "", .value = as_bytes("\xff\x01")},
      {.key = "\xfe", .value = {}},
  };
  record.headers = headers;
  EXPECT_EQ(row_of(context(), record),
            "{\"topic\":\"orders\",\"partition\":3,\"offset\":41,\"timestamp\":1764432000000,"
            "\"timestamp_type\":\"CreateTime\",\"key\":\"customer-7\",\"headers\":["
            "{\"key\":\"trace\",\"value\":\"00-4bf9\"},{\"key\":\"trace\",\"value\":null},"
            "{\"key\":\"\",\"value_base64\":\"/wE=\"},{\"key_base64\":\"/g==\",\"value\":\"\"}],"
            "\"value\":{\"id\": 7, \"total\": 12.50}}");
}

TEST_F(EnvelopeTest, what_is_not_there_is_null) {
  RecordView record = record_of(null_, null_);
  record.timestamp_ms = -1;
  record.timestamp_type = TimestampType::unknown;
  EXPECT_EQ(row_of(context(), record),
            "{\"topic\":\"orders\",\"partition\":3,\"offset\":41,\"timestamp\":-1,\"timestamp_type\":null,"
            "\"key\":null,\"headers\":[],\"value\":null}");
  record.timestamp_type = TimestampType::appended;
  EXPECT_EQ(row_of(only(context(), EnvelopeField::timestamp_type), record),
            "{\"timestamp_type\":\"LogAppendTime\"}");
}

TEST_F(EnvelopeTest, each_field_can_stand_alone_and_be_left_out) {
  const RecordView record = record_of(k_, one_);
  const std::string_view alone[] = {"{\"topic\":\"orders\"}",
                                    "{\"partition\":3}",
                                    "{\"offset\":41}",
                                    "{\"timestamp\":1764432000000}",
                                    "{\"timestamp_type\":\"CreateTime\"}",
                                    "{\"key\":\"k\"}",
                                    "{\"headers\":[]}",
                                    "{\"value\":1}"};
  for (std::size_t i = 0; i < std::size(alone); ++i) {
    EXPECT_EQ(row_of(only(context(), static_cast<EnvelopeField>(i)), record), alone[i]);
    EnvelopeFields others = EnvelopeFields::none();
    for (std::size_t j = 0; j < std::size(alone); ++j) {
      others = j == i ? others : others.with(static_cast<EnvelopeField>(j));
    }
    const std::string row = row_of(context(others), record);
    EXPECT_EQ(row.find(alone[i].substr(1, alone[i].size() - 2)), std::string::npos) << row;
  }
}

TEST_F(EnvelopeTest, json_stands_as_it_was_sent) {
  for (const std::string text : {"{}", " [1, 2] ", "\"t\"", "0", "true", "1e999",
                                 "123456789012345678901234567890", "{\"a\":\"\\u0000\\n\"}"}) {
    EXPECT_EQ(value_row(text), "{\"value\":" + text + "}");
  }
  EXPECT_EQ(value_row("{\r\n  \"a\":\n[]}"), "{\"value\":{    \"a\": []}}") << "line breaks between tokens";
}

TEST_F(EnvelopeTest, other_values_are_base64) {
  for (const std::string text :
       {"", "plain text", "\xff\x00\x01", "{", "{\"a\":\"\n\"}", "\xef\xbb\xbf{}", "1 2", "{\n"}) {
    EXPECT_EQ(value_row(text), "{\"value_base64\":\"" + base64_encode(as_bytes(text)) + "\"}");
  }
}

TEST_F(EnvelopeTest, a_tombstone_is_not_the_text_null) {
  EXPECT_EQ(value_row({}), "{\"value\":null}");
  EXPECT_EQ(value_row("null"), "{\"value_base64\":\"bnVsbA==\"}");
  EXPECT_EQ(value_row("\n null"), "{\"value_base64\":\"CiBudWxs\"}");
}

TEST_F(EnvelopeTest, a_key_is_a_string_whatever_is_in_it) {
  EXPECT_EQ(key_row(""), "{\"key\":\"\"}");
  EXPECT_EQ(key_row("{\"id\":1}\n"), "{\"key\":\"{\\\"id\\\":1}\\n\"}");
  EXPECT_EQ(key_row("caf\xc3\xa9"), "{\"key\":\"caf\xc3\xa9\"}");
  EXPECT_EQ(key_row("\xff"), "{\"key_base64\":\"/w==\"}");
  EXPECT_EQ(key_row(std::string(1000, '\x01')).size(), 10 + 6 * 1000U);
}

TEST_F(EnvelopeTest, extreme_numbers_fit) {
  RecordView record = record_of(null_, null_);
  record.offset = Offset{std::numeric_limits<std::int64_t>::max()};
  record.timestamp_ms = std::numeric_limits<std::int64_t>::min();
  RowContext extreme = context();
  const std::string topic(249, 't');
  extreme.topic = topic;
  extreme.partition = Partition{std::numeric_limits<std::int32_t>::max()};
  const std::string row = row_of(extreme, record);
  EXPECT_NE(
      row.find("\"partition\":2147483647,\"offset\":9223372036854775807,\"timestamp\":-9223372036854775808,"),
      std::string::npos)
      << row;
}

TEST_F(EnvelopeTest, takes_the_records_whose_rows_surely_fit) {
  const Text value = "{\"a\":1}";
  std::vector<RecordView> records(5, record_of(k_, value));
  records[0].timestamp_ms = 5;
  const std::size_t longest = row_bytes_max(context(), records[0]);
  const std::size_t row = row_of(context(), records[1]).size() + 1;
  std::string room(longest + 2 * row, '#');
  const Framed framed = frame(context(), records, std::as_writable_bytes(std::span(room)));
  EXPECT_EQ(framed.records, 3U);
  EXPECT_EQ(framed.rows, 3U);
  EXPECT_EQ(framed.skipped, 0U);
  EXPECT_EQ(framed.undated, 1U);
  EXPECT_EQ(framed.oldest_timestamp_ms, records[1].timestamp_ms);
  EXPECT_EQ(framed.value_bytes, 3 * value->size());
  EXPECT_EQ(frame(context(), records, {}).records, 0U);
}

TEST_F(EnvelopeTest, every_record_makes_a_row) {
  EXPECT_FALSE(makes_no_row(RowFormat::envelope, record_of(null_, null_)));
  EXPECT_FALSE(makes_no_row(RowFormat::envelope, record_of(k_, k_)));
}

// Of base64 in pieces the quads and what is left over are where it could go wrong; of JSON the padding.
TEST_F(EnvelopeTest, values_of_every_size_survive) {
  std::mt19937_64 random(7);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random());
    }
    EXPECT_EQ(value_row("\xff" + bytes),
              "{\"value_base64\":\"" + base64_encode(as_bytes("\xff" + bytes)) + "\"}");
    const std::string text = "\"" + std::string(size, 'j') + "\"";
    EXPECT_EQ(value_row(text), "{\"value\":" + text + "}");
  }
  const std::string large = "[\"" + std::string(3 * codec::JsonCheck::k_parsed_bytes_max, 'j') + "\"]";
  EXPECT_EQ(value_row(large), "{\"value\":" + large + "}");
}

}  // namespace
}  // namespace penstock::format
