#include "codec/checksum.h"

#include <cstddef>
#include <string>

#include <gtest/gtest.h>

#include "codec/crc64_nvme.h"
#include "unit/codec/sample_texts.h"

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

TEST(Crc32c, of_two_pieces_is_made_of_those_of_each) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{70}, std::size_t{100'003}}) {
    const std::string text = noise(size);
    for (const std::size_t cut : {std::size_t{0}, size / 3, size - size / 7, size}) {
      const Bytes front = as_bytes(text).first(cut);
      const Bytes back = as_bytes(text).subspan(cut);
      EXPECT_EQ(crc32c_joined(crc32c(front), crc32c(back), back.size()), crc32c(as_bytes(text)))
          << cut << " of " << size;
    }
  }
}

// A bit at a time, as the definition reads.
std::uint64_t crc64_by_definition(Bytes bytes, std::uint64_t before) {
  std::uint64_t crc = before;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint64_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x9A6C9329AC4BC9B5U : 0U);
    }
  }
  return crc;
}

TEST(Crc64Nvme, gives_the_values_that_are_published) {
  EXPECT_EQ(crc64_nvme({}), 0U);
  EXPECT_EQ(crc64_nvme(as_bytes("123456789")), 0xAE8B14860A799888U);
  // NVM Express, NVM Command Set Specification: 4 KiB of zeros, of ones, and 0, 1, 2 and so on.
  EXPECT_EQ(crc64_nvme(as_bytes(std::string(4096, '\0'))), 0x6482D367EB22B64EU);
  EXPECT_EQ(crc64_nvme(as_bytes(std::string(4096, '\xFF'))), 0xC0DDBA7302ECA3ACU);
  std::string rising(4096, '\0');
  for (std::size_t i = 0; i < rising.size(); ++i) {
    rising[i] = static_cast<char>(i);
  }
  EXPECT_EQ(crc64_nvme(as_bytes(rising)), 0x3E729F5F6750449CU);
}

TEST(Crc64Nvme, every_way_agrees_with_the_definition_at_every_length_and_alignment) {
  const std::string text = noise(2100 + 16);
  const Bytes bytes = as_bytes(text);
  for (std::size_t offset = 0; offset < 16; ++offset) {
    const std::uint64_t before = 0x0123456789ABCDEF * offset;
    for (std::size_t size = 0; size <= 2100; size += size < 512 ? 1 : 37) {
      const Bytes piece = bytes.subspan(offset, size);
      const std::uint64_t wanted = crc64_by_definition(piece, before);
      for (const Crc64Way& way : crc64_nvme_ways()) {
        ASSERT_EQ(way.sum(piece, before), wanted)
            << way.name << " at " << offset << " of " << size << " bytes";
      }
    }
  }
  if (crc64_nvme_ways().size() < 3) {
    GTEST_SKIP() << "this processor has only " << crc64_nvme_ways().size()
                 << " of the 3 ways: the others were not tried";
  }
}

TEST(Crc64Nvme, pieces_chain_to_the_checksum_of_the_whole) {
  const std::string text = noise(100'003);
  const Bytes bytes = as_bytes(text);
  const std::uint64_t whole = crc64_nvme(bytes);
  EXPECT_EQ(whole, ~crc64_by_definition(bytes, ~std::uint64_t{0}));
  for (std::size_t cut = 0; cut <= bytes.size(); cut += cut < 300 ? 1 : 7919) {
    const std::uint64_t front = crc64_nvme(bytes.first(cut));
    ASSERT_EQ(crc64_nvme(bytes.subspan(cut), front), whole) << cut;
  }
}

}  // namespace
}  // namespace penstock::codec
