// Numbers of seven bits a byte, the lowest first, as Kafka, Avro, Thrift and Parquet have them. Zig-zag folds
// signed ones to small numbers first: 0, -1, 1, -2 are written as 0, 1, 2, 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace penstock {

inline constexpr std::size_t k_varint_bytes_max = 10;

constexpr std::uint64_t zigzag(std::int64_t number) {
  return static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
}

constexpr std::int64_t unzigzag(std::uint64_t bits) {
  return static_cast<std::int64_t>(bits >> 1 ^ (0 - (bits & 1)));
}

// k_varint_bytes_max must be free. Returns the end.
inline char* put_varint(char* to, std::uint64_t number) {
  while (number >= 0x80) {
    *to++ = static_cast<char>(number | 0x80);
    number >>= 7;
  }
  *to++ = static_cast<char>(number);
  return to;
}

inline char* put_zigzag(char* to, std::int64_t number) {
  return put_varint(to, zigzag(number));
}

// A length, as a number that might be less than nothing.
inline char* put_zigzag_length(char* to, std::size_t length) {
  return put_zigzag(to, static_cast<std::int64_t>(length));
}

inline void append_varint(std::vector<std::byte>& to, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) {
    to.push_back(static_cast<std::byte>(number | 0x80));
  }
  to.push_back(static_cast<std::byte>(number));
}

// Reads one from bytes of outside, which may come in pieces.
class VarintReader {
 public:
  enum class Taken : std::uint8_t {
    more,
    whole,  // value() has it
    bad,    // it has more than 64 bits
  };

  Taken add(std::byte next) {
    const auto bits = std::to_integer<std::uint64_t>(next);
    if (shift_ == 63 && bits > 1) {
      return Taken::bad;
    }
    bits_ |= (bits & 0x7f) << shift_;
    shift_ += 7;
    return bits < 0x80 ? Taken::whole : Taken::more;
  }

  // Ends it. The next byte begins another.
  std::uint64_t value() {
    shift_ = 0;
    return std::exchange(bits_, 0);
  }

  // Whether no byte of another was taken.
  bool empty() const { return shift_ == 0; }

 private:
  std::uint64_t bits_ = 0;
  unsigned shift_ = 0;
};

}  // namespace penstock
