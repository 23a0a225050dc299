// Worked case: a body of two pieces, 6 and 5 bytes, that libcurl takes as it likes.
//
//   take(0, 4 bytes), take(4, 2), take(6, 5)     in order: crc_ covers 11 bytes, value() costs nothing
//   take(0, 4), take(0, 4), take(4, 7)           a connection broke and began anew: the repeat is passed over
//   take(0, 4), take(8, 3)                       a hole: value() goes over all pieces once
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
