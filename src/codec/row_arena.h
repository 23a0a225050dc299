// Memory for the texts of one row that do not stand in its value. Inside.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace penstock::codec {

// What was kept stays where it is until clear(). After some rows nothing is allocated any more: the largest
// piece is used again, if it has no more than k_kept_bytes_max.
class RowArena {
 public:
  static constexpr std::size_t k_piece_bytes_min = std::size_t{16} << 10;
  static constexpr std::size_t k_kept_bytes_max = std::size_t{1} << 20;

  void clear() {
    if (pieces_.size() > 1) {
      pieces_.front() = std::move(pieces_.back());
      pieces_.resize(1);
    }
    if (!pieces_.empty() && pieces_.front().size > k_kept_bytes_max) {
      pieces_.clear();
    }
    used_ = 0;
  }

  // Free memory, of at least so many bytes. It is given again until some of it is kept.
  MutableBytes room(std::size_t bytes) {
    if (pieces_.empty() || pieces_.back().size - used_ < bytes) {
      const std::size_t larger = pieces_.empty() ? k_piece_bytes_min : 2 * pieces_.back().size;
      const std::size_t size = std::max(bytes, larger);
      pieces_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
      used_ = 0;
    }
    return MutableBytes(pieces_.back().memory.get(), pieces_.back().size).subspan(used_);
  }

  // The first bytes of the room.
  std::string_view keep(std::size_t bytes) {
    const char* const begin = reinterpret_cast<const char*>(pieces_.back().memory.get()) + used_;
    used_ += bytes;
    return {begin, bytes};
  }

 private:
  struct Piece {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size;
  };
  std::vector<Piece> pieces_;  // each larger than the one before
  std::size_t used_ = 0;       // of the last
};

}  // namespace penstock::codec
