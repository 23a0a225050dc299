#include "lake/body_checksum.h"

#include "codec/checksum.h"

namespace penstock::lake {

BodyChecksum::BodyChecksum(Body body) : pieces_(body.begin(), body.end()), size_(size_of(body)) {}

void BodyChecksum::take(std::uint64_t offset, Bytes bytes) {
  if (offset == taken_) {
    crc_ = codec::crc64_nvme(bytes, crc_);
    taken_ += bytes.size();
  }
}

std::uint64_t BodyChecksum::value() {
  if (taken_ != size_) {  // it did not go out in order, or not to its end
    crc_ = 0;
    for (const Bytes piece : pieces_) {
      crc_ = codec::crc64_nvme(piece, crc_);
    }
    taken_ = size_;
  }
  return crc_;
}

}  // namespace penstock::lake
