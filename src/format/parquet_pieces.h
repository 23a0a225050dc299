// What is to be written of a Parquet file: pieces that lie where they are made, copied to an encoder's output
// as that comes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/types.h"
#include "codec/parquet_file.h"
#include "format/encoder.h"

namespace penstock::format {

class ParquetPieces {
 public:
  // The piece stays where it is until all are out. In front of the first of a file is the magic.
  void put(Bytes piece) {
    if (file_at_ == 0) {
      pieces_.push_back(as_bytes(codec::parquet::k_magic));
      file_at_ += codec::parquet::k_magic.size();
    }
    pieces_.push_back(piece);
    file_at_ += piece.size();
  }

  void reserve(std::size_t more) { pieces_.reserve(pieces_.size() + more); }

  // Copies what has room behind what the step has produced.
  void drain(MutableBytes output, Encoder::Step& step) {
    while (piece_ < pieces_.size() && step.produced < output.size()) {
      const Bytes left = pieces_[piece_].subspan(piece_at_);
      const std::size_t bytes = std::min(left.size(), output.size() - step.produced);
      if (bytes > 0) {
        std::memcpy(output.data() + step.produced, left.data(), bytes);
      }
      step.produced += bytes;
      piece_at_ += bytes;
      if (bytes == left.size()) {
        ++piece_;
        piece_at_ = 0;
      }
    }
    if (piece_ == pieces_.size()) {
      pieces_ =
          std::vector<Bytes>();  // without a codec there was one for each value, and many files are open
      piece_ = 0;
    }
  }

  // All are out.
  bool empty() const { return pieces_.empty(); }
  // Where in the file the next one lies.
  std::uint64_t file_at() const { return file_at_ == 0 ? codec::parquet::k_magic.size() : file_at_; }

 private:
  std::vector<Bytes> pieces_;
  std::size_t piece_ = 0;      // of pieces_, that is written now
  std::size_t piece_at_ = 0;   // bytes of it that are out
  std::uint64_t file_at_ = 0;  // bytes of the file, pieces_ included
};

}  // namespace penstock::format
