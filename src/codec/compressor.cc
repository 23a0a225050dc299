#include "codec/compressor.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "base/check.h"

namespace penstock::codec {
namespace {

// ISA-L counts bytes in 32 bits: longer pieces are taken in several steps.
std::uint32_t clamped(std::size_t bytes) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

// Of gzip, or of its inner deflate alone. Header without name and time, so that the same records give the
// same bytes. Memory: 82,384 bytes of state and 282,624 for level 1.
class GzipCompressor final : public Compressor {
 public:
  explicit GzipCompressor(std::uint16_t wrapping)
      : wrapping_(wrapping), level_buffer_(ISAL_DEF_LVL1_DEFAULT) {
    isal_deflate_init(&stream_);
    stream_.level = 1;
    stream_.level_buf = level_buffer_.data();
    stream_.level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
    stream_.gzip_flag = wrapping_;
    stream_.flush = NO_FLUSH;
  }

  Step compress(Bytes input, MutableBytes output, End end) override {
    const std::uint32_t offered = clamped(input.size());
    const std::uint32_t room = clamped(output.size());
    stream_.next_in = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(input.data()));
    stream_.avail_in = offered;
    stream_.next_out = reinterpret_cast<std::uint8_t*>(output.data());
    stream_.avail_out = room;
    stream_.end_of_stream = end == End::member && offered == input.size() ? 1 : 0;
    CHECK(isal_deflate(&stream_) == COMP_OK);
    const Step step{.consumed = offered - stream_.avail_in,
                    .produced = room - stream_.avail_out,
                    .member_ended = stream_.internal_state.state == ZSTATE_END};
    if (step.member_ended) {
      reset();
    }
    return step;
  }

  void reset() override {
    isal_deflate_reset(&stream_);
    stream_.gzip_flag = wrapping_;  // the library turns it into "header already written", and leaves it so
  }

 private:
  std::uint16_t wrapping_;
  isal_zstream stream_;
  std::vector<std::uint8_t> level_buffer_;
};

// Level 1 with its window pinned to 512 KiB (2^19), so that a newer library cannot make it larger: 1,369,505
// bytes a context, measured with zstd 1.5.4 (2^18: 1,107,361; 2^20: 1,893,793). JSON lines repeat themselves
// within far less. The frame carries a checksum, as gzip's does.
class ZstdCompressor final : public Compressor {
 public:
  ZstdCompressor() : context_(ZSTD_createCCtx()) {
    CHECK(context_ != nullptr);
    set(ZSTD_c_compressionLevel, 1);
    set(ZSTD_c_windowLog, k_window_log);
    set(ZSTD_c_checksumFlag, 1);
  }
  ZstdCompressor(const ZstdCompressor&) = delete;
  ZstdCompressor& operator=(const ZstdCompressor&) = delete;
  ~ZstdCompressor() override { ZSTD_freeCCtx(context_); }

  Step compress(Bytes input, MutableBytes output, End end) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const ZSTD_EndDirective directive = end == End::member ? ZSTD_e_end : ZSTD_e_continue;
    std::size_t unflushed = 0;
    do {  // one call may stop at an inner buffer's edge with room and input left
      unflushed = ZSTD_compressStream2(context_, &out, &in, directive);
      CHECK(ZSTD_isError(unflushed) == 0U);
    } while (out.pos < out.size && (in.pos < in.size || (end == End::member && unflushed != 0)));
    return {.consumed = in.pos, .produced = out.pos, .member_ended = end == End::member && unflushed == 0};
  }

  void reset() override { CHECK(ZSTD_isError(ZSTD_CCtx_reset(context_, ZSTD_reset_session_only)) == 0U); }

 private:
  static constexpr int k_window_log = 19;

  void set(ZSTD_cParameter parameter, int value) {
    CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context_, parameter, value)) == 0U);
  }

  ZSTD_CCtx* context_;
};

}  // namespace

std::string_view to_string(Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return "gzip";
    case Compression::zstd:
      return "zstd";
    case Compression::snappy:
      return "snappy";
    case Compression::deflate:
      return "deflate";
    case Compression::none:
      break;
  }
  return "none";
}

std::unique_ptr<Compressor> make_compressor(Compression compression) {
  CHECK((compression != Compression::none && compression != Compression::snappy));
  if (compression != Compression::zstd) {
    return std::make_unique<GzipCompressor>(
        static_cast<std::uint16_t>(compression == Compression::gzip ? IGZIP_GZIP : IGZIP_DEFLATE));
  }
  return std::make_unique<ZstdCompressor>();
}

}  // namespace penstock::codec
