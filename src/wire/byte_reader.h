// A cursor over bytes from outside, big-endian as Kafka has them. It never reads beyond its end: a read that
// would go there turns it bad and gives zero or nothing, and so does every read after it. So a parser reads a
// whole structure and asks ok() once, before it believes any of it. Before memory is reserved for a count,
// the count is held against remaining(), which array_count() does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/types.h"
#include "base/varint.h"

namespace penstock::wire {

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - next_); }
  bool at_end() const { return next_ == end_; }
  Bytes rest() const { return {next_, remaining()}; }

  std::int8_t int8() { return static_cast<std::int8_t>(big_endian<std::uint8_t>()); }
  std::int16_t int16() { return static_cast<std::int16_t>(big_endian<std::uint16_t>()); }
  std::int32_t int32() { return static_cast<std::int32_t>(big_endian<std::uint32_t>()); }
  std::uint32_t uint32() { return big_endian<std::uint32_t>(); }
  std::int64_t int64() { return static_cast<std::int64_t>(big_endian<std::uint64_t>()); }
  bool boolean() { return int8() != 0; }

  // LEB128, of at most 32 or 64 bits. A longer one is bad.
  std::uint32_t unsigned_varint() {
    const std::uint64_t value = varint_bits(5);
    if (value > UINT32_MAX) {
      fail();
      return 0;
    }
    return static_cast<std::uint32_t>(value);
  }
  std::uint64_t unsigned_varlong() { return varint_bits(10); }
  // Zig-zag (base/varint.h) over the above.
  std::int32_t varint() { return static_cast<std::int32_t>(unzigzag(unsigned_varint())); }
  std::int64_t varlong() { return unzigzag(unsigned_varlong()); }

  // A view of the next `count` bytes.
  Bytes bytes(std::size_t count) {
    if (count > remaining()) {
      fail();
      return {};
    }
    const Bytes out(next_, count);
    next_ += count;
    return out;
  }
  void skip(std::size_t count) { static_cast<void>(bytes(count)); }

  // A length of 16 bits and so many bytes. -1 is null, which string() gives as empty. Other negatives are
  // bad.
  std::string_view string() { return nullable_string().value_or(std::string_view()); }
  std::optional<std::string_view> nullable_string() {
    const std::int16_t length = int16();
    if (length < 0) {
      if (length != -1) {
        fail();
      }
      return std::nullopt;
    }
    return as_text(bytes(static_cast<std::size_t>(length)));
  }
  // The same with a length of 32 bits.
  std::optional<Bytes> nullable_bytes() {
    const std::int32_t length = int32();
    if (length < 0) {
      if (length != -1) {
        fail();
      }
      return std::nullopt;
    }
    return bytes(static_cast<std::size_t>(length));
  }

  // An array's count. Null (-1) is none. Other negatives are bad, and so is a count of more items than could
  // lie in what remains, at `item_bytes_min` bytes each. Bad gives none.
  std::size_t array_count(std::size_t item_bytes_min) {
    const std::int32_t count = int32();
    if (count < 0) {
      if (count != -1) {
        fail();
      }
      return 0;
    }
    if (static_cast<std::size_t>(count) > remaining() / (item_bytes_min == 0 ? 1 : item_bytes_min)) {
      fail();
      return 0;
    }
    return static_cast<std::size_t>(count);
  }

  // As the flexible versions have them: the length or count is an unsigned varint and one too high, and 0 is
  // null.
  std::optional<std::string_view> compact_nullable_string() {
    const std::uint32_t length = unsigned_varint();
    if (length == 0) {
      return std::nullopt;
    }
    return as_text(bytes(length - 1));
  }
  std::string_view compact_string() { return compact_nullable_string().value_or(std::string_view()); }
  std::size_t compact_array_count(std::size_t item_bytes_min) {
    const std::uint32_t count = unsigned_varint();
    if (count == 0) {
      return 0;
    }
    if (count - 1 > remaining() / (item_bytes_min == 0 ? 1 : item_bytes_min)) {
      fail();
      return 0;
    }
    return count - 1;
  }

  // A count, then for each field a tag, a length and so many bytes. All numbers are unsigned varints. We know
  // no tag.
  void skip_tagged_fields() {
    for (std::uint32_t count = unsigned_varint(); count > 0 && ok(); --count) {
      static_cast<void>(unsigned_varint());
      skip(unsigned_varint());
    }
  }

  // For a parser that finds a value impossible.
  void fail() {
    ok_ = false;
    next_ = end_;
  }

 private:
  template <class Unsigned>
  Unsigned big_endian() {
    if (remaining() < sizeof(Unsigned)) {
      fail();
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
      value = value << 8 | static_cast<std::uint8_t>(next_[i]);
    }
    next_ += sizeof(Unsigned);
    return static_cast<Unsigned>(value);
  }

  std::uint64_t varint_bits(int bytes_max) {
    // Nearly all varints have one byte.
    if (next_ != end_ && static_cast<std::uint8_t>(*next_) < 0x80) {
      return static_cast<std::uint8_t>(*next_++);
    }
    return long_varint_bits(bytes_max);
  }

  std::uint64_t long_varint_bits(int bytes_max) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes_max; ++i) {
      if (next_ == end_) {
        fail();
        return 0;
      }
      const auto byte = static_cast<std::uint8_t>(*next_++);
      // The tenth byte has room for the 64th bit alone.
      if (i == 9 && byte > 1) {
        break;
      }
      value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        return value;
      }
    }
    fail();
    return 0;
  }

  const std::byte* next_;
  const std::byte* end_;
  bool ok_ = true;
};

}  // namespace penstock::wire
