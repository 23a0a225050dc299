#include "codec/avro_json.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "codec/json_grammar.h"

namespace penstock::codec {
namespace {

using std::string_literals::operator""s;

AvroSchema schema_of(const std::string& text) {
  Result<AvroSchema> parsed = AvroSchema::parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? *std::move(parsed) : *AvroSchema::parse("\"null\"");
}

// The text, or what is wrong in brackets.
std::string json_of(const std::string& schema, const std::string& value, std::size_t room_bytes = 4096) {
  std::vector<std::byte> room(room_bytes);
  const AvroJson json = write_avro_json(schema_of(schema), as_bytes(value), room);
  if (json.fault != AvroFault::none) {
    return "(" + std::string(to_string(json.fault)) + ")";
  }
  const std::string text(as_text(Bytes(room).first(json.bytes)));
  EXPECT_TRUE(follows_json_grammar(text)) << text;
  return text;
}

std::string zigzag(std::int64_t number) {
  std::uint64_t bits = static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
  std::string bytes;
  for (; bits >= 0x80; bits >>= 7) {
    bytes += static_cast<char>(bits | 0x80);
  }
  return bytes + static_cast<char>(bits);
}

std::string sized(const std::string& bytes) {
  return zigzag(static_cast<std::int64_t>(bytes.size())) + bytes;
}

template <class Number>
std::string bits_of(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string logical(const char* type, const char* name) {
  return std::string(R"({"type":")") + type + R"(","logicalType":")" + name + "\"}";
}

const std::string k_order =
    R"({"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"]}]})";

TEST(AvroJson, the_worked_example) {
  EXPECT_EQ(json_of(k_order, "\x0e\x02\x04hi"), R"({"id":7,"note":"hi"})");
  EXPECT_EQ(json_of(k_order, "\x0e\0"s), R"({"id":7,"note":null})");
}

TEST(AvroJson, numbers_have_all_their_digits) {
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{63}, std::int64_t{-64}, std::int64_t{64},
        std::int64_t{9'007'199'254'740'993}, INT64_MAX, INT64_MIN}) {
    EXPECT_EQ(json_of("\"long\"", zigzag(number)), std::to_string(number));
  }
  EXPECT_EQ(json_of("\"int\"", zigzag(INT32_MIN)), "-2147483648");
  EXPECT_EQ(json_of("\"int\"", zigzag(INT32_MAX + std::int64_t{1})),
            "(has a number with more bits than its type)");
  EXPECT_EQ(json_of("\"long\"", std::string(9, '\xff') + "\x02"),
            "(has a number with more bits than its type)");
  EXPECT_EQ(json_of("\"long\"", std::string(3, '\xff')), "(ends before its schema does)");
}

TEST(AvroJson, floats_read_back_as_the_same_and_never_look_like_integers) {
  EXPECT_EQ(json_of("\"double\"", bits_of(0.1)), "0.1");
  EXPECT_EQ(json_of("\"double\"", bits_of(5.0)), "5.0");
  EXPECT_EQ(json_of("\"double\"", bits_of(-0.0)), "-0.0");
  EXPECT_EQ(json_of("\"double\"", bits_of(1e300)), "1e+300");
  EXPECT_EQ(json_of("\"double\"", bits_of(5e-324)), "5e-324");
  EXPECT_EQ(json_of("\"float\"", bits_of(0.1F)), "0.1");
  EXPECT_EQ(json_of("\"float\"", bits_of(16777216.0F)), "16777216.0");
  EXPECT_EQ(json_of("\"double\"", bits_of(std::numeric_limits<double>::infinity())), "\"Infinity\"");
  EXPECT_EQ(json_of("\"float\"", bits_of(-std::numeric_limits<float>::infinity())), "\"-Infinity\"");
  EXPECT_EQ(json_of("\"double\"", bits_of(std::numeric_limits<double>::quiet_NaN())), "\"NaN\"");
  EXPECT_EQ(json_of("\"double\"", "1234567"), "(ends before its schema does)");
}

TEST(AvroJson, strings_are_escaped_and_must_be_utf8) {
  EXPECT_EQ(json_of("\"string\"", sized("plain, and longer than eight bytes")),
            "\"plain, and longer than eight bytes\"");
  EXPECT_EQ(json_of("\"string\"", sized("")), "\"\"");
  EXPECT_EQ(json_of("\"string\"", sized("Zo\xc3\xab \"a\\b\"\n\r\t\x7f\xf0\x9f\x98\x80")),
            "\"Zo\xc3\xab \\\"a\\\\b\\\"\\n\\u000d\\u0009\\u007f\xf0\x9f\x98\x80\"");
  EXPECT_EQ(json_of("\"string\"", sized("\xff")), "(has a string that is not UTF-8)");
  EXPECT_EQ(json_of("\"string\"", sized("cut \xe2\x82")), "(has a string that is not UTF-8)");
  EXPECT_EQ(json_of("\"string\"",
                    "\x0a"
                    "four"),
            "(ends before its schema does)");
  EXPECT_EQ(json_of("\"string\"", zigzag(-1)), "(has a length that cannot be)");
  EXPECT_EQ(json_of("\"string\"", zigzag(INT64_MAX)), "(ends before its schema does)");
}

TEST(AvroJson, bytes_and_fixed_are_base64) {
  EXPECT_EQ(json_of("\"bytes\"", sized("\xff\x01"s)), "\"/wE=\"");
  EXPECT_EQ(json_of("\"bytes\"", sized("")), "\"\"");
  EXPECT_EQ(json_of(R"({"type":"fixed","name":"F","size":3})", "abc"), "\"YWJj\"");
  EXPECT_EQ(json_of(R"({"type":"fixed","name":"F","size":3})", "ab"), "(ends before its schema does)");
}

TEST(AvroJson, booleans_enums_and_unions_take_nothing_but_what_they_have) {
  EXPECT_EQ(json_of("\"boolean\"", "\x01"), "true");
  EXPECT_EQ(json_of("\"boolean\"", "\0"s), "false");
  EXPECT_EQ(json_of("\"boolean\"", "\x02"), "(has a boolean that is neither 0 nor 1)");
  const std::string suit = R"({"type":"enum","name":"Suit","symbols":["HEARTS","SPADES"]})";
  EXPECT_EQ(json_of(suit, zigzag(1)), "\"SPADES\"");
  EXPECT_EQ(json_of(suit, zigzag(2)), "(names a symbol that its enum does not have)");
  EXPECT_EQ(json_of(suit, zigzag(-1)), "(names a symbol that its enum does not have)");
  EXPECT_EQ(json_of(R"(["null","int"])", zigzag(2)), "(names a branch that its union does not have)");
  EXPECT_EQ(json_of(R"(["null","int"])", zigzag(1) + zigzag(5)), "5");
}

TEST(AvroJson, blocks_of_arrays_and_maps) {
  const std::string ints = R"({"type":"array","items":"int"})";
  EXPECT_EQ(json_of(ints, "\0"s), "[]");
  EXPECT_EQ(json_of(ints, zigzag(2) + zigzag(1) + zigzag(2) + zigzag(1) + zigzag(3) + "\0"s), "[1,2,3]");
  // A block that tells its bytes must have them.
  EXPECT_EQ(json_of(ints, zigzag(-2) + zigzag(2) + zigzag(1) + zigzag(2) + "\0"s), "[1,2]");
  EXPECT_EQ(json_of(ints, zigzag(-2) + zigzag(3) + zigzag(1) + zigzag(2) + "\0"s),
            "(has a length that cannot be)");
  EXPECT_EQ(json_of(ints, zigzag(INT64_MIN) + zigzag(0)), "(has a length that cannot be)");
  EXPECT_EQ(json_of(ints, zigzag(1) + zigzag(1)), "(ends before its schema does)");
  const std::string map = R"({"type":"map","values":"boolean"})";
  EXPECT_EQ(json_of(map, zigzag(2) + sized("a") + "\x01" + sized("b\"") + "\0\0"s),
            R"({"a":true,"b\"":false})");
  EXPECT_EQ(json_of(map, "\0"s), "{}");
}

TEST(AvroJson, records_nest_and_may_be_empty) {
  EXPECT_EQ(json_of(R"({"type":"record","name":"R","fields":[]})", ""), "{}");
  EXPECT_EQ(json_of(R"({"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"S",)"
                    R"("fields":[{"name":"b","type":"int"}]}},{"name":"c","type":"S"}]})",
                    zigzag(1) + zigzag(2)),
            R"({"a":{"b":1},"c":{"b":2}})");
}

TEST(AvroJson, logical_types_are_exact_text) {
  EXPECT_EQ(json_of(logical("int", "date"), zigzag(0)), "\"1970-01-01\"");
  EXPECT_EQ(json_of(logical("int", "date"), zigzag(20'786)), "\"2026-11-29\"");
  EXPECT_EQ(json_of(logical("int", "date"), zigzag(-1)), "\"1969-12-31\"");
  EXPECT_EQ(json_of(logical("int", "date"), zigzag(11'016)), "\"2000-02-29\"");
  EXPECT_EQ(json_of(logical("int", "date"), zigzag(-719'528)), "\"0000-01-01\"");
  EXPECT_EQ(json_of(logical("int", "date"), zigzag(INT32_MAX)), "\"+5881580-07-11\"");
  EXPECT_EQ(json_of(logical("int", "date"), zigzag(INT32_MIN)), "\"-5877641-06-23\"");
  EXPECT_EQ(json_of(logical("int", "time-millis"), zigzag(86'399'999)), "\"23:59:59.999\"");
  EXPECT_EQ(json_of(logical("int", "time-millis"), zigzag(86'400'000)),
            "(has a time that is outside of a day)");
  EXPECT_EQ(json_of(logical("long", "time-micros"), zigzag(-1)), "(has a time that is outside of a day)");
  EXPECT_EQ(json_of(logical("long", "time-micros"), zigzag(3'600'000'001)), "\"01:00:00.000001\"");
  EXPECT_EQ(json_of(logical("long", "timestamp-millis"), zigzag(1'764'432'000'123)),
            "\"2025-11-29T16:00:00.123Z\"");
  EXPECT_EQ(json_of(logical("long", "timestamp-millis"), zigzag(-1)), "\"1969-12-31T23:59:59.999Z\"");
  EXPECT_EQ(json_of(logical("long", "timestamp-micros"), zigzag(1)), "\"1970-01-01T00:00:00.000001Z\"");
  EXPECT_EQ(json_of(logical("long", "timestamp-nanos"), zigzag(INT64_MIN)),
            "\"1677-09-21T00:12:43.145224192Z\"");
  EXPECT_EQ(json_of(logical("long", "local-timestamp-millis"), zigzag(0)), "\"1970-01-01T00:00:00.000\"");
  EXPECT_EQ(json_of(logical("long", "timestamp-millis"), zigzag(INT64_MAX)),
            "\"+292278994-08-17T07:12:55.807Z\"");
  EXPECT_EQ(json_of(R"({"type":"fixed","name":"u","size":16,"logicalType":"uuid"})",
                    "\x3f\xa8\x5f\x64\x57\x17\x45\x62\xb3\xfc\x2c\x96\x3f\x66\xaf\xa6"),
            "\"3fa85f64-5717-4562-b3fc-2c963f66afa6\"");
  EXPECT_EQ(json_of(R"({"type":"fixed","name":"d","size":12,"logicalType":"duration"})",
                    "\x01\0\0\0\x02\0\0\0\xbc\x0b\0\0"s),
            "\"P1M2DT3.004S\"");
}

TEST(AvroJson, decimals_have_all_their_digits) {
  const auto decimal = [](int precision, int scale, const std::string& number) {
    return json_of(R"({"type":"bytes","logicalType":"decimal","precision":)" + std::to_string(precision) +
                       ",\"scale\":" + std::to_string(scale) + "}",
                   sized(number));
  };
  EXPECT_EQ(decimal(4, 2, "\x04\xe2"), "\"12.50\"");
  EXPECT_EQ(decimal(4, 2, "\xff\x38"), "\"-2.00\"");
  EXPECT_EQ(decimal(4, 4, "\xff\x38"), "\"-0.0200\"");
  EXPECT_EQ(decimal(4, 0, "\xff\0"s), "\"-256\"");
  EXPECT_EQ(decimal(4, 0, "\x80"), "\"-128\"");
  EXPECT_EQ(decimal(4, 0, "\xff"), "\"-1\"");
  EXPECT_EQ(decimal(4, 2, "\0"s), "\"0.00\"");
  EXPECT_EQ(decimal(4, 2, ""), "\"0.00\"");
  EXPECT_EQ(decimal(10, 0, "\x3b\x9a\xca\0"s), "\"1000000000\"");
  EXPECT_EQ(decimal(30, 3, "\x01\0\0\0\0\0\0\0\0"s), "\"18446744073709551.616\"");
  EXPECT_EQ(decimal(4, 2, std::string(80, '\xff') + "\x38"), "\"-2.00\"");
  EXPECT_EQ(decimal(150, 150, "\x7f" + std::string(62, '\xff')).size(), 152U + 1 + 2);
  EXPECT_EQ(decimal(150, 0, "\x7f" + std::string(63, '\xff')), "(has a decimal of more than 63 bytes)");
  EXPECT_EQ(json_of(R"({"type":"fixed","name":"d","size":4,"logicalType":"decimal","precision":9,"scale":1})",
                    "\xff\xff\xff\x85"),
            "\"-12.3\"");
}

TEST(AvroJson, bytes_behind_the_end_are_a_fault) {
  EXPECT_EQ(json_of("\"int\"", "\x02\x02"), "(has bytes behind the end of its schema)");
  EXPECT_EQ(json_of("\"null\"", "\x02"), "(has bytes behind the end of its schema)");
}

TEST(AvroJson, every_cut_is_a_fault) {
  const std::string schema =
      R"({"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"string"}},)"
      R"({"name":"b","type":"double"},{"name":"c","type":["null","bytes"]},)"
      R"({"name":"d","type":{"type":"map","values":"long"}}]})";
  const std::string value = zigzag(2) + sized("one") + sized("") + "\0"s + bits_of(1.5) + zigzag(1) +
                            sized("abc") + zigzag(1) + sized("k") + zigzag(300) + "\0"s;
  EXPECT_EQ(json_of(schema, value), R"({"a":["one",""],"b":1.5,"c":"YWJj","d":{"k":300}})");
  for (std::size_t bytes = 0; bytes < value.size(); ++bytes) {
    EXPECT_EQ(json_of(schema, value.substr(0, bytes)), "(ends before its schema does)") << bytes;
  }
}

// What SplitRow and the framer rest on: of every room the answer is no_room or the whole text.
TEST(AvroJson, what_fits_into_some_room_fits_into_every_larger_one) {
  const std::string schema =
      R"({"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":"double"},)"
      R"({"name":"c","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"d","type":"bytes"}]})";
  const std::string value =
      sized("quoted \"\x01\" Zo\xc3\xab") + bits_of(-1.25e-7) + zigzag(1'764'432'000'123) + sized("12345");
  const std::string whole = json_of(schema, value);
  bool fitted = false;
  for (std::size_t bytes = 0; bytes < whole.size() + 200; ++bytes) {
    const std::string text = json_of(schema, value, bytes);
    if (text == "(is too large as JSON)") {
      EXPECT_FALSE(fitted) << bytes;
    } else {
      EXPECT_EQ(text, whole) << bytes;
      fitted = true;
    }
  }
  EXPECT_TRUE(fitted);
}

TEST(AvroJson, few_bytes_that_stand_for_much_end_with_the_room) {
  const std::string nulls = R"({"type":"array","items":"null"})";
  EXPECT_EQ(json_of(nulls, zigzag(INT64_MAX)), "(is too large as JSON)");
  EXPECT_EQ(
      json_of(R"({"type":"array","items":{"type":"record","name":"R","fields":[]}})", zigzag(INT64_MAX)),
      "(is too large as JSON)");
  EXPECT_EQ(json_of(R"({"type":"record","name":"R","fields":[{"name":"r","type":"R"}]})", "", 1 << 20),
            "(is nested deeper than 128 levels)");
}

}  // namespace
}  // namespace penstock::codec
