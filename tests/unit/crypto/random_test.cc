#include "crypto/random.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::crypto {
namespace {

TEST(Random, numbers_do_not_repeat) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    seen.insert(random_u64());
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(Random, fills_all_of_a_long_buffer) {
  std::vector<std::byte> bytes(1 << 16);  // past the 256 bytes that getrandom always gives in one call
  random_bytes(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += 4096) {
    const auto page = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    EXPECT_TRUE(std::any_of(page, page + 4096, [](std::byte b) { return b != std::byte{0}; })) << at;
  }
}

TEST(Random, an_empty_buffer_is_left_alone) {
  random_bytes({});
}

}  // namespace
}  // namespace penstock::crypto
