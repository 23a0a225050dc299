// Envelopes whose values are Avro, and are decoded.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "codec/json_check.h"
#include "codec/json_grammar.h"
#include "format/envelope.h"
#include "format/record_format.h"
#include "format/record_schema.h"
#include "format/split_row.h"
#include "unit/format/fake_schemas.h"

namespace penstock::format {
namespace {

using std::string_literals::operator""s;

class AvroEnvelopeTest : public ::testing::Test {
 protected:
  explicit AvroEnvelopeTest()
      : decoding_{.schema =
                      parsed(R"({"type":"record","name":"R","fields":[{"name":"id","type":"long"},)"
                             R"({"name":"names","type":{"type":"array","items":["null","string"]}}]})")} {}

  static std::shared_ptr<const codec::AvroSchema> parsed(const char* text) {
    return std::make_shared<const codec::AvroSchema>(*codec::AvroSchema::parse(text));
  }

  RowContext context() {
    return {.rows = RowFormat::envelope,
            .topic = "orders",
            .partition = Partition{3},
            .fields = EnvelopeFields::none().with(EnvelopeField::offset).with(EnvelopeField::value),
            .json = &json_,
            .decoding = &decoding_,
            .schemas = &schemas_};
  }

  static RecordView record_of(const std::string& value) {
    return {.offset = Offset{41},
            .timestamp_ms = 1'764'432'000'000,
            .key = {},
            .value = as_bytes(value),
            .headers = {},
            .null_value = false};
  }

  static std::string base64_row(const std::string& value, const std::string& fault) {
    return "{\"offset\":41,\"decode_error\":\"" + fault + "\",\"value_base64\":\"" +
           base64_encode(as_bytes(value)) + "\"}";
  }

  // The row, once written in pieces and once by the framer, if that has room for it.
  std::string row_of(const RecordView& record, std::size_t room_bytes = 4096) {
    const RowContext context = this->context();
    std::string text;
    SplitRow row(context, record);
    const std::size_t bytes = row.bytes_left();
    while (!row.done()) {
      std::string piece(97, '#');
      text += piece.substr(0, row.write(std::as_writable_bytes(std::span(piece))));
    }
    EXPECT_EQ(text.size(), bytes);
    EXPECT_TRUE(codec::follows_json_grammar(text)) << text.substr(0, 200);
    std::string room(room_bytes, '#');
    const Framed framed = frame(context, {&record, 1}, std::as_writable_bytes(std::span(room)));
    if (framed.records == 1) {
      EXPECT_EQ(room.substr(0, framed.bytes), text);
      EXPECT_EQ(framed.undecoded, row.undecoded() ? 1U : 0U);
    }
    framed_ = framed.records == 1;
    EXPECT_TRUE(text.ends_with('\n'));
    return text.substr(0, text.size() - 1);
  }

  std::string value_row(const std::string& value) { return row_of(record_of(value)); }

  ValueDecoding decoding_;
  FakeSchemas schemas_;
  codec::JsonCheck json_;
  bool framed_ = false;
};

TEST_F(AvroEnvelopeTest, a_value_of_the_schema_stands_there_as_json) {
  EXPECT_EQ(value_row("\x0e\x04\x02\x06one\0\0"s), R"({"offset":41,"value":{"id":7,"names":["one",null]}})");
  EXPECT_TRUE(framed_);
}

TEST_F(AvroEnvelopeTest, a_value_that_is_not_of_the_schema_lands_as_it_came_and_says_why) {
  for (const auto& [value, fault] : std::vector<std::pair<std::string, std::string>>{
           {"", "ends before its schema does"},
           {"\x0e", "ends before its schema does"},
           {"\x0e\0\0"s, "has bytes behind the end of its schema"},
           {"{\"id\": 7}", "names a branch that its union does not have"},
           {"\x0e\x02\x02\x02\xff\0"s, "has a string that is not UTF-8"}}) {
    EXPECT_EQ(value_row(value), base64_row(value, fault));
    EXPECT_TRUE(framed_);
  }
}

TEST_F(AvroEnvelopeTest, a_tombstone_is_null_and_nothing_else_is) {
  RecordView record = record_of("");
  record.null_value = true;
  EXPECT_EQ(row_of(record), R"({"offset":41,"value":null})");
  decoding_.schema = parsed(R"(["null","string"])");
  EXPECT_EQ(value_row("\0"s), base64_row("\0"s, "is null, and would look like a tombstone"));
  EXPECT_EQ(value_row("\x02\x08null"s), R"({"offset":41,"value":"null"})");
}

TEST_F(AvroEnvelopeTest, the_id_before_a_value_is_passed_over) {
  decoding_.framing = codec::SchemaFraming::confluent;
  EXPECT_EQ(value_row("\0\0\0\0\x09\x0e\0"s), R"({"offset":41,"value":{"id":7,"names":[]}})");
  EXPECT_EQ(
      value_row("\x0e\0"s),
      base64_row("\x0e\0"s, "does not begin with an id of Confluent's registry, and no header has one"));
  const std::string id = "\0\0\0\0\x09"s;
  const HeaderView header{.key = "__value_schema_id", .value = as_bytes(id)};
  const std::string value = "\x0e\0"s;
  RecordView record = record_of(value);
  record.headers = {&header, 1};
  EXPECT_EQ(row_of(record), R"({"offset":41,"value":{"id":7,"names":[]}})");
}

TEST_F(AvroEnvelopeTest, without_the_value_nothing_is_decoded) {
  RowContext only_offset = context();
  only_offset.fields = EnvelopeFields::none().with(EnvelopeField::offset);
  const std::string no_avro = "\xff";
  const RecordView record = record_of(no_avro);
  std::string room(4096, '#');
  const Framed framed = frame(only_offset, {&record, 1}, std::as_writable_bytes(std::span(room)));
  EXPECT_EQ(room.substr(0, framed.bytes), "{\"offset\":41}\n");
  EXPECT_EQ(framed.undecoded, 0U);
}

// Two bytes a null: the JSON is larger than the room of the framer, and lands all the same.
TEST_F(AvroEnvelopeTest, json_that_is_larger_than_the_room_is_made_in_memory_of_its_own) {
  constexpr std::size_t k_count = 40'000;
  std::string value = "\x0e\x80\xf1\x04"s + std::string(k_count, '\0') + "\0"s;  // 40,000 as a varint
  const std::string row = value_row(value);
  EXPECT_FALSE(framed_);
  EXPECT_EQ(std::count(row.begin(), row.end(), 'u'),
            static_cast<std::ptrdiff_t>(k_count) + 1);  // and "value"
  EXPECT_TRUE(row.ends_with("null,null]}}"));
}

TEST_F(AvroEnvelopeTest, the_framer_stops_before_a_row_that_does_not_fit_and_leaves_nothing_of_it) {
  const std::string small = "\x0e\0"s;
  const std::string large = "\x0e\x80\xf1\x04"s + std::string(40'000, '\0') + "\0"s;
  const std::vector<RecordView> records{record_of(small), record_of(small), record_of(large),
                                        record_of(small)};
  std::string room(100'000, '#');
  const Framed framed = frame(context(), records, std::as_writable_bytes(std::span(room)));
  EXPECT_EQ(framed.records, 2U);
  EXPECT_EQ(framed.rows, 2U);
  EXPECT_EQ(framed.value_bytes, 2 * small.size());
  EXPECT_EQ(framed.bytes, 2 * std::string(R"({"offset":41,"value":{"id":7,"names":[]}})").size() + 2);
}

TEST_F(AvroEnvelopeTest, each_value_is_read_by_the_schema_that_its_id_names) {
  decoding_ = {.schema = nullptr, .framing = codec::SchemaFraming::confluent};
  schemas_.known = {{FakeSchemas::number(7), FakeSchemas::avro(R"("long")")},
                    {FakeSchemas::number(8), FakeSchemas::avro(R"("string")")}};
  schemas_.faults = {{FakeSchemas::number(9), "schema-unknown: 9"}};
  EXPECT_EQ(value_row("\0\0\0\0\x07\x0e"s), R"({"offset":41,"value":7})");
  EXPECT_EQ(value_row("\0\0\0\0\x08\x04hi"s), R"({"offset":41,"value":"hi"})");
  EXPECT_EQ(value_row("\0\0\0\0\x07\x80"s), base64_row("\0\0\0\0\x07\x80"s, "ends before its schema does"));
  EXPECT_EQ(value_row("\0\0\0\0\x09\x0e"s), base64_row("\0\0\0\0\x09\x0e"s, "schema-unknown: 9"));
  EXPECT_EQ(value_row("hi"s),
            base64_row("hi", "does not begin with an id of Confluent's registry, and no header has one"));
  const std::string odd = "\0\0\x07"s;
  const HeaderView header{.key = "__value_schema_id", .value = as_bytes(odd)};
  const std::string hi = "hi";
  RecordView record = record_of(hi);
  record.headers = {&header, 1};
  EXPECT_EQ(row_of(record), base64_row("hi", "has something that is no id in the place of its schema's"));
}

TEST_F(AvroEnvelopeTest, a_value_whose_id_names_a_json_schema_is_embedded_without_its_id) {
  decoding_ = {.schema = nullptr, .framing = codec::SchemaFraming::confluent};
  schemas_.known = {{FakeSchemas::number(7), FakeSchemas::json(R"({"type":"object"})")},
                    {FakeSchemas::number(8), FakeSchemas::avro(R"("string")")}};
  const std::string id = "\0\0\0\0\x07"s;
  EXPECT_EQ(value_row(id + R"({"n": 1.50})"), R"({"offset":41,"value":{"n": 1.50}})");
  EXPECT_TRUE(framed_);
  EXPECT_EQ(value_row(id + "[1,\n2]\r\n"), R"({"offset":41,"value":[1, 2]  })");
  EXPECT_EQ(value_row("\0\0\0\0\x08\x04hi"s), R"({"offset":41,"value":"hi"})");
  for (const std::string& broken : {"{\"n\":1"s, "{\"n\":\"\n\"}"s, ""s, "\x0e"s, "1 2"s, "\"\xff\""s}) {
    EXPECT_EQ(value_row(id + broken), base64_row(id + broken, "is not JSON"));
    EXPECT_TRUE(framed_);
  }
  EXPECT_EQ(value_row(id + " null"), base64_row(id + " null", "is null, and would look like a tombstone"));
  const std::string large = id + "[\"" + std::string(500'000, 'x') + "\"]";
  EXPECT_EQ(value_row(large), "{\"offset\":41,\"value\":" + large.substr(id.size()) + "}");
  EXPECT_FALSE(framed_);

  const HeaderView header{.key = "__value_schema_id", .value = as_bytes(id)};
  const std::string bare = R"({"n":2})";
  RecordView record = record_of(bare);
  record.headers = {&header, 1};
  EXPECT_EQ(row_of(record), R"({"offset":41,"value":{"n":2}})");
}

TEST_F(AvroEnvelopeTest, json_behind_an_id_is_embedded_in_any_room_that_is_given) {
  decoding_ = {.schema = nullptr, .framing = codec::SchemaFraming::confluent};
  schemas_.known = {{FakeSchemas::number(7), FakeSchemas::json("true")}};
  const std::string value = "\0\0\0\0\x07"s + "[\n" + std::string(300, '1') + "]";
  const std::string expected = "{\"offset\":41,\"value\":[ " + std::string(300, '1') + "]}";
  std::size_t framed = 0;
  for (std::size_t room = 300; room < 1'200; ++room) {
    EXPECT_EQ(row_of(record_of(value), room), expected);
    framed += framed_ ? 1 : 0;
  }
  EXPECT_GT(framed, 100U);
  EXPECT_LT(framed, 900U);
}

TEST_F(AvroEnvelopeTest, the_framer_stops_before_a_record_that_waits_for_its_schema) {
  decoding_ = {.schema = nullptr, .framing = codec::SchemaFraming::confluent};
  schemas_.known = {{FakeSchemas::number(7), FakeSchemas::avro(R"("long")")}};
  schemas_.faults = {{FakeSchemas::number(9), "schema-unknown: 9"}};
  const std::string known = "\0\0\0\0\x07\x0e"s;
  const std::string waits = "\0\0\0\0\x05\x0e"s;
  const std::vector<RecordView> records{record_of(known), record_of(known), record_of(waits),
                                        record_of(known)};
  std::string room(4096, '#');
  const Framed framed = frame(context(), records, std::as_writable_bytes(std::span(room)));
  EXPECT_EQ(framed.records, 2U);
  EXPECT_TRUE(framed.waits);
  EXPECT_EQ(schemas_.finds, 2) << "the schema of the record before is not looked for again";
  EXPECT_EQ(framed.bytes, 2 * std::string(R"({"offset":41,"value":7})").size() + 2);
  EXPECT_TRUE(awaits_schema(context(), records[2]));
  EXPECT_FALSE(awaits_schema(context(), records[3]));
  RecordView tombstone = record_of("");
  tombstone.null_value = true;
  EXPECT_FALSE(awaits_schema(context(), tombstone));
}

// Five bytes that stand for 4 GB of JSON, in every room.
TEST_F(AvroEnvelopeTest, json_that_is_too_large_lands_in_base64_whatever_the_room) {
  decoding_.schema = parsed(R"({"type":"array","items":"null"})");
  const std::string value = "\x80\x80\x80\x80\x08"s;
  const std::string expected = base64_row(value, "is too large as JSON");
  EXPECT_EQ(value_row(value), expected);
  EXPECT_FALSE(framed_);
  EXPECT_EQ(row_of(record_of(value), k_decoded_bytes_max + 4096), expected);
  EXPECT_TRUE(framed_);
}

}  // namespace
}  // namespace penstock::format
