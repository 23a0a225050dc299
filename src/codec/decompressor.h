// Decompression of what a producer compressed, whole, into a scratch buffer of bounded size. Input is from
// outside: nothing in it is believed, and whatever it claims, no more than the limit is ever written.
//
// The buffer begins with 1 MiB at the first use and doubles up to the limit when a result does not fit,
// which is then decompressed again from its start; so at most twice the work, a few times in a process's
// life, and after that neither memory is taken nor work done twice. Contexts are made at their format's
// first use and kept: gzip 86 KiB, zstd 160 KiB, lz4 twice the producer's block size (64 KiB with Kafka's
// own clients, 4 MiB at most). Pure but for that memory; one object per thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <penstock/result.h>

#include "base/types.h"

namespace penstock::codec {

enum class CompressedFormat : std::uint8_t {
  // RFC 1952. Members that follow each other are one text. The checksum of each is verified.
  gzip,

  // One raw block, or the blocks of snappy-java's stream, which begins with a magic of its own.
  snappy,

  // Frames of the LZ4 frame format. Their checksums are verified where they have some.
  lz4,

  // Frames of RFC 8878. Their checksums are verified where they have some.
  zstd,
};

const char* to_string(CompressedFormat format);

// The highest limit that a configuration takes, as source.max_batch_bytes.
inline constexpr std::size_t k_batch_bytes_limit_max = std::size_t{100} << 20;

// What to do about a batch above `limit`. `bytes` is its size where that is known.
std::string_view advice_on_large_batch(std::size_t limit, std::size_t bytes = 0);

class Decompressor {
 public:
  // No result is longer than `bytes_max`, which is at least 1 (CHECK). Takes no memory yet.
  explicit Decompressor(std::size_t bytes_max);
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // All that `input` holds; valid until the next call. Errors, both to give up on this input: corrupt (cut,
  // not of this format, a checksum that does not match), and unsupported, when it is longer than bytes_max.
  Result<Bytes> decompress(CompressedFormat format, Bytes input);

  // What the buffer takes now. It never shrinks.
  std::size_t scratch_bytes() const { return scratch_bytes_; }

 private:
  struct Contexts;

  enum class Outcome : std::uint8_t { done, too_small, corrupt };
  struct Attempt {
    Outcome outcome = Outcome::corrupt;
    std::size_t produced = 0;
  };
  Attempt attempt(CompressedFormat format, Bytes input);
  Attempt inflate_gzip(Bytes input);
  Attempt inflate_lz4(Bytes input);
  Attempt inflate_zstd(Bytes input);
  Attempt inflate_snappy(Bytes input);
  Attempt inflate_snappy_block(Bytes block, std::size_t at);
  void reserve_scratch(std::size_t bytes);

  std::size_t bytes_max_;
  std::size_t scratch_bytes_ = 0;
  std::unique_ptr<std::byte[]> scratch_;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace penstock::codec
