// Base64 of RFC 4648, section 4: padded, in the alphabet with '+' and '/'. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"

namespace penstock {

std::string base64_encode(Bytes bytes);

constexpr std::size_t base64_size(std::size_t bytes) {
  return (bytes + 2) / 3 * 4;
}

// The same, written to `to`, where base64_size() bytes are free. Returns the end of what it wrote.
char* base64_write(Bytes bytes, char* to);

// Strict: no white space, padding complete, the bits that padding leaves over are zero. Error invalid_input
// says what is wrong and where, and shows nothing of `text`, which may be a key.
Result<std::vector<std::byte>> base64_decode(std::string_view text);

}  // namespace penstock
