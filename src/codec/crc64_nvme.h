// The ways of CRC-64/NVME that this processor knows: for checksum.cc, which takes the fastest, and for the
// tests of each. Pure.
//
// A message is a polynomial over GF(2), its first bit the highest power, each byte's lowest bit first. The
// checksum is its remainder by a polynomial of degree 64, all registers kept reflected: bit 63 is the
// coefficient of x^0.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/types.h"

namespace penstock::codec {

struct Crc64Way {
  std::string_view name;
  // Takes and gives the register, not the checksum: the inversions before and after are the caller's.
  std::uint64_t (*sum)(Bytes bytes, std::uint64_t before);
};

// The slowest first:
//   table          eight bytes per turn, by eight tables of 2 KiB; everywhere
//   folding        128 bytes per turn, by carry-less multiplication: x86-64 with PCLMULQDQ
//   wide_folding   512 bytes per turn: with VPCLMULQDQ and AVX-512
std::span<const Crc64Way> crc64_nvme_ways();

}  // namespace penstock::codec
