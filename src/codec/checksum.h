// Checksums of bytes. Pure.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace penstock::codec {

// Both go on where another call ended: crc(b, crc(a)) is the checksum of a and b.

// CRC-32C (Castagnoli), as Kafka and iSCSI have it: crc32c("123456789") == 0xE3069283. By ISA-L.
std::uint32_t crc32c(Bytes bytes, std::uint32_t before = 0);

// The checksum of two pieces that follow each other, from those of each, and the length of the second.
std::uint32_t crc32c_joined(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes);

// CRC-64/NVME, as Azure Storage has it: crc64_nvme("123456789") == 0xAE8B14860A799888. Our own, as Debian
// 12's ISA-L has CRC-64 of other polynomials only.
std::uint64_t crc64_nvme(Bytes bytes, std::uint64_t before = 0);

}  // namespace penstock::codec
