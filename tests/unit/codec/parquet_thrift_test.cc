#include "codec/parquet_thrift.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::codec::parquet {
namespace {

std::string hex(const std::vector<std::byte>& bytes) {
  constexpr const char* k_digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += k_digits[static_cast<unsigned>(byte) >> 4];
    text += k_digits[static_cast<unsigned>(byte) & 15U];
  }
  return text;
}

TEST(ParquetThriftTest, the_example_of_the_header_is_what_is_written) {
  std::vector<std::byte> bytes;
  ThriftWriter out(bytes);
  out.int32(1, 5);
  out.binary(3, "ab");
  out.end();
  EXPECT_EQ(hex(bytes), "150a2802616200");
}

std::vector<std::byte> nested() {
  std::vector<std::byte> bytes;
  ThriftWriter out(bytes);
  out.int64(1, -1);
  out.boolean(2, true);
  out.begin(20);  // further than 15 from the field before
  out.binary(1, "inside");
  out.end();
  out.begin_list(21, ThriftType::structure, 20);  // a count that follows
  for (std::int64_t i = 0; i < 20; ++i) {
    out.begin_element();
    out.int64(1, i * 1'000'000'007);
    out.end();
  }
  out.int16(22, 7);
  out.end();
  return bytes;
}

TEST(ParquetThriftTest, what_is_written_is_read_and_what_is_not_wanted_is_skipped) {
  const std::vector<std::byte> bytes = nested();
  ThriftReader in(bytes);
  std::vector<std::int64_t> numbers;
  std::int64_t first = 0;
  std::int64_t last = 0;
  while (const auto field = in.next()) {
    if (field->id == 1) {
      first = in.integer(*field);
    } else if (field->id == 21) {
      const ThriftReader::List list = in.list(*field);
      for (std::size_t i = 0; i < list.count; ++i) {
        in.enter(list.element);
        while (const auto inner = in.next()) {
          numbers.push_back(in.integer(*inner));
        }
      }
    } else if (field->id == 22) {
      last = in.integer(*field);
    } else {
      in.skip(*field);
    }
  }
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(in.position(), bytes.size());
  EXPECT_EQ(first, -1);
  EXPECT_EQ(last, 7);
  ASSERT_EQ(numbers.size(), 20U);
  EXPECT_EQ(numbers.back(), 19 * std::int64_t{1'000'000'007});
}

TEST(ParquetThriftTest, bytes_that_are_cut_anywhere_are_a_fault) {
  const std::vector<std::byte> bytes = nested();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ThriftReader in(Bytes(bytes).first(size));
    while (const auto field = in.next()) {
      in.skip(*field);
    }
    EXPECT_TRUE(in.failed()) << size;
  }
}

TEST(ParquetThriftTest, structures_that_lie_too_deep_are_a_fault) {
  const std::vector<std::byte> bytes(1000, std::byte{0x1c});  // each field is a structure
  ThriftReader in(bytes);
  while (const auto field = in.next()) {
    in.skip(*field);
  }
  EXPECT_TRUE(in.failed());
}

}  // namespace
}  // namespace penstock::codec::parquet
