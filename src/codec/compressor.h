// Compression of a block: gzip by ISA-L, zstd, or none. One gzip member or zstd frame at a time; members that
// follow each other form one file that standard tools read. `deflate` is gzip without header and trailer: for
// formats that say by themselves where a member ends, and check it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <penstock/result.h>

#include "base/types.h"

namespace penstock::codec {

// snappy: of the pages of Parquet files alone.
enum class Compression : std::uint8_t { none, gzip, zstd, deflate, snappy };

std::string_view to_string(Compression compression);

// The state of one compressor, taken once, used for one member after the other: 0.35 MiB for gzip and
// deflate, 1.3 MiB for zstd.
class Compressor {
 public:
  virtual ~Compressor() = default;

  struct Step {
    std::size_t consumed = 0;   // bytes taken from `input`
    std::size_t produced = 0;   // bytes written to `output`
    bool member_ended = false;  // only with End::member: the member is complete, the next call begins another
  };
  enum class End : std::uint8_t { more, member };

  // Takes input and writes output until one of them is used up. With End::member: no input follows this; call
  // again with what is left of the input and more output until member_ended. Cannot fail on valid arguments
  // (CHECK).
  virtual Step compress(Bytes input, MutableBytes output, End end) = 0;

  // Forgets a member begun and not ended.
  virtual void reset() = 0;
};

// compression: gzip and deflate (level 1 of ISA-L) or zstd (level 1); the others have no compressor (CHECK).
std::unique_ptr<Compressor> make_compressor(Compression compression);

}  // namespace penstock::codec
