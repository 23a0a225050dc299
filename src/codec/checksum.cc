#include "codec/checksum.h"

#include <algorithm>
#include <cstddef>

#include <isa-l/crc.h>

#include "codec/crc64_nvme.h"

namespace penstock::codec {

std::uint32_t crc32c(Bytes bytes, std::uint32_t before) {
  // ISA-L works on the bare register and counts bytes in an int; the inversions before and after are ours.
  constexpr std::size_t k_piece_bytes_max = std::size_t{1} << 30;
  std::uint32_t crc = ~before;
  while (!bytes.empty()) {
    const Bytes piece = bytes.first(std::min(bytes.size(), k_piece_bytes_max));
    auto* begin = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(piece.data()));
    crc = crc32_iscsi(begin, static_cast<int>(piece.size()), crc);
    bytes = bytes.subspan(piece.size());
  }
  return ~crc;
}

std::uint64_t crc64_nvme(Bytes bytes, std::uint64_t before) {
  static const auto sum = crc64_nvme_ways().back().sum;
  return ~sum(bytes, ~before);
}

}  // namespace penstock::codec
