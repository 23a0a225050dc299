// SHA-256 and SHA-512, their keyed forms, and keys from passwords. Pure, and without errors: no input can
// make them fail.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/types.h"

namespace penstock::crypto {

using Sha256 = std::array<std::byte, 32>;

Sha256 sha256(Bytes message);

// RFC 2104 over SHA-256. The key may have any length, also none.
Sha256 hmac_sha256(Bytes key, Bytes message);

// The same where the hash function is a matter of configuration. A digest has 32 or 64 bytes.
enum class HashFunction : std::uint8_t { sha256, sha512 };

std::vector<std::byte> digest(HashFunction function, Bytes message);
std::vector<std::byte> hmac(HashFunction function, Bytes key, Bytes message);

// RFC 8018's PBKDF2 over HMAC. The key is as long as a digest. Holds the thread up for half a microsecond per
// iteration, for a whole one with SHA-512. `iterations` is 1 or more (CHECK).
std::vector<std::byte> pbkdf2(HashFunction function, Bytes password, Bytes salt, std::uint32_t iterations);

// Whether they are the same. The time that it takes does not tell where they differ.
bool equal_in_constant_time(Bytes a, Bytes b);

}  // namespace penstock::crypto
