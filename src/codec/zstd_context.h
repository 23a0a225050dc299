// A zstd decompression context, owned.
#pragma once

#include <memory>

#include <zstd.h>

namespace penstock::codec {

struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using ZstdContext = std::unique_ptr<ZSTD_DCtx, FreeZstd>;

}  // namespace penstock::codec
