#include "codec/parquet_pages.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec/decompressor.h"

namespace penstock::codec::parquet {
namespace {

constexpr Codec k_codecs[] = {Codec::none, Codec::snappy, Codec::zstd};

std::string plain_of(Codec codec, Bytes stored) {
  if (codec == Codec::none) {
    return std::string(as_text(stored));
  }
  Decompressor decompressor(std::size_t{8} << 20);
  const Result<Bytes> plain = decompressor.decompress(
      codec == Codec::zstd ? CompressedFormat::zstd : CompressedFormat::snappy, stored);
  return plain.ok() ? std::string(as_text(*plain)) : "it does not decompress: " + plain.error().message;
}

TEST(ParquetPagesTest, the_checksum_is_that_of_gzip) {
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xCBF43926U);
  EXPECT_EQ(crc32(as_bytes("56789"), crc32(as_bytes("1234"))), 0xCBF43926U);
}

TEST(ParquetPagesTest, a_header_is_read_as_it_was_written) {
  const PageHeader data{.plain_bytes = 1'000'000'000,
                        .stored_bytes = 2'000'000'000,
                        .crc = 0xffffffff,
                        .values = 70'000,
                        .encoding = Encoding::delta_binary_packed};
  const PageHeader dictionary{.is_dictionary = true, .plain_bytes = 20, .stored_bytes = 10, .values = 2};
  for (const PageHeader& header : {data, dictionary}) {
    Buffer bytes;
    append_page_header(bytes, header);
    EXPECT_LE(bytes.size(), k_page_header_bytes_max);
    bytes.push_back(std::byte{0x15});  // the body begins
    const Result<ReadPageHeader> read = read_page_header(bytes);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->bytes, bytes.size() - 1);
    EXPECT_EQ(read->header.is_dictionary, header.is_dictionary);
    EXPECT_EQ(read->header.plain_bytes, header.plain_bytes);
    EXPECT_EQ(read->header.stored_bytes, header.stored_bytes);
    EXPECT_EQ(read->header.crc, header.crc);
    EXPECT_EQ(read->header.values, header.values);
    EXPECT_EQ(read->header.encoding, header.encoding);
    for (std::size_t size = 0; size < read->bytes; ++size) {
      EXPECT_FALSE(read_page_header(Bytes(bytes).first(size)).ok()) << size;
    }
  }
}

TEST(ParquetPagesTest, a_page_that_is_compressed_is_the_same_again) {
  for (const Codec codec : k_codecs) {
    PageCompressor compressor(codec);
    for (const std::size_t size : {0, 1, 1000, 300'000, 20}) {
      std::string page;
      while (page.size() < size) {
        page += "{\"id\": " + std::to_string(page.size() * 7919) + "}";
      }
      page.resize(size);
      EXPECT_EQ(plain_of(codec, compressor.compress(as_bytes(page))), page)
          << to_string(codec) << " " << size;
    }
  }
}

// What a row that is larger than a slab becomes, made run by run.
std::string stored(const StoredBody& body, std::string_view plain) {
  Buffer bytes;
  for (std::uint32_t at = 0; at < plain.size();) {
    body.append_mark(bytes, at);
    const Bytes run = as_bytes(plain).subspan(at, body.run(at));
    bytes.insert(bytes.end(), run.begin(), run.end());
    at += static_cast<std::uint32_t>(run.size());
  }
  return std::string(as_text(bytes));
}

TEST(ParquetPagesTest, a_body_that_is_stored_as_it_is_decompresses_and_has_the_length_and_checksum_told) {
  for (const Codec codec : k_codecs) {
    for (const std::size_t size : {1, 10, 131'071, 131'072, 131'073, 500'000, 3'000'000}) {
      std::string plain(size, 'x');
      for (std::size_t i = 0; i < size; i += 97) {
        plain[i] = static_cast<char>(i);
      }
      const StoredBody body(codec, static_cast<std::uint32_t>(size));
      const std::string bytes = stored(body, plain);
      EXPECT_EQ(bytes.size(), body.stored_bytes()) << to_string(codec) << " " << size;
      EXPECT_TRUE(plain_of(codec, as_bytes(bytes)) == plain) << to_string(codec) << " " << size;
      const std::size_t front = std::min<std::size_t>(size, 10);
      EXPECT_EQ(body.crc(as_bytes(plain).first(front), as_bytes(plain).subspan(front)),
                crc32(as_bytes(bytes)))
          << to_string(codec) << " " << size;
    }
  }
}

}  // namespace
}  // namespace penstock::codec::parquet
