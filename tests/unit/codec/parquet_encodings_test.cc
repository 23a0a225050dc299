#include "codec/parquet_encodings.h"

#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::codec::parquet {
namespace {

Buffer bits_of(const std::vector<bool>& bits) {
  Runs runs;
  for (const bool bit : bits) {
    runs.add(bit);
  }
  EXPECT_EQ(runs.count(), bits.size());
  Buffer bytes;
  const std::size_t bound = runs.bytes();
  runs.finish(bytes);
  EXPECT_LE(bytes.size(), bound);
  return bytes;
}

Buffer bytes_of(std::initializer_list<unsigned> values) {
  Buffer bytes;
  for (const unsigned value : values) {
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

TEST(ParquetEncodingsTest, the_example_of_bits_is_what_is_written) {
  std::vector<bool> bits{false, true, false};
  bits.insert(bits.end(), 100, true);
  EXPECT_EQ(bits_of(bits), bytes_of({0x03, 0xfa, 0xbe, 0x01, 0x01}));
}

TEST(ParquetEncodingsTest, bits_are_read_as_they_were_written) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<bool> bits;
    const std::size_t stretches = random() % 40;
    for (std::size_t i = 0; i < stretches; ++i) {
      bits.insert(bits.end(), random() % 3 == 0 ? random() % 600 : random() % 10, random() % 2 == 0);
    }
    EXPECT_EQ(read_runs(bits_of(bits), bits.size(), 1), std::vector<std::uint16_t>(bits.begin(), bits.end()))
        << round;
  }
}

TEST(ParquetEncodingsTest, numbers_of_any_width_are_read_as_they_were_written) {
  std::mt19937 random(8);
  for (unsigned width = 1; width <= Runs::k_width_max; ++width) {
    for (int round = 0; round < 60; ++round) {
      std::vector<std::uint16_t> numbers;
      const std::size_t stretches = random() % 40;
      for (std::size_t i = 0; i < stretches; ++i) {
        const auto number = static_cast<std::uint16_t>(random() % (1U << width));
        numbers.insert(numbers.end(), random() % 3 == 0 ? random() % 600 : random() % 3, number);
      }
      Runs runs(width);
      for (const std::uint16_t number : numbers) {
        runs.add(number);
      }
      const std::size_t bound = runs.bytes();
      Buffer bytes;
      runs.finish(bytes);
      EXPECT_LE(bytes.size(), bound);
      EXPECT_EQ(read_runs(bytes, numbers.size(), width), numbers) << width;
      EXPECT_FALSE(read_runs(bytes, numbers.size() + 8, width).has_value());
    }
  }
  EXPECT_FALSE(read_runs(bytes_of({0x10, 0x04}), 8, 2).has_value());  // 4 in two bits
  EXPECT_FALSE(read_runs(bytes_of({0x10, 0x00}), 8, 0).has_value());
}

TEST(ParquetEncodingsTest, equal_bits_may_be_added_together) {
  std::mt19937 random(8);
  for (int round = 0; round < 300; ++round) {
    std::vector<bool> bits;
    Runs runs;
    for (std::size_t stretches = random() % 40; stretches > 0; --stretches) {
      const std::size_t times = random() % 3 == 0 ? random() % 600 : random() % 10;
      const bool bit = random() % 2 == 0;
      runs.add(bit, times);
      bits.insert(bits.end(), times, bit);
    }
    EXPECT_EQ(runs.count(), bits.size());
    Buffer bytes;
    runs.finish(bytes);
    EXPECT_EQ(bytes, bits_of(bits)) << round;
  }
}

TEST(ParquetEncodingsTest, bits_that_are_fewer_or_more_than_told_are_none) {
  const Buffer bytes = bits_of(std::vector<bool>(100, true));
  EXPECT_TRUE(read_runs(bytes, 100, 1).has_value());
  EXPECT_FALSE(read_runs(bytes, 99, 1).has_value());
  EXPECT_FALSE(read_runs(bytes, 101, 1).has_value());
  EXPECT_FALSE(read_runs(bytes_of({0x00, 0x01}), 1, 1).has_value());  // a run of nothing
  EXPECT_FALSE(read_runs(bytes_of({0x10, 0x02}), 8, 1).has_value());  // a bit that is 2
}

TEST(ParquetEncodingsTest, the_example_of_numbers_is_what_is_written) {
  DeltaPacked<std::int64_t> packed;
  for (const std::int64_t value : {7, 8, 9}) {
    packed.add(value);
  }
  Buffer bytes;
  packed.finish(bytes);
  EXPECT_EQ(bytes, bytes_of({0x80, 0x01, 0x04, 0x03, 0x0e, 0x02, 0x00, 0x00, 0x00, 0x00}));
}

template <class Int>
void expect_read_back(const std::vector<Int>& values) {
  DeltaPacked<Int> packed;
  for (const Int value : values) {
    packed.add(value);
  }
  EXPECT_EQ(packed.count(), values.size());
  Buffer bytes;
  packed.finish(bytes);
  EXPECT_EQ(read_delta_packed<Int>(bytes, values.size()), values);
  EXPECT_FALSE(read_delta_packed<Int>(bytes, values.size() + 1).has_value());
  for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 64) {
    EXPECT_FALSE(read_delta_packed<Int>(Bytes(bytes).first(size), values.size()).has_value()) << size;
  }
}

TEST(ParquetEncodingsTest, numbers_are_read_as_they_were_written) {
  std::mt19937_64 random(7);
  for (const std::size_t count : {0, 1, 2, 32, 33, 34, 128, 129, 130, 161, 1000}) {
    for (unsigned width = 0; width < 64; width += 3) {
      std::vector<std::int64_t> wide;
      std::vector<std::int32_t> narrow;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t drawn = random() & ((std::uint64_t{1} << width) - 1);
        wide.push_back(static_cast<std::int64_t>(drawn));
        narrow.push_back(static_cast<std::int32_t>(drawn));
      }
      expect_read_back(wide);
      expect_read_back(narrow);
    }
  }
}

TEST(ParquetEncodingsTest, differences_that_overflow_wrap_around) {
  using Wide = std::numeric_limits<std::int64_t>;
  using Narrow = std::numeric_limits<std::int32_t>;
  expect_read_back<std::int64_t>({Wide::min(), Wide::max(), Wide::min(), 0, Wide::max(), -1});
  expect_read_back<std::int32_t>({Narrow::min(), Narrow::max(), Narrow::min(), 0, Narrow::max(), -1});
}

}  // namespace
}  // namespace penstock::codec::parquet
