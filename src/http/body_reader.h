// Reads pieces of memory as one stream, and can go back: what libcurl asks of a body.
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

  // Copies the next bytes; fewer than asked only at the end.
  std::size_t read(MutableBytes to);

  // False if `offset` is past the end.
  bool seek(std::uint64_t offset);

 private:
  std::vector<Bytes> pieces_;
  OnBodyTaken on_taken_;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;  // of the next byte, in the whole
  std::size_t piece_ = 0;     // the piece to read from
  std::size_t within_ = 0;    // and where in it
};

}  // namespace penstock::http
