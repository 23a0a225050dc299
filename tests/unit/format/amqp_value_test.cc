#include "format/amqp_value.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::format {
namespace {

using namespace std::string_literals;

// What the bytes are, as text: "long 5", "string Oslo", "no" for what is no whole value.
std::string told(const std::string& bytes) {
  const std::optional<AmqpValue> value = read_amqp_value(as_bytes(bytes));
  if (!value) {
    return "no";
  }
  if (const auto* number = std::get_if<std::int64_t>(&*value)) {
    return "long " + std::to_string(*number);
  }
  if (const auto* number = std::get_if<double>(&*value)) {
    return "double " + std::to_string(*number);
  }
  if (const auto* text = std::get_if<std::string_view>(&*value)) {
    return "string " + std::string(*text);
  }
  if (const auto* content = std::get_if<Bytes>(&*value)) {
    return "bytes " + std::string(as_text(*content));
  }
  return std::holds_alternative<AmqpNull>(*value) ? "null" : "other";
}

TEST(AmqpValueTest, integers_of_every_width_are_longs) {
  EXPECT_EQ(told("\x50\xff"), "long 255");
  EXPECT_EQ(told("\x51\xff"), "long -1");
  EXPECT_EQ(told("\x60\x01\x02"), "long 258");
  EXPECT_EQ(told("\x61\xff\xfe"), "long -2");
  EXPECT_EQ(told("\x70\xff\xff\xff\xff"), "long 4294967295");
  EXPECT_EQ(told("\x71\xff\xff\xff\xfd"), "long -3");
  EXPECT_EQ(told("\x80\x00\x00\x00\x00\x00\x00\x01\x00"s), "long 256");
  EXPECT_EQ(told("\x81\xff\xff\xff\xff\xff\xff\xff\x00"s), "long -256");
  EXPECT_EQ(told("\x52\xff"), "long 255");
  EXPECT_EQ(told("\x53\xff"), "long 255");
  EXPECT_EQ(told("\x54\xff"), "long -1");
  EXPECT_EQ(told("\x55\x80"), "long -128");
  EXPECT_EQ(told("\x43"), "long 0");
  EXPECT_EQ(told("\x44"), "long 0");
  EXPECT_EQ(told("\x83\x00\x00\x01\x9a\xd0\x4f\xa0\x00"s), "long 1764431470592") << "a timestamp";
}

TEST(AmqpValueTest, a_number_that_no_long_can_be_stays_bytes) {
  EXPECT_EQ(told("\x80\xff\xff\xff\xff\xff\xff\xff\xff"), "other");
}

TEST(AmqpValueTest, floating_point_numbers_are_doubles) {
  EXPECT_EQ(told("\x72\x3f\x00\x00\x00"s), "double 0.500000");
  EXPECT_EQ(told("\x82\xc0\x04\x00\x00\x00\x00\x00\x00"s), "double -2.500000");
}

TEST(AmqpValueTest, texts_and_binaries_have_their_length_in_front) {
  EXPECT_EQ(told("\xa1\x04Oslo"), "string Oslo");
  EXPECT_EQ(told("\xb1\x00\x00\x00\x04Oslo"s), "string Oslo");
  EXPECT_EQ(told("\xa3\x03sym"), "string sym");
  EXPECT_EQ(told("\xb3\x00\x00\x00\x03sym"s), "string sym");
  EXPECT_EQ(told("\xa0\x02\xff\x01"), "bytes \xff\x01");
  EXPECT_EQ(told("\xb0\x00\x00\x00\x01z"s), "bytes z");
  EXPECT_EQ(told("\xa1\x00"s), "string ");
}

TEST(AmqpValueTest, what_avro_has_no_type_for_is_recognized_and_stays_bytes) {
  EXPECT_EQ(told("\x40"), "null");
  EXPECT_EQ(told("\x41"), "other");
  EXPECT_EQ(told("\x42"), "other");
  EXPECT_EQ(told("\x56\x01"), "other");
  EXPECT_EQ(told("\x73\x00\x00\x00\x41"s), "other");
  EXPECT_EQ(told("\x98" + std::string(16, 'u')), "other");
}

TEST(AmqpValueTest, a_value_is_whole_to_the_last_byte) {
  for (const std::string& bytes :
       {""s, "\x54"s, "\x54\x05\x05"s, "\x71\x00\x00\x00"s, "\xa1"s, "\xa1\x05Oslo"s, "\xa1\x03Oslo"s,
        "\xb1\x00\x00\x00"s, "\xb1\xff\xff\xff\xffOslo"s, "\x56\x02"s, "\x40\x40"s, "\x98short"s,
        "\xa1\x01\xff"s, "\xa2\x00"s, "\x45"s, "\x57x"s, "\xc0\x01\x00"s, "\x00\x53\x70"s, "plain text"s}) {
    EXPECT_EQ(told(bytes), "no") << testing::PrintToString(bytes);
  }
}

bool of_amqp(const std::vector<std::string>& values) {
  std::vector<HeaderView> headers;
  for (const std::string& value : values) {
    headers.push_back({.key = "k", .value = as_bytes(value)});
  }
  return are_of_amqp(headers);
}

TEST(AmqpValueTest, headers_are_of_amqp_only_all_together_and_never_as_text) {
  EXPECT_TRUE(of_amqp({"\x54\x05"}));
  EXPECT_TRUE(of_amqp({"T1", "\xa1\x01x"})) << "49, beside a text of AMQP";
  EXPECT_FALSE(of_amqp({"T1"})) << "a text, as far as anybody can tell";
  EXPECT_FALSE(of_amqp({"paid!", "A"})) << "an int and true, if they were no texts";
  EXPECT_FALSE(of_amqp({"\xa1\x01x", "plain text"}));
  EXPECT_FALSE(of_amqp({"\xa1\x01x", ""}));
  EXPECT_FALSE(of_amqp({}));
  const HeaderView null{.key = "k", .value = {}, .null_value = true};
  EXPECT_FALSE(are_of_amqp(std::span(&null, 1)));
}

}  // namespace
}  // namespace penstock::format
