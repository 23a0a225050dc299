// CRC-64/NVME of a body that is on its way, taken where its bytes are in the processor's cache anyway: when
// libcurl copies them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "lake/blob_store.h"

namespace penstock::lake {

class BodyChecksum {
 public:
  // The pieces stay valid as long as this is asked: until the upload's `done` has run.
  explicit BodyChecksum(Body body);

  // Bytes of the body at `offset`, as http::OnBodyTaken tells them. What it has been told already is passed
  // over.
  void take(std::uint64_t offset, Bytes bytes);

  // Of the whole body. The first call goes over all of it, unless take() has been told all of it in order.
  std::uint64_t value();

 private:
  std::vector<Bytes> pieces_;
  std::uint64_t size_ = 0;

  // How many bytes from the body's front are in crc_.
  std::uint64_t taken_ = 0;
  std::uint64_t crc_ = 0;
};

}  // namespace penstock::lake
