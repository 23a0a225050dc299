#include "codec/checksum.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::codec {
namespace {

TEST(Crc32c, gives_the_values_that_are_published) {
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\0'))), 0x8A9136AAU);    // RFC 3720, B.4
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\xFF'))), 0x62A8AB43U);  // RFC 3720, B.4
}

TEST(Crc32c, pieces_chain_to_the_checksum_of_the_whole) {
  const std::string text = "the quick brown fox jumps over the lazy dog, again and again and again";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::uint32_t front = crc32c(as_bytes(text).first(cut));
    EXPECT_EQ(crc32c(as_bytes(text).subspan(cut), front), crc32c(as_bytes(text)));
  }
}

}  // namespace
}  // namespace penstock::codec
