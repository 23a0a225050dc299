#include "codec/checksum.h"

#include <algorithm>
#include <cstddef>

#include <isa-l/crc.h>

#include "codec/crc64_nvme.h"

namespace penstock::codec {
namespace {

// A checksum is a polynomial of degree below 32 over GF(2), kept reflected: bit 31 is the coefficient of x^0.
constexpr std::uint32_t k_one = 0x80000000;
constexpr std::uint32_t k_castagnoli = 0x82F63B78;

constexpr std::uint32_t times_x(std::uint32_t a) {
  return (a >> 1) ^ ((a & 1) != 0 ? k_castagnoli : 0);
}

// The product of the two, modulo the polynomial.
constexpr std::uint32_t product(std::uint32_t a, std::uint32_t b) {
  std::uint32_t sum = 0;
  for (std::uint32_t bit = k_one; bit != 0; bit >>= 1, b = times_x(b)) {
    sum ^= (a & bit) != 0 ? b : 0;
  }
  return sum;
}

}  // namespace

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

// Behind the first piece lie 8 * second_bytes bits, so it counts x to that power times.
std::uint32_t crc32c_joined(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) {
  std::uint32_t power = k_one >> 8;  // x^8, then its square, and so on
  for (; second_bytes != 0; second_bytes >>= 1, power = product(power, power)) {
    if ((second_bytes & 1) != 0) {
      first = product(power, first);
    }
  }
  return first ^ second;
}

std::uint64_t crc64_nvme(Bytes bytes, std::uint64_t before) {
  static const auto sum = crc64_nvme_ways().back().sum;
  return ~sum(bytes, ~before);
}

}  // namespace penstock::codec
