// Checksums of bytes. Pure.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace penstock::codec {

// CRC-32C (Castagnoli), as Kafka and iSCSI have it: crc32c("123456789") == 0xE3069283. By ISA-L.
std::uint32_t crc32c(Bytes bytes, std::uint32_t before = 0);

}  // namespace penstock::codec
