#include "codec/stream_decompressor.h"

#include <algorithm>
#include <limits>

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "base/check.h"
#include "base/concat.h"
#include "codec/zstd_context.h"

namespace penstock::codec {
namespace {

constexpr std::size_t k_out_bytes = std::size_t{256} * 1024;

// ISA-L counts bytes in 32 bits.
constexpr std::size_t k_gzip_input_max = std::size_t{1} << 30;
static_assert(k_gzip_input_max < std::numeric_limits<std::uint32_t>::max());

std::uint32_t wrapping_of(Compression compression) {
  return compression == Compression::gzip ? ISAL_GZIP : ISAL_DEFLATE;
}

}  // namespace

struct StreamDecompressor::Contexts {
  std::unique_ptr<inflate_state> gzip;
  ZstdContext zstd;
};

StreamDecompressor::StreamDecompressor(Compression compression)
    : compression_(compression), contexts_(std::make_unique<Contexts>()) {
  if (compression_ == Compression::none) {
    within_ = false;
    return;
  }
  out_ = std::make_unique_for_overwrite<std::byte[]>(k_out_bytes);
  if (compression_ != Compression::zstd) {
    contexts_->gzip = std::make_unique<inflate_state>();
    isal_inflate_init(contexts_->gzip.get());
    contexts_->gzip->crc_flag = wrapping_of(compression_);
  } else {
    contexts_->zstd.reset(ZSTD_createDCtx());
    CHECK(contexts_->zstd != nullptr);
  }
}

StreamDecompressor::~StreamDecompressor() = default;

Result<void> StreamDecompressor::feed(Bytes input, const Sink& sink) {
  switch (compression_) {
    case Compression::none:
      sink(input);
      return {};
    case Compression::gzip:
    case Compression::deflate:
      return feed_gzip(input, sink);
    case Compression::zstd:
      return feed_zstd(input, sink);
    case Compression::snappy:
      break;
  }
  return {};
}

Result<void> StreamDecompressor::end() const {
  return within_ ? Result<void>(corrupt("it ends before its last member does")) : Result<void>();
}

// A member that ended is followed by another: the state begins anew where its trailer ended. Output is
// called for until some of its room is left, as input may all be taken while output is still held back.
Result<void> StreamDecompressor::feed_gzip(Bytes input, const Sink& sink) {
  inflate_state& state = *contexts_->gzip;
  while (!input.empty()) {
    const Bytes piece = input.first(std::min(input.size(), k_gzip_input_max));
    input = input.subspan(piece.size());
    state.next_in = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(piece.data()));
    state.avail_in = static_cast<std::uint32_t>(piece.size());
    bool more = true;
    while (more) {
      if (state.block_state == ISAL_BLOCK_FINISH) {
        if (compression_ == Compression::deflate) {
          return corrupt("bytes follow its end");
        }
        isal_inflate_reset(&state);
        state.crc_flag = wrapping_of(compression_);
      }
      state.next_out = reinterpret_cast<std::uint8_t*>(out_.get());
      state.avail_out = k_out_bytes;
      if (isal_inflate(&state) != ISAL_DECOMP_OK) {
        return corrupt("it is damaged, or not of this format");
      }
      sink(Bytes(out_.get(), k_out_bytes - state.avail_out));
      within_ = state.block_state != ISAL_BLOCK_FINISH;
      more = state.avail_in > 0 || (within_ && state.avail_out == 0);
    }
  }
  // The library has taken them, and keeps those that it had no use for.
  const bool kept = !within_ && state.read_in_length >= 8;
  return compression_ == Compression::deflate && kept ? Result<void>(corrupt("bytes follow its end"))
                                                      : Result<void>();
}

Result<void> StreamDecompressor::feed_zstd(Bytes input, const Sink& sink) {
  ZSTD_inBuffer in{.src = input.data(), .size = input.size(), .pos = 0};
  bool more = !input.empty();
  while (more) {
    ZSTD_outBuffer out{.dst = out_.get(), .size = k_out_bytes, .pos = 0};
    const std::size_t wanted = ZSTD_decompressStream(contexts_->zstd.get(), &out, &in);
    if (ZSTD_isError(wanted) != 0U) {
      return corrupt(ZSTD_getErrorName(wanted));
    }
    sink(Bytes(out_.get(), out.pos));
    within_ = wanted != 0;
    more = in.pos < in.size || (within_ && out.pos == out.size);
  }
  return {};
}

Error StreamDecompressor::corrupt(const char* what) const {
  return make_error(ErrorKind::corrupt, Action::give_up,
                    concat("it does not decompress as ", to_string(compression_), ": ", what));
}

}  // namespace penstock::codec
