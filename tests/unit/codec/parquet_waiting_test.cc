#include "codec/parquet_waiting.h"

#include <string>

#include <gtest/gtest.h>

#include "codec/parquet_pages.h"

namespace penstock::codec::parquet {
namespace {

constexpr std::size_t k_page_bytes = std::size_t{64} * 1024;

// A page may have to be written without the dictionary, when that has no place for one word more.
TEST(WaitingColumnTest, a_page_of_words_is_full_when_it_would_be_without_a_dictionary) {
  WaitingColumn column({.name = "a", .optional = true}, {.finds_words = true});
  const std::string large(30'000, 'x');
  std::size_t added = 0;
  while (!column.page_is_full()) {
    ASSERT_LT(added, 10U);
    column.add(large);
    ++added;
  }
  EXPECT_EQ(added, 3U);
  EXPECT_GE(column.bytes(), added * large.size());
}

TEST(WaitingColumnTest, words_that_are_given_up_take_no_more_than_was_counted) {
  PageCompressor compressor(Codec::none);
  WaitingColumn column({.name = "a", .optional = true}, {.finds_words = true});
  std::size_t counted = 0;
  for (int i = 0; i < 5'000; ++i) {
    column.add(std::string(20'000, i < 4'000 ? 'x' : static_cast<char>('a' + i % 26)));
    counted = column.bytes();
    if (column.page_is_full()) {
      column.end_page(compressor);
    }
    // Ending a page and going on without a dictionary adds its header, and what a buffer has in reserve.
    ASSERT_LE(column.bytes(), 2 * counted + 2 * k_page_bytes) << i;
  }
  Buffer pages;
  const Chunk chunk = column.finish(0, compressor, pages);
  EXPECT_GT(pages.size(), 900U * 20'000);
  EXPECT_LT(pages.size(), 1'100U * 20'000) << "the equal ones are words";
  (void)chunk;
}

}  // namespace
}  // namespace penstock::codec::parquet
