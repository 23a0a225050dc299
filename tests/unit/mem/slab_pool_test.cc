#include "mem/slab_pool.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::mem {
namespace {

constexpr std::size_t k_slab_bytes = 3 * k_slab_alignment;

std::unique_ptr<SlabPool> make_pool(std::size_t slab_count) {
  auto pool = SlabPool::create(slab_count, k_slab_bytes);
  EXPECT_TRUE(pool.ok());
  return std::move(pool).value();
}

TEST(SlabPool, lends_every_slab_once_aligned_and_inside_the_region) {
  const auto pool = make_pool(5);
  std::vector<Slab> slabs;
  for (std::size_t i = 0; i < 5; ++i) {
    slabs.push_back(pool->acquire());
    ASSERT_TRUE(slabs.back());
    EXPECT_EQ(slabs.back().size(), k_slab_bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slabs.back().data()) % k_slab_alignment, 0U);
    EXPECT_GE(slabs.back().data(), pool->region().data());
    EXPECT_LE(slabs.back().data() + k_slab_bytes, pool->region().data() + pool->region().size());
    std::memset(slabs.back().data(), static_cast<int>(i), k_slab_bytes);
  }
  for (std::size_t i = 0; i < 5; ++i) {  // nobody wrote over a neighbour
    EXPECT_EQ(slabs[i].bytes().front(), std::byte(i));
    EXPECT_EQ(slabs[i].bytes().back(), std::byte(i));
  }
}

TEST(SlabPool, an_empty_slab_says_that_none_is_free) {
  const auto pool = make_pool(1);
  Slab only = pool->acquire();
  EXPECT_EQ(pool->free_count(), 0U);
  EXPECT_FALSE(pool->acquire());
  only.reset();
  EXPECT_FALSE(only);
  EXPECT_EQ(only.size(), 0U);
  EXPECT_EQ(pool->free_count(), 1U);
  EXPECT_TRUE(pool->acquire());
}

TEST(SlabPool, lends_the_most_recently_returned_first) {
  const auto pool = make_pool(3);
  Slab a = pool->acquire();
  Slab b = pool->acquire();
  std::byte* const of_a = a.data();
  b.reset();
  a.reset();
  EXPECT_EQ(pool->acquire().data(), of_a);
}

TEST(Slab, moving_hands_over_and_returns_what_was_held) {
  const auto pool = make_pool(2);
  Slab a = pool->acquire();
  Slab b = pool->acquire();
  std::byte* const of_a = a.data();
  b = std::move(a);
  EXPECT_EQ(b.data(), of_a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): that it is empty is the contract
  EXPECT_EQ(pool->free_count(), 1U);
  Slab c(std::move(b));
  EXPECT_EQ(c.data(), of_a);
  EXPECT_EQ(pool->free_count(), 1U);
}

TEST(SlabPool, more_memory_than_there_is_is_an_error) {
  const std::size_t too_many = std::numeric_limits<std::size_t>::max() / k_slab_bytes;
  const auto pool = SlabPool::create(too_many, k_slab_bytes);
  ASSERT_FALSE(pool.ok());
  EXPECT_EQ(pool.error().code, "ENOMEM");
  EXPECT_NE(pool.error().message.find("runtime.memory"), std::string::npos);
  EXPECT_FALSE(SlabPool::create(too_many, 2 * k_slab_bytes).ok());  // the product overflows
}

TEST(SlabPoolDeathTest, a_slab_that_outlives_its_pool_is_a_bug) {
  EXPECT_DEATH(
      {
        auto pool = make_pool(1);
        Slab slab = pool->acquire();
        pool.reset();
      },
      "CHECK");
}

#if defined(__SANITIZE_ADDRESS__)
TEST(SlabPoolDeathTest, use_after_return_is_seen_by_the_address_sanitizer) {
  const auto pool = make_pool(1);
  Slab slab = pool->acquire();
  std::byte* const bytes = slab.data();
  slab.reset();
  EXPECT_DEATH(bytes[7] = std::byte{1}, "use-after-poison");
}
#endif

}  // namespace
}  // namespace penstock::mem
