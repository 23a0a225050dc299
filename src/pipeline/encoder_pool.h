// The encoders of a worker: few, since each costs memory, lent to the open batches that write most.
//
// A batch keeps its encoder until its part (gzip member, zstd frame) ends, normally with the block. When more
// batches are open than there are encoders, the one that was used longest ago ends its part early: its block
// then holds two. A file with an end keeps its encoder until that end, and has one of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "format/parquet_encoder.h"
#include "format/record_format.h"
#include "pipeline/batch.h"

namespace penstock::pipeline {

class EncoderPool {
 public:
  // At about 1 MiB each this stays within the slack of runtime.memory.
  static constexpr std::size_t k_encoders_max = 8;

  // The batch's own encoder, a free one, or another batch's: `end_part` is called for that batch first, and
  // must leave it without one (give_back). One that was not the batch's has been told of its file.
  format::Encoder& lend(Batch& batch, const std::function<void(Batch&)>& end_part);
  void give_back(Batch& batch);
  // What files of Parquet share of schemas that ids name.
  const std::shared_ptr<format::KnownSchemas>& schemas() const { return parquet_.schemas; }

 private:
  struct Place {
    format::RecordFormat format;
    std::unique_ptr<format::Encoder> encoder;
    Batch* user = nullptr;
    std::uint64_t last_use = 0;
  };

  format::Encoder& kept_for_file(const Batch& batch);
  format::Encoder& lend_for_part(Batch& batch, const std::function<void(Batch&)>& end_part);
  Place& find_place(const format::RecordFormat& format, const std::function<void(Batch&)>& end_part);

  std::vector<Place> places_;
  format::ParquetShared parquet_;                                  // outlives those of kept_
  std::map<const Batch*, std::unique_ptr<format::Encoder>> kept_;  // of files with an end
  std::uint64_t uses_ = 0;
};

}  // namespace penstock::pipeline
