// Decompression of a file piece by piece, in memory that does not grow with it: for whoever reads back what
// was landed.
//
// Takes what the compressor makes and every tool for these formats: gzip members or zstd frames, one after
// the other, or a single stream of deflate, which nothing may follow. Input is from outside: nothing in it is
// believed. Pure but for its memory: gzip and deflate 86 KiB and zstd its window (128 MiB at most, 512 KiB
// for ours), and 256 KiB for what comes out. One object per thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include <penstock/result.h>

#include "base/types.h"
#include "codec/compressor.h"

namespace penstock::codec {

class StreamDecompressor {
 public:
  // Compression::none passes bytes on as they are.
  explicit StreamDecompressor(Compression compression);
  ~StreamDecompressor();
  StreamDecompressor(const StreamDecompressor&) = delete;
  StreamDecompressor& operator=(const StreamDecompressor&) = delete;

  // Takes bytes that stay valid during the call only. May be called with none.
  using Sink = std::function<void(Bytes plain)>;

  // The file's next bytes; what they become goes to `sink` before this returns. Error corrupt (give up):
  // they are not of this format, or a checksum does not match; nothing more may be given then.
  Result<void> feed(Bytes input, const Sink& sink);

  // Error corrupt: the file ended within a member or frame, or held none at all.
  Result<void> end() const;

 private:
  struct Contexts;
  Result<void> feed_gzip(Bytes input, const Sink& sink);
  Result<void> feed_zstd(Bytes input, const Sink& sink);
  Error corrupt(const char* what) const;

  const Compression compression_;
  // Within a member, which counts from before the first: a file without one is cut off.
  bool within_ = true;
  std::unique_ptr<Contexts> contexts_;
  std::unique_ptr<std::byte[]> out_;
};

}  // namespace penstock::codec
