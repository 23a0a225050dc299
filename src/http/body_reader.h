// Reads pieces of memory as one stream, and can go back, as libcurl wants it of a body. It owns none of the
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/types.h"
#include "http/message.h"

namespace penstock::http {

class BodyReader {
 public:
  BodyReader() = default;
  explicit BodyReader(std::vector<Bytes> pieces, OnBodyTaken on_taken = {});

  std::uint64_t size() const { return size_; }

  // Copies the next bytes and returns how many. They are fewer than `to` has room for only at the end.
  std::size_t read(MutableBytes to);

  // The next read() begins at `offset` of the whole. False, and nothing changes, if that is past the end.
  bool seek(std::uint64_t offset);

 private:
  std::vector<Bytes> pieces_;
  OnBodyTaken on_taken_;
  std::uint64_t size_ = 0;
  // The next byte: its place in the whole, the piece it lies in, and where in that piece.
  std::uint64_t offset_ = 0;
  std::size_t piece_ = 0;
  std::size_t within_ = 0;
};

}  // namespace penstock::http
