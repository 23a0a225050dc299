// One pass that loads, compares and stores. CR and LF inside a value are rare, so a stretch is stored as it
// is and only counted; a stretch that holds one is repaired from its own registers. memcpy followed by two
// memchr scans reads every byte three times, and was slower as soon as a record missed the cache.
#include "format/lines.h"

#include <bit>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace penstock::format {
namespace {

using Kernel = std::size_t (*)(const std::byte* from, std::size_t size, std::byte* to);

std::size_t flatten_plain(const std::byte* from, std::size_t size, std::byte* to) {
  std::size_t replaced = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::byte byte = from[i];
    const bool breaks_line = byte == std::byte{'\n'} || byte == std::byte{'\r'};
    to[i] = breaks_line ? std::byte{' '} : byte;
    replaced += breaks_line ? 1 : 0;
  }
  return replaced;
}

#if defined(__x86_64__)

// Of 16 bytes, those from `from_byte` on are counted; all are repaired and stored.
inline std::size_t flatten_16(const std::byte* from, std::byte* to, std::size_t from_byte) {
  __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  const __m128i hit =
      _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')));
  const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(hit));
  if (mask != 0) [[unlikely]] {
    bytes = _mm_or_si128(_mm_andnot_si128(hit, bytes), _mm_and_si128(hit, _mm_set1_epi8(' ')));
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  return static_cast<std::size_t>(std::popcount(mask >> from_byte));
}

// The last stretch is a whole one that lies over what is done already: cheaper than up to 15 bytes one at a
// time.
std::size_t flatten_sse2(const std::byte* from, std::size_t size, std::byte* to) {
  if (size < 16) {
    return flatten_plain(from, size, to);
  }
  std::size_t replaced = 0;
  std::size_t at = 0;
  for (; at + 16 <= size; at += 16) {
    replaced += flatten_16(from + at, to + at, 0);
  }
  return at == size ? replaced : replaced + flatten_16(from + size - 16, to + size - 16, 16 - (size - at));
}

// The same for 32.
__attribute__((target("avx2"))) inline std::size_t flatten_32(const std::byte* from, std::byte* to,
                                                              std::size_t from_byte) {
  __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  const __m256i hit = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\n')),
                                      _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\r')));
  const auto mask = static_cast<std::uint32_t>(_mm256_movemask_epi8(hit));
  if (mask != 0) [[unlikely]] {
    bytes = _mm256_blendv_epi8(bytes, _mm256_set1_epi8(' '), hit);
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
  return static_cast<std::size_t>(std::popcount(mask >> from_byte));
}

// 64 bytes a turn with one branch.
__attribute__((target("avx2"))) std::size_t flatten_avx2(const std::byte* from, std::size_t size,
                                                         std::byte* to) {
  if (size < 32) {
    return flatten_sse2(from, size, to);
  }
  const __m256i lf = _mm256_set1_epi8('\n');
  const __m256i cr = _mm256_set1_epi8('\r');
  std::size_t replaced = 0;
  std::size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at + 32));
    const __m256i hit_low = _mm256_or_si256(_mm256_cmpeq_epi8(low, lf), _mm256_cmpeq_epi8(low, cr));
    const __m256i hit_high = _mm256_or_si256(_mm256_cmpeq_epi8(high, lf), _mm256_cmpeq_epi8(high, cr));
    const __m256i any = _mm256_or_si256(hit_low, hit_high);
    if (_mm256_testz_si256(any, any) == 0) [[unlikely]] {
      replaced += flatten_32(from + at, to + at, 0) + flatten_32(from + at + 32, to + at + 32, 0);
      continue;
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + at), low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + at + 32), high);
  }
  if (at + 32 <= size) {
    replaced += flatten_32(from + at, to + at, 0);
    at += 32;
  }
  if (at < size) {
    replaced += flatten_32(from + size - 32, to + size - 32, 32 - (size - at));
  }
  // The upper halves are dirty here, and SSE code would pay for that on every instruction.
  _mm256_zeroupper();
  return replaced;
}

#endif

Kernel best_kernel() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0 ? flatten_avx2 : flatten_sse2;
#else
  return flatten_plain;  // the compiler makes NEON of it
#endif
}

const Kernel k_kernel = best_kernel();

}  // namespace

std::size_t copy_flat(Bytes from, std::byte* to) {
  return k_kernel(from.data(), from.size(), to);
}

// The path of nearly every record: a comparison, a copy and a byte. What it counts stays in registers.
Framed frame_lines(std::span<const RecordView> records, MutableBytes room) {
  std::byte* to = room.data();
  const std::byte* const end = to + room.size();
  std::size_t count = 0;
  std::size_t rows = 0;
  std::size_t skipped = 0;
  std::size_t flattened = 0;
  std::size_t undated = 0;
  std::int64_t oldest_timestamp_ms = -1;
  for (; count < records.size(); ++count) {
    const RecordView& record = records[count];
    const std::size_t size = record.value.size();
    if (size >= static_cast<std::size_t>(end - to)) {
      break;
    }
    undated += tells_time(record.timestamp_ms) ? 0 : 1;
    oldest_timestamp_ms = older(oldest_timestamp_ms, record.timestamp_ms);
    if (size == 0) {
      ++skipped;
      continue;
    }
    flattened += copy_flat(record.value, to) > 0 ? 1 : 0;
    to[size] = k_line_end;
    to += size + k_line_end_bytes;
    ++rows;
  }
  const auto bytes = static_cast<std::size_t>(to - room.data());
  return {.records = count,
          .rows = rows,
          .skipped = skipped,
          .bytes = bytes,
          .value_bytes = bytes - rows * k_line_end_bytes,
          .flattened = flattened,
          .undated = undated,
          .oldest_timestamp_ms = oldest_timestamp_ms};
}

}  // namespace penstock::format
