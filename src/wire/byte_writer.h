// Appends to a request, big-endian as Kafka has it. The buffer is the caller's and outlives the writer, so
// that it keeps its capacity from one request to the next. Nothing fails: a text that is too long is a bug
// (CHECK).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/types.h"
#include "base/varint.h"

namespace penstock::wire {

using Buffer = std::vector<std::byte>;

class ByteWriter {
 public:
  explicit ByteWriter(Buffer& out) : out_(out) {}

  void int8(std::int8_t value) { big_endian(static_cast<std::uint8_t>(value)); }
  void int16(std::int16_t value) { big_endian(static_cast<std::uint16_t>(value)); }
  void int32(std::int32_t value) { big_endian(static_cast<std::uint32_t>(value)); }
  void int64(std::int64_t value) { big_endian(static_cast<std::uint64_t>(value)); }
  void boolean(bool value) { int8(value ? 1 : 0); }

  void unsigned_varint(std::uint32_t value) { append_varint(out_, value); }

  void raw(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

  // A length of 16 bits, then the bytes. At most 32,767 of them (CHECK).
  void string(std::string_view text) {
    CHECK(text.size() <= std::size_t{INT16_MAX});
    int16(static_cast<std::int16_t>(text.size()));
    raw(as_bytes(text));
  }
  // nullopt is a length of -1.
  void nullable_string(std::optional<std::string_view> text) {
    if (text) {
      string(*text);
    } else {
      int16(-1);
    }
  }
  // A length of 32 bits, then the bytes.
  void bytes(Bytes bytes) {
    CHECK(bytes.size() <= std::size_t{INT32_MAX});
    int32(static_cast<std::int32_t>(bytes.size()));
    raw(bytes);
  }
  void array_count(std::size_t count) {
    CHECK(count <= std::size_t{INT32_MAX});
    int32(static_cast<std::int32_t>(count));
  }

  // As the flexible versions have them. The length or count is an unsigned varint and one too high: 0 would
  // be null.
  void compact_string(std::string_view text) {
    CHECK(text.size() < std::size_t{INT16_MAX});
    unsigned_varint(static_cast<std::uint32_t>(text.size()) + 1);
    raw(as_bytes(text));
  }
  void compact_array_count(std::size_t count) {
    CHECK(count < std::size_t{INT32_MAX});
    unsigned_varint(static_cast<std::uint32_t>(count) + 1);
  }
  void no_tagged_fields() { unsigned_varint(0); }

 private:
  template <class Unsigned>
  void big_endian(Unsigned value) {
    std::array<std::byte, sizeof(Unsigned)> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::byte>(value >> (8 * (bytes.size() - 1 - i)));
    }
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }

  Buffer& out_;
};

}  // namespace penstock::wire
