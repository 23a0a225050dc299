#include "codec/parquet_chunk.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::codec::parquet {
namespace {

// Half of what these texts have in common is longer than a word of the processor.
std::string some_text(std::mt19937& random) {
  constexpr std::string_view k_letters("\0\x01zz\x80\xff", 6);
  std::string text = random() % 2 == 0 ? std::string() : std::string("the same front", random() % 15);
  for (std::size_t count = random() % 12; count > 0; --count) {
    text += k_letters[random() % k_letters.size()];
  }
  return text;
}

TEST(ParquetExtentTest, the_bounds_of_texts_are_the_least_and_the_greatest) {
  std::mt19937 random(16);
  for (int round = 0; round < 2'000; ++round) {
    Extent extent(Order::bytes);
    std::vector<std::string> texts(1 + random() % 12);
    for (std::string& text : texts) {
      text = some_text(random);
      extent.add(text, text.size());
    }
    const auto [least, greatest] = std::minmax_element(texts.begin(), texts.end());
    const std::optional<Bounds> bounds = extent.bounds();
    ASSERT_TRUE(bounds);
    EXPECT_EQ(bounds->least, *least) << round;
    EXPECT_EQ(bounds->greatest, *greatest) << round;
    EXPECT_TRUE(bounds->least_is_exact && bounds->greatest_is_exact);
  }
}

TEST(ParquetExtentTest, a_cut_text_among_its_like_is_told_as_cut) {
  const std::string front(Extent::k_bytes_max, 'k');
  Extent extent(Order::bytes);
  extent.add("a", 1);
  extent.add(front, front.size());
  extent.add(front + "x", front.size() + 1);
  const std::optional<Bounds> bounds = extent.bounds();
  ASSERT_TRUE(bounds);
  EXPECT_EQ(bounds->least, "a");
  EXPECT_EQ(bounds->greatest, front.substr(1) + "l");  // the last letter is raised
  EXPECT_FALSE(bounds->greatest_is_exact);
}

std::string plain(double value) {
  const std::string_view bytes(reinterpret_cast<const char*>(&value), sizeof(value));
  return std::string(bytes);
}

TEST(ParquetExtentTest, nan_is_no_bound_and_infinities_are) {
  constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double k_infinity = std::numeric_limits<double>::infinity();
  Extent none(Order::float64);
  none.add(k_nan);
  EXPECT_FALSE(none.bounds());

  for (const double value : {k_infinity, -k_infinity, 2.5, -2.5}) {
    Extent one(Order::float64);
    one.add(k_nan);
    one.add(value);
    one.add(k_nan);
    const std::optional<Bounds> bounds = one.bounds();
    ASSERT_TRUE(bounds);
    EXPECT_EQ(bounds->least, plain(value));
    EXPECT_EQ(bounds->greatest, plain(value));
  }
}

TEST(ParquetExtentTest, the_only_number_is_both_bounds) {
  for (const std::int64_t value : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
    Extent one(Order::int64);
    one.add(value);
    const std::optional<Bounds> bounds = one.bounds();
    ASSERT_TRUE(bounds);
    EXPECT_EQ(bounds->least, bounds->greatest);
    EXPECT_EQ(read_little(as_bytes(bounds->least)), static_cast<std::uint64_t>(value));
  }
}

}  // namespace
}  // namespace penstock::codec::parquet
