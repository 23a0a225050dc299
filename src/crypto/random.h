// Randomness from the kernel, for names and tokens that must never be drawn twice.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace penstock::crypto {

// Fills `bytes` by getrandom(2). Any thread. May block once, early in boot.
void random_bytes(MutableBytes bytes);

// As random_bytes().
std::uint64_t random_u64();

}  // namespace penstock::crypto
