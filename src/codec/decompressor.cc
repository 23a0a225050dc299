// How it works. decompress() tries to put the whole result into the scratch buffer. An attempt has three
// outcomes: done, corrupt, or too_small. When it was too small, the buffer doubles and the attempt begins
// again from the start of the input.
//
// Worked case: a zstd frame that becomes 5 MiB, with bytes_max 6 MiB, as the first input of the object's
// life.
//
//   1 MiB, too_small    2 MiB, too_small    4 MiB, too_small    6 MiB, done
//
// The buffer then stays at 6 MiB (8 MiB would be more than bytes_max), and later inputs need one attempt.
// Had the frame become 7 MiB, the answer would be `unsupported` with the key to raise. That the buffer
// grows only by outcome, and never by the length that an input claims, is what keeps a forged length from
// taking memory. Snappy is the one format in which the claim decides, so there it is first held against
// what that many bytes can become at all (k_snappy_growth_max).
//
// Each format has one function. All write from the front of the buffer, and members, frames or blocks that
// follow each other are appended to it.
#include "codec/decompressor.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include <isa-l/igzip_lib.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/check.h"
#include "base/concat.h"
#include "codec/zstd_context.h"

namespace penstock::codec {
namespace {

constexpr std::size_t k_scratch_bytes_first = std::size_t{1} << 20;

// ISA-L counts bytes in 32 bits.
constexpr std::size_t k_gzip_bytes_max = std::numeric_limits<std::uint32_t>::max();

// snappy-java's stream: the magic, two 32-bit versions, then blocks, each behind its length (big-endian, 32
// bits).
constexpr std::string_view k_snappy_java_magic("\x82SNAPPY\0", 8);
constexpr std::size_t k_snappy_java_header_bytes = 16;

// The longest that one byte of a snappy block can become: its densest element copies 64 bytes and takes
// three.
constexpr std::size_t k_snappy_growth_max = 22;

struct FreeLz4 {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

std::size_t big_endian_32(Bytes bytes) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  }
  return value;
}

Error corrupt(CompressedFormat format, std::size_t bytes) {
  return make_error(ErrorKind::corrupt, Action::give_up,
                    concat(bytes, " bytes that should be ", to_string(format), " do not decompress"));
}

Error too_long(CompressedFormat format, std::size_t bytes, std::size_t bytes_max) {
  return make_error(ErrorKind::unsupported, Action::give_up,
                    concat(bytes, " bytes of ", to_string(format), " decompress to more than the limit of ",
                           bytes_max, " bytes; ", advice_on_large_batch(bytes_max)));
}

}  // namespace

std::string_view advice_on_large_batch(std::size_t limit, std::size_t bytes) {
  return limit < k_batch_bytes_limit_max && bytes <= k_batch_bytes_limit_max
             ? "raise source.max_batch_bytes"
             : "source.max_batch_bytes goes no higher, so set source.fetch: librdkafka and guarantee: "
               "at_least_once";
}

struct Decompressor::Contexts {
  std::unique_ptr<inflate_state> gzip;
  std::unique_ptr<LZ4F_dctx, FreeLz4> lz4;
  ZstdContext zstd;
};

const char* to_string(CompressedFormat format) {
  switch (format) {
    case CompressedFormat::gzip:
      return "gzip";
    case CompressedFormat::snappy:
      return "snappy";
    case CompressedFormat::lz4:
      return "lz4";
    case CompressedFormat::zstd:
      return "zstd";
  }
  return "?";
}

Decompressor::Decompressor(std::size_t bytes_max)
    : bytes_max_(bytes_max), contexts_(std::make_unique<Contexts>()) {
  CHECK(bytes_max > 0U);
}

Decompressor::~Decompressor() = default;

Result<Bytes> Decompressor::decompress(CompressedFormat format, Bytes input) {
  if (scratch_bytes_ == 0) {
    reserve_scratch(std::min(k_scratch_bytes_first, bytes_max_));
  }
  for (;;) {
    const Attempt made = attempt(format, input);
    if (made.outcome == Outcome::done) {
      return Bytes(scratch_.get(), made.produced);
    }
    if (made.outcome == Outcome::corrupt) {
      return corrupt(format, input.size());
    }
    if (scratch_bytes_ == bytes_max_) {
      return too_long(format, input.size(), bytes_max_);
    }
    reserve_scratch(scratch_bytes_ > bytes_max_ / 2 ? bytes_max_ : scratch_bytes_ * 2);
  }
}

Decompressor::Attempt Decompressor::attempt(CompressedFormat format, Bytes input) {
  switch (format) {
    case CompressedFormat::gzip:
      return inflate_gzip(input);
    case CompressedFormat::snappy:
      return inflate_snappy(input);
    case CompressedFormat::lz4:
      return inflate_lz4(input);
    case CompressedFormat::zstd:
      return inflate_zstd(input);
  }
  return {};
}

// The former content is not kept, and not zeroed: an attempt writes before it reads.
void Decompressor::reserve_scratch(std::size_t bytes) {
  scratch_.reset();
  scratch_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
  scratch_bytes_ = bytes;
}

// The stateless call, a member at a time: it writes to its place at once, where the streaming one passes each
// member's first 64 KiB through a buffer of its own.
Decompressor::Attempt Decompressor::inflate_gzip(Bytes input) {
  if (input.size() > k_gzip_bytes_max) {
    return {};
  }
  if (!contexts_->gzip) {
    contexts_->gzip = std::make_unique<inflate_state>();
  }
  inflate_state& state = *contexts_->gzip;
  std::size_t produced = 0;
  do {
    isal_inflate_init(&state);
    state.crc_flag = ISAL_GZIP;
    state.next_in = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(input.data()));
    state.avail_in = static_cast<std::uint32_t>(input.size());
    state.next_out = reinterpret_cast<std::uint8_t*>(scratch_.get() + produced);
    const std::size_t room = std::min(scratch_bytes_ - produced, k_gzip_bytes_max);
    state.avail_out = static_cast<std::uint32_t>(room);
    const int outcome = isal_inflate_stateless(&state);
    if (outcome == ISAL_OUT_OVERFLOW) {
      return {.outcome = Outcome::too_small};
    }
    if (outcome != ISAL_DECOMP_OK) {
      return {};
    }
    produced += room - state.avail_out;
    input = input.last(state.avail_in);
  } while (!input.empty());
  return {.outcome = Outcome::done, .produced = produced};
}

Decompressor::Attempt Decompressor::inflate_lz4(Bytes input) {
  if (!contexts_->lz4) {
    LZ4F_dctx* made = nullptr;
    CHECK(LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION)) == 0U);
    contexts_->lz4.reset(made);
  }
  LZ4F_dctx* context = contexts_->lz4.get();
  LZ4F_resetDecompressionContext(context);
  LZ4F_decompressOptions_t options{};
  options.stableDst = 1;  // what was written stays in its place: no copy of the window is kept
  std::size_t produced = 0;
  std::size_t wanted = 1;  // 0: a frame ended
  while (!input.empty() || wanted != 0) {
    std::size_t written = scratch_bytes_ - produced;
    std::size_t taken = input.size();
    wanted = LZ4F_decompress(context, scratch_.get() + produced, &written, input.data(), &taken, &options);
    if (LZ4F_isError(wanted) != 0U) {
      return {};
    }
    produced += written;
    input = input.subspan(taken);
    if (wanted != 0 && written == 0 && taken == 0) {  // it waits: for room, or for bytes that are not there
      return {.outcome = produced == scratch_bytes_ ? Outcome::too_small : Outcome::corrupt};
    }
  }
  return {.outcome = Outcome::done, .produced = produced};
}

Decompressor::Attempt Decompressor::inflate_zstd(Bytes input) {
  if (input.empty()) {  // to the library no frame is a result, too
    return {};
  }
  if (!contexts_->zstd) {
    contexts_->zstd.reset(ZSTD_createDCtx());
    CHECK(contexts_->zstd != nullptr);
  }
  const std::size_t produced =
      ZSTD_decompressDCtx(contexts_->zstd.get(), scratch_.get(), scratch_bytes_, input.data(), input.size());
  if (ZSTD_isError(produced) != 0U) {
    const bool full = ZSTD_getErrorCode(produced) == ZSTD_error_dstSize_tooSmall;
    return {.outcome = full ? Outcome::too_small : Outcome::corrupt};
  }
  return {.outcome = Outcome::done, .produced = produced};
}

Decompressor::Attempt Decompressor::inflate_snappy(Bytes input) {
  if (!as_text(input).starts_with(k_snappy_java_magic)) {
    return inflate_snappy_block(input, 0);
  }
  if (input.size() < k_snappy_java_header_bytes) {
    return {};
  }
  input = input.subspan(k_snappy_java_header_bytes);
  std::size_t produced = 0;
  while (!input.empty()) {
    if (input.size() < 4 || big_endian_32(input) > input.size() - 4) {
      return {};
    }
    const std::size_t block_bytes = big_endian_32(input);
    const Attempt block = inflate_snappy_block(input.subspan(4, block_bytes), produced);
    if (block.outcome != Outcome::done) {
      return block;
    }
    produced += block.produced;
    input = input.subspan(4 + block_bytes);
  }
  return {.outcome = Outcome::done, .produced = produced};
}

// A block says how long it becomes, and the library writes exactly that much or fails.
Decompressor::Attempt Decompressor::inflate_snappy_block(Bytes block, std::size_t at) {
  const auto* bytes = reinterpret_cast<const char*>(block.data());
  std::size_t length = 0;
  if (block.empty() || !snappy::GetUncompressedLength(bytes, block.size(), &length) ||
      length / k_snappy_growth_max > block.size()) {
    return {};
  }
  if (length > scratch_bytes_ - at) {
    return {.outcome = Outcome::too_small};
  }
  if (!snappy::RawUncompress(bytes, block.size(), reinterpret_cast<char*>(scratch_.get() + at))) {
    return {};
  }
  return {.outcome = Outcome::done, .produced = length};
}

}  // namespace penstock::codec
