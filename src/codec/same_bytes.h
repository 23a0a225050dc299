// Whether some bytes are the same, for short ones: inline, eight at a time. Inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace penstock::codec {

template <class Word>
bool same_words(const void* a, const void* b, std::size_t at) {
  Word of_a;
  Word of_b;
  std::memcpy(&of_a, static_cast<const std::byte*>(a) + at, sizeof(Word));
  std::memcpy(&of_b, static_cast<const std::byte*>(b) + at, sizeof(Word));
  return of_a == of_b;
}

// The last words overlap those before, so that nothing behind the bytes is read.
inline bool same_bytes(const void* a, const void* b, std::size_t bytes) {
  if (bytes >= sizeof(std::uint64_t)) {
    const std::size_t last = bytes - sizeof(std::uint64_t);
    for (std::size_t at = 0; at < last; at += sizeof(std::uint64_t)) {
      if (!same_words<std::uint64_t>(a, b, at)) {
        return false;
      }
    }
    return same_words<std::uint64_t>(a, b, last);
  }
  if (bytes >= sizeof(std::uint32_t)) {
    return same_words<std::uint32_t>(a, b, 0) &&
           same_words<std::uint32_t>(a, b, bytes - sizeof(std::uint32_t));
  }
  for (std::size_t at = 0; at < bytes; ++at) {
    if (!same_words<std::uint8_t>(a, b, at)) {
      return false;
    }
  }
  return true;
}

}  // namespace penstock::codec
