#include "wire/byte_reader.h"

#include <gtest/gtest.h>

#include "wire/byte_writer.h"

namespace penstock::wire {
namespace {

TEST(ByteReader, reads_what_the_writer_wrote) {
  Buffer buffer;
  ByteWriter writer(buffer);
  writer.int8(-3);
  writer.int16(-300);
  writer.int32(-70'000);
  writer.int64(-5'000'000'000);
  writer.string("topic");
  writer.nullable_string(std::nullopt);
  writer.bytes(as_bytes("\x01\x02"));
  writer.unsigned_varint(300);
  writer.boolean(true);
  ByteReader reader(buffer);
  EXPECT_EQ(reader.int8(), -3);
  EXPECT_EQ(reader.int16(), -300);
  EXPECT_EQ(reader.int32(), -70'000);
  EXPECT_EQ(reader.int64(), -5'000'000'000);
  EXPECT_EQ(reader.string(), "topic");
  EXPECT_EQ(reader.nullable_string(), std::nullopt);
  EXPECT_EQ(as_text(*reader.nullable_bytes()), "\x01\x02");
  EXPECT_EQ(reader.unsigned_varint(), 300u);
  EXPECT_TRUE(reader.boolean());
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
}

// The examples of the protocol buffers page on encoding, which Kafka's varints follow.
TEST(ByteReader, zig_zag) {
  const auto read = [](std::string_view bytes) {
    ByteReader reader(as_bytes(bytes));
    return reader.varlong();
  };
  EXPECT_EQ(read(std::string_view("\x00", 1)), 0);
  EXPECT_EQ(read("\x01"), -1);
  EXPECT_EQ(read("\x02"), 1);
  EXPECT_EQ(read("\xfe\xff\xff\xff\x0f"), INT32_MAX);
  EXPECT_EQ(read("\xff\xff\xff\xff\x0f"), INT32_MIN);
  EXPECT_EQ(read("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), INT64_MAX);
  EXPECT_EQ(read("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), INT64_MIN);
}

TEST(ByteReader, what_is_too_long_or_cut_is_bad_for_good) {
  const std::string_view cases[] = {"", "\x80", "\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\x01"};
  for (const std::string_view bytes : cases) {
    ByteReader reader(as_bytes(bytes));
    EXPECT_EQ(reader.unsigned_varint(), 0u);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.int8(), 0);
    EXPECT_EQ(reader.remaining(), 0u);
  }
  ByteReader overlong(as_bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
  EXPECT_EQ(overlong.unsigned_varlong(), 0u);
  EXPECT_FALSE(overlong.ok());
  ByteReader cut(as_bytes("\x01\x02\x03"));
  EXPECT_EQ(cut.int32(), 0);
  EXPECT_FALSE(cut.ok());
}

TEST(ByteReader, lengths_and_counts_are_held_against_what_remains) {
  ByteReader long_string(as_bytes(std::string_view("\x00\x05hell", 6)));
  EXPECT_EQ(long_string.string(), "");
  EXPECT_FALSE(long_string.ok());
  ByteReader negative(as_bytes("\xff\xfe"));
  EXPECT_EQ(negative.nullable_string(), std::nullopt);
  EXPECT_FALSE(negative.ok());
  ByteReader many(as_bytes(std::string_view("\x7f\xff\xff\xff\x00\x00", 6)));
  EXPECT_EQ(many.array_count(1), 0u);
  EXPECT_FALSE(many.ok());
  ByteReader null_array(as_bytes("\xff\xff\xff\xff"));
  EXPECT_EQ(null_array.array_count(1), 0u);
  EXPECT_TRUE(null_array.ok());
}

}  // namespace
}  // namespace penstock::wire
