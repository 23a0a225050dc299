// Both ways rest on one thing: bytes may be replaced by others that leave the same remainder.
//
// By table: the register and the next eight bytes are one number of 64 bits, and the remainder of a sum is
// the sum of the remainders, with one table per byte. By folding: a stretch A that lies D bits before
// another, B, may be taken away if the remainder of A * x^D is added to B, for A * x^D + B is what both
// are. A is two halves of 64 bits; each is multiplied by a constant that leaves the same remainder as the
// power of x it stands for. Eight stretches are folded side by side, as one multiplication waits for the
// one before it. What the registers hold in the end is a message again, short enough for a slower way: so
// the wide way ends in the narrow one, and that in the table.
//
// Worked case: 300 bytes by folding, 128 bytes per turn.
//
//   bytes   0..127    loaded into eight registers of 16 bytes; the register so far is added to the first
//   bytes 128..255    one turn: each register is moved over 128 bytes and the next 16 bytes are added to it
//   then              the eight registers are moved onto each other, 16 bytes apart: one register is left
//   bytes 256..287    two stretches more are folded into it
//   bytes 288..299    by table, behind the 16 bytes that the register holds
#include "codec/crc64_nvme.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace penstock::codec {
namespace {

static_assert(std::endian::native == std::endian::little, "bytes are loaded in the order of their powers");

// Without its x^64, reflected. https://reveng.sourceforge.io/crc-catalogue/all.htm, CRC-64/NVME
constexpr std::uint64_t k_polynomial = 0x9A6C9329AC4BC9B5;

constexpr std::uint64_t times_x(std::uint64_t value) {
  return (value >> 1) ^ ((value & 1) != 0 ? k_polynomial : 0);
}

using Tables = std::array<std::array<std::uint64_t, 256>, 8>;

// [behind][byte]: the remainder of a byte with `behind` more behind it.
constexpr Tables make_tables() {
  Tables tables{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::uint64_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = times_x(remainder);
    }
    tables[0][byte] = remainder;
  }
  for (std::size_t behind = 1; behind < tables.size(); ++behind) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t nearer = tables[behind - 1][byte];
      tables[behind][byte] = (nearer >> 8) ^ tables[0][nearer & 0xFF];
    }
  }
  return tables;
}

constexpr Tables k_tables = make_tables();

std::uint64_t by_table(Bytes bytes, std::uint64_t before) {
  std::uint64_t crc = before;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    std::uint64_t next = 0;
    std::memcpy(&next, bytes.data(), sizeof next);
    next ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      crc ^= k_tables[7 - i][(next >> (8 * i)) & 0xFF];
    }
  }
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ k_tables[0][(crc ^ std::to_integer<std::uint64_t>(byte)) & 0xFF];
  }
  return crc;
}

#if defined(__x86_64__)

#define PENSTOCK_FOLDS __attribute__((target("pclmul,sse4.1")))
#define PENSTOCK_FOLDS_WIDE __attribute__((target("avx512f,vpclmulqdq")))

constexpr std::size_t k_side_by_side = 8;
constexpr std::size_t k_stretch_bytes = 16;
constexpr std::size_t k_wide_bytes = 64;  // four stretches in one register

constexpr std::uint64_t power_of_x(std::size_t exponent) {
  std::uint64_t value = std::uint64_t{1} << 63;
  for (; exponent > 0; --exponent) {
    value = times_x(value);
  }
  return value;
}

// What the two halves of a stretch are multiplied by to move it over `bytes`. The first half stands 64 bits
// higher. One power less than the distance, as the product of two reflected numbers of 64 bits comes out
// one place too low.
struct Distance {
  std::uint64_t first_half;
  std::uint64_t second_half;
};
constexpr Distance over(std::size_t bytes) {
  return {power_of_x(8 * bytes + 63), power_of_x(8 * bytes - 1)};
}

constexpr Distance k_over_stretch = over(k_stretch_bytes);
constexpr Distance k_over_turn = over(k_side_by_side * k_stretch_bytes);
constexpr Distance k_over_wide_turn = over(k_side_by_side * k_wide_bytes);

PENSTOCK_FOLDS inline __m128i load(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

PENSTOCK_FOLDS inline __m128i factors(const Distance& distance) {
  return _mm_set_epi64x(static_cast<long long>(distance.second_half),
                        static_cast<long long>(distance.first_half));
}

PENSTOCK_FOLDS inline __m128i fold(__m128i stretch, __m128i distance, __m128i onto) {
  const __m128i first = _mm_clmulepi64_si128(stretch, distance, 0x00);
  const __m128i second = _mm_clmulepi64_si128(stretch, distance, 0x11);
  return _mm_xor_si128(_mm_xor_si128(first, second), onto);
}

PENSTOCK_FOLDS std::uint64_t by_folding(Bytes bytes, std::uint64_t before) {
  constexpr std::size_t k_turn_bytes = k_side_by_side * k_stretch_bytes;
  if (bytes.size() < k_turn_bytes) {
    return by_table(bytes, before);
  }
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size() - k_turn_bytes;
  __m128i stretches[k_side_by_side];
  for (std::size_t i = 0; i < k_side_by_side; ++i, at += k_stretch_bytes) {
    stretches[i] = load(at);
  }
  stretches[0] = _mm_xor_si128(stretches[0], _mm_cvtsi64_si128(static_cast<long long>(before)));

  const __m128i over_turn = factors(k_over_turn);
  for (; left >= k_turn_bytes; left -= k_turn_bytes) {
    for (std::size_t i = 0; i < k_side_by_side; ++i, at += k_stretch_bytes) {
      stretches[i] = fold(stretches[i], over_turn, load(at));
    }
  }

  const __m128i over_stretch = factors(k_over_stretch);
  __m128i sum = stretches[0];
  for (std::size_t i = 1; i < k_side_by_side; ++i) {
    sum = fold(sum, over_stretch, stretches[i]);
  }
  for (; left >= k_stretch_bytes; left -= k_stretch_bytes, at += k_stretch_bytes) {
    sum = fold(sum, over_stretch, load(at));
  }
  std::array<std::byte, k_stretch_bytes> message;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(message.data()), sum);
  return by_table(bytes.last(left), by_table(message, 0));
}

PENSTOCK_FOLDS_WIDE inline __m512i fold_wide(__m512i stretches, __m512i distance, __m512i onto) {
  constexpr int k_xor_of_three = 0x96;
  const __m512i first = _mm512_clmulepi64_epi128(stretches, distance, 0x00);
  const __m512i second = _mm512_clmulepi64_epi128(stretches, distance, 0x11);
  return _mm512_ternarylogic_epi64(first, second, onto, k_xor_of_three);
}

PENSTOCK_FOLDS_WIDE std::uint64_t by_wide_folding(Bytes bytes, std::uint64_t before) {
  constexpr std::size_t k_turn_bytes = k_side_by_side * k_wide_bytes;
  if (bytes.size() < k_turn_bytes) {
    return by_folding(bytes, before);
  }
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size() - k_turn_bytes;
  __m512i stretches[k_side_by_side];
  for (std::size_t i = 0; i < k_side_by_side; ++i, at += k_wide_bytes) {
    stretches[i] = _mm512_loadu_si512(at);
  }
  const __m512i first = _mm512_set_epi64(0, 0, 0, 0, 0, 0, 0, static_cast<long long>(before));
  stretches[0] = _mm512_xor_si512(stretches[0], first);

  // With a mask that takes all: the plain form makes gcc 12 warn of its own header.
  const __m512i over_turn = _mm512_maskz_broadcast_i32x4(0xffff, factors(k_over_wide_turn));
  for (; left >= k_turn_bytes; left -= k_turn_bytes) {
    for (std::size_t i = 0; i < k_side_by_side; ++i, at += k_wide_bytes) {
      stretches[i] = fold_wide(stretches[i], over_turn, _mm512_loadu_si512(at));
    }
  }
  std::array<std::byte, k_turn_bytes> message;
  for (std::size_t i = 0; i < k_side_by_side; ++i) {
    _mm512_storeu_si512(message.data() + i * k_wide_bytes, stretches[i]);
  }
  _mm256_zeroupper();  // dirty upper halves would cost the SSE code that follows
  return by_folding(bytes.last(left), by_folding(message, 0));
}

#endif

std::vector<Crc64Way> ways_of_this_processor() {
  std::vector<Crc64Way> ways = {{"table", by_table}};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0) {
    ways.push_back({"folding", by_folding});
    if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0) {
      ways.push_back({"wide_folding", by_wide_folding});
    }
  }
#endif
  return ways;
}

}  // namespace

std::span<const Crc64Way> crc64_nvme_ways() {
  static const std::vector<Crc64Way> ways = ways_of_this_processor();
  return ways;
}

}  // namespace penstock::codec
