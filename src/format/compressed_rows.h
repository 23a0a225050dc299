// The encoder of rows that are compressed as they stand: a part is a gzip member or a zstd frame.
#pragma once

#include <memory>
#include <utility>

#include "codec/compressor.h"
#include "format/encoder.h"

namespace penstock::format {

class CompressedRows final : public Encoder {
 public:
  explicit CompressedRows(codec::Compression compression)
      : compressor_(codec::make_compressor(compression)) {}

  Step encode(Bytes rows, MutableBytes output, End end) override {
    using codec::Compressor;
    const Compressor::Step step = compressor_->compress(
        rows, output, end == End::more ? Compressor::End::more : Compressor::End::member);
    return {.consumed = step.consumed, .produced = step.produced, .ended = step.member_ended};
  }

  void reset() override { compressor_->reset(); }

 private:
  std::unique_ptr<codec::Compressor> compressor_;
};

}  // namespace penstock::format
