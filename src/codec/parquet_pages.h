// The pages of a Parquet file: their header, and how their bodies are compressed. Pure but for the memory of
// a compressor.
//
// Of the format's many kinds of page we write two: data pages of version 1, and dictionary pages. Each header
// has the CRC-32 (gzip's) of the body as it is stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <penstock/result.h>

#include "base/types.h"
#include "codec/parquet_encodings.h"

namespace penstock::codec::parquet {

// As the format numbers them.
enum class Codec : std::uint8_t { none = 0, snappy = 1, zstd = 6 };
enum class Encoding : std::uint8_t { plain = 0, rle = 3, delta_binary_packed = 5, rle_dictionary = 8 };

std::string_view to_string(Codec codec);

struct PageHeader {
  bool is_dictionary = false;
  std::uint32_t plain_bytes = 0;
  std::uint32_t stored_bytes = 0;
  std::optional<std::uint32_t> crc = {};
  std::uint32_t values = 0;  // nulls count
  Encoding encoding = Encoding::plain;
};

// A header has at most this many bytes, as we write it.
inline constexpr std::size_t k_page_header_bytes_max = 64;

void append_page_header(Buffer& to, const PageHeader& header);

// The header at the front of the bytes, and how long it is. Error corrupt: it is none, or of a kind that we
// do not write.
struct ReadPageHeader {
  PageHeader header;
  std::size_t bytes = 0;
};
Result<ReadPageHeader> read_page_header(Bytes bytes);

// CRC-32, of gzip and of Parquet's pages: crc32("123456789") == 0xCBF43926. Goes on where another ended.
std::uint32_t crc32(Bytes bytes, std::uint32_t before = 0);

// Compresses pages, one after the other. Its memory: of zstd 1.4 MB at level 1, and room for the largest page
// so far.
class PageCompressor {
 public:
  explicit PageCompressor(Codec codec);
  ~PageCompressor();
  PageCompressor(const PageCompressor&) = delete;
  PageCompressor& operator=(const PageCompressor&) = delete;

  Codec codec() const { return codec_; }
  // Valid until the next call. With Codec::none it is `page` itself.
  Bytes compress(Bytes page);

 private:
  struct Context;
  void reserve(std::size_t bytes);

  Codec codec_;
  std::size_t room_ = 0;
  std::unique_ptr<std::byte[]> out_;
  std::unique_ptr<Context> context_;
};

// A body that a reader takes for a compressed one, and that holds its bytes as they are: for a page that is
// too large to be compressed in memory. Its length is known before its bytes are.
//
//   zstd     one frame of raw blocks: 28 b5 2f fd a0 <length, 4>, and in front of each 128 KiB three bytes:
//            (size << 3 | last)
//   snappy   varint(length) fc <length - 1, 4>: one literal
//   none     the bytes
class StoredBody {
 public:
  // At least one byte (CHECK).
  StoredBody(Codec codec, std::uint32_t plain_bytes) : codec_(codec), plain_bytes_(plain_bytes) {}

  std::uint32_t stored_bytes() const;
  // What stands in front of the byte `at` of the plain ones, if anything does.
  void append_mark(Buffer& to, std::uint32_t at) const;
  // How many bytes follow the byte `at` before the next mark, itself counted.
  std::uint32_t run(std::uint32_t at) const;
  // Of all of it, where the plain bytes are `front` and then `rest`.
  std::uint32_t crc(Bytes front, Bytes rest) const;

 private:
  Codec codec_;
  std::uint32_t plain_bytes_;
};

}  // namespace penstock::codec::parquet
