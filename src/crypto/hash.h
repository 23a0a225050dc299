// SHA-256 and its keyed form. Pure.
#pragma once

#include <array>
#include <cstddef>

#include "base/types.h"

namespace penstock::crypto {

using Sha256 = std::array<std::byte, 32>;

Sha256 sha256(Bytes message);

// RFC 2104 over SHA-256. A key of any length, the empty one too.
Sha256 hmac_sha256(Bytes key, Bytes message);

}  // namespace penstock::crypto
