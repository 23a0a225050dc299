// How it works. A page's header is a structure of Thrift with a structure within it, of the kind of page. It
// is read field by field, and what we do not write is an error. A body is compressed as a whole. One that is
// too large for that is stored in the codec's own form for bytes as they are (StoredBody).
//
// For example, a value of 300,000 bytes under zstd: a frame's head of 9 bytes, then three raw blocks of
// 131,072, 131,072 and 37,856 bytes, each behind three bytes of its size. The last one is marked as such. So
// the page has 300,018 bytes, which is known before the first of them is there.
#include "codec/parquet_pages.h"

#include <algorithm>

#include <isa-l/crc.h>
#include <snappy.h>
#include <zstd.h>

#include "base/check.h"
#include "codec/parquet_thrift.h"

namespace penstock::codec::parquet {
namespace {

// parquet.thrift: PageHeader and what lies in it.
constexpr std::int64_t k_data_page = 0;
constexpr std::int64_t k_dictionary_page = 2;
constexpr std::int16_t k_data_page_field = 5;
constexpr std::int16_t k_dictionary_page_field = 7;

constexpr std::uint32_t k_raw_block_bytes = 128 * 1024;
constexpr std::uint32_t k_zstd_head_bytes = 9;
constexpr std::uint32_t k_zstd_block_head_bytes = 3;
constexpr std::uint32_t k_snappy_literal_bytes = 5;

std::uint32_t varint_bytes(std::uint32_t value) {
  std::uint32_t bytes = 1;
  for (; value >= 0x80; value >>= 7) {
    ++bytes;
  }
  return bytes;
}

Error not_a_page(const char* why) {
  return make_error(ErrorKind::corrupt, Action::give_up, std::string("a page of the Parquet file ") + why);
}

// What DataPageHeader and DictionaryPageHeader share: 1 the number of values, 2 the encoding.
void read_kind(ThriftReader& in, PageHeader& header, bool& levels_known) {
  std::int64_t encoding = -1;
  std::int64_t values = -1;
  while (const auto field = in.next()) {
    if (field->id == 1) {
      values = in.integer(*field);
    } else if (field->id == 2) {
      encoding = in.integer(*field);
    } else if (!header.is_dictionary && (field->id == 3 || field->id == 4)) {
      levels_known = in.integer(*field) == static_cast<std::int64_t>(Encoding::rle) && levels_known;
    } else {
      in.skip(*field);
    }
  }
  levels_known =
      levels_known && values >= 0 && (encoding == 0 || encoding == 3 || encoding == 5 || encoding == 8);
  header.values = static_cast<std::uint32_t>(std::max<std::int64_t>(values, 0));
  header.encoding = levels_known ? static_cast<Encoding>(encoding) : Encoding::plain;
}

}  // namespace

std::string_view to_string(Codec codec) {
  switch (codec) {
    case Codec::none:
      return "none";
    case Codec::snappy:
      return "snappy";
    case Codec::zstd:
      return "zstd";
  }
  return "?";
}

// Headers

void append_page_header(Buffer& to, const PageHeader& header) {
  ThriftWriter out(to);
  out.int32(1, header.is_dictionary ? k_dictionary_page : k_data_page);
  out.int32(2, header.plain_bytes);
  out.int32(3, header.stored_bytes);
  if (header.crc) {
    out.int32(4, static_cast<std::int32_t>(*header.crc));
  }
  out.begin(header.is_dictionary ? k_dictionary_page_field : k_data_page_field);
  out.int32(1, header.values);
  out.int32(2, static_cast<std::int64_t>(header.encoding));
  if (!header.is_dictionary) {
    out.int32(3, static_cast<std::int64_t>(Encoding::rle));  // of the definition levels
    out.int32(4, static_cast<std::int64_t>(Encoding::rle));  // of the repetition levels
  }
  out.end();
  out.end();
}

Result<ReadPageHeader> read_page_header(Bytes bytes) {
  ThriftReader in(bytes);
  PageHeader header;
  std::int64_t kind = -1;
  std::int64_t plain_bytes = -1;
  std::int64_t stored_bytes = -1;
  bool is_known = true;
  std::int64_t told = -1;
  while (const auto field = in.next()) {
    if (field->id == 1) {
      kind = in.integer(*field);
      header.is_dictionary = kind == k_dictionary_page;
    } else if (field->id == 2) {
      plain_bytes = in.integer(*field);
    } else if (field->id == 3) {
      stored_bytes = in.integer(*field);
    } else if (field->id == 4) {
      header.crc = static_cast<std::uint32_t>(in.integer(*field));
    } else if (field->id == k_data_page_field || field->id == k_dictionary_page_field) {
      told = field->id;
      in.enter(*field);
      read_kind(in, header, is_known);
    } else {
      in.skip(*field);
    }
  }
  if (in.failed() || plain_bytes < 0 || stored_bytes < 0) {
    return not_a_page("has no header");
  }
  if (!is_known || (kind != k_data_page && kind != k_dictionary_page) ||
      told != (header.is_dictionary ? k_dictionary_page_field : k_data_page_field)) {
    return not_a_page("is of a kind that penstock does not write");
  }
  header.plain_bytes = static_cast<std::uint32_t>(plain_bytes);
  header.stored_bytes = static_cast<std::uint32_t>(stored_bytes);
  return ReadPageHeader{.header = header, .bytes = in.position()};
}

std::uint32_t crc32(Bytes bytes, std::uint32_t before) {
  return crc32_gzip_refl(before, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

// Compression

struct PageCompressor::Context {
  ZSTD_CCtx* zstd = nullptr;
};

// Level 1 with a window of 512 KiB, as files of lines have it. There is no checksum: the page has one.
PageCompressor::PageCompressor(Codec codec) : codec_(codec), context_(std::make_unique<Context>()) {
  if (codec == Codec::zstd) {
    constexpr int k_window_log = 19;
    context_->zstd = ZSTD_createCCtx();
    CHECK(context_->zstd != nullptr);
    CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context_->zstd, ZSTD_c_compressionLevel, 1)) == 0U);
    CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context_->zstd, ZSTD_c_windowLog, k_window_log)) == 0U);
  }
}

PageCompressor::~PageCompressor() {
  ZSTD_freeCCtx(context_->zstd);
}

void PageCompressor::reserve(std::size_t bytes) {
  if (bytes > room_) {
    out_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
    room_ = bytes;
  }
}

Bytes PageCompressor::compress(Bytes page) {
  switch (codec_) {
    case Codec::none:
      break;
    case Codec::snappy: {
      std::size_t bytes = 0;
      reserve(snappy::MaxCompressedLength(page.size()));
      snappy::RawCompress(reinterpret_cast<const char*>(page.data()), page.size(),
                          reinterpret_cast<char*>(out_.get()), &bytes);
      return {out_.get(), bytes};
    }
    case Codec::zstd: {
      reserve(ZSTD_compressBound(page.size()));
      const std::size_t bytes = ZSTD_compress2(context_->zstd, out_.get(), room_, page.data(), page.size());
      CHECK(ZSTD_isError(bytes) == 0U);
      return {out_.get(), bytes};
    }
  }
  return page;
}

// Stored as they are

std::uint32_t StoredBody::stored_bytes() const {
  switch (codec_) {
    case Codec::none:
      break;
    case Codec::snappy:
      return varint_bytes(plain_bytes_) + k_snappy_literal_bytes + plain_bytes_;
    case Codec::zstd:
      return k_zstd_head_bytes +
             (plain_bytes_ + k_raw_block_bytes - 1) / k_raw_block_bytes * k_zstd_block_head_bytes +
             plain_bytes_;
  }
  return plain_bytes_;
}

void StoredBody::append_mark(Buffer& to, std::uint32_t at) const {
  if (codec_ == Codec::snappy && at == 0) {
    std::uint32_t length = plain_bytes_;
    for (; length >= 0x80; length >>= 7) {
      to.push_back(static_cast<std::byte>(length | 0x80));
    }
    to.push_back(static_cast<std::byte>(length));
    to.push_back(std::byte{0xfc});
    append_uint32(to, plain_bytes_ - 1);
  }
  if (codec_ != Codec::zstd || at % k_raw_block_bytes != 0) {
    return;
  }
  if (at == 0) {
    append_uint32(to, 0xFD2FB528);
    to.push_back(std::byte{0xa0});  // a single segment, whose length has four bytes
    append_uint32(to, plain_bytes_);
  }
  const std::uint32_t block = std::min(k_raw_block_bytes, plain_bytes_ - at);
  const std::uint32_t head = block << 3 | (at + block == plain_bytes_ ? 1U : 0U);
  for (unsigned i = 0; i < k_zstd_block_head_bytes; ++i) {
    to.push_back(static_cast<std::byte>(head >> (8 * i)));
  }
}

std::uint32_t StoredBody::run(std::uint32_t at) const {
  const std::uint32_t left = plain_bytes_ - at;
  return codec_ == Codec::zstd ? std::min(left, k_raw_block_bytes - at % k_raw_block_bytes) : left;
}

std::uint32_t StoredBody::crc(Bytes front, Bytes rest) const {
  std::uint32_t sum = 0;
  Buffer mark;
  for (std::uint32_t at = 0; at < plain_bytes_;) {
    mark.clear();
    append_mark(mark, at);
    sum = crc32(mark, sum);
    const Bytes left = at < front.size() ? front.subspan(at) : rest.subspan(at - front.size());
    const Bytes piece = left.first(std::min<std::size_t>(left.size(), run(at)));
    sum = crc32(piece, sum);
    at += static_cast<std::uint32_t>(piece.size());
  }
  return sum;
}

}  // namespace penstock::codec::parquet
