// The compressors of a worker: few, since each costs memory, lent to the open batches that write most.
//
// A batch keeps its compressor until its member (gzip) or frame (zstd) ends, normally with the block. When
// more batches are open than there are compressors, the one that was used longest ago ends its member early:
// its block then holds two.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "codec/compressor.h"
#include "pipeline/batch.h"

namespace penstock::pipeline {

class CompressorPool {
 public:
  // At about 1 MiB each this stays within the slack of runtime.memory.
  static constexpr std::size_t k_compressors_max = 8;

  // The batch's own compressor, a free one, or another batch's: `end_member` is called for that batch first,
  // and must leave it without one (give_back).
  codec::Compressor& lend(Batch& batch, const std::function<void(Batch&)>& end_member);
  void give_back(Batch& batch);

 private:
  struct Place {
    codec::Compression compression;
    std::unique_ptr<codec::Compressor> compressor;
    Batch* user = nullptr;
    std::uint64_t last_use = 0;
  };

  Place& find_place(codec::Compression compression, const std::function<void(Batch&)>& end_member);

  std::vector<Place> places_;
  std::uint64_t uses_ = 0;
};

}  // namespace penstock::pipeline
