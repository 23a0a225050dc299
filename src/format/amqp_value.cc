#include "format/amqp_value.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>

#include "codec/json_check.h"

namespace penstock::format {
namespace {

constexpr std::uint8_t byte_at(Bytes bytes, std::size_t index) {
  return std::to_integer<std::uint8_t>(bytes[index]);
}

std::uint64_t big_endian(Bytes bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    number = number << 8 | byte_at(bytes, i);
  }
  return number;
}

AmqpValue unsigned_number(Bytes bytes) {
  const std::uint64_t number = big_endian(bytes);
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return AmqpOther();
  }
  return static_cast<std::int64_t>(number);
}

// Of 0 to 8 bytes, the first of which has the sign.
AmqpValue signed_number(Bytes bytes) {
  const std::uint64_t number = big_endian(bytes);
  switch (bytes.size()) {
    case 1:
      return std::int64_t{static_cast<std::int8_t>(number)};
    case 2:
      return std::int64_t{static_cast<std::int16_t>(number)};
    case 4:
      return std::int64_t{static_cast<std::int32_t>(number)};
    default:
      return static_cast<std::int64_t>(number);
  }
}

// Types of a fixed width, by the four bits above: 0x4 nothing, 0x5 one byte, 0x6 two, 0x7 four, 0x8 eight,
// 0x9 sixteen.
std::optional<AmqpValue> read_fixed(std::uint8_t type, Bytes rest) {
  switch (type) {
    case 0x40:
      return AmqpNull();
    case 0x43:  // uint and ulong 0
    case 0x44:
    case 0x50:  // ubyte, ushort, uint, ulong; small uint and ulong
    case 0x52:
    case 0x53:
    case 0x60:
    case 0x70:
    case 0x80:
      return unsigned_number(rest);
    case 0x51:  // byte, short, int, long; small int and long; timestamp
    case 0x54:
    case 0x55:
    case 0x61:
    case 0x71:
    case 0x81:
    case 0x83:
      return signed_number(rest);
    case 0x72:
      return double{std::bit_cast<float>(static_cast<std::uint32_t>(big_endian(rest)))};
    case 0x82:
      return std::bit_cast<double>(big_endian(rest));
    case 0x56:  // a boolean of one byte
      return byte_at(rest, 0) > 1 ? std::nullopt : std::optional<AmqpValue>(AmqpOther());
    case 0x41:  // true, false, char, decimals, uuid
    case 0x42:
    case 0x73:
    case 0x74:
    case 0x84:
    case 0x94:
    case 0x98:
      return AmqpOther();
    default:
      return std::nullopt;
  }
}

// Binary, string and symbol, with a length of one byte or of four in front.
std::optional<AmqpValue> read_variable(std::uint8_t type, Bytes rest) {
  const std::size_t width = type < 0xb0 ? 1 : 4;
  if (rest.size() < width || big_endian(rest.first(width)) != rest.size() - width) {
    return std::nullopt;
  }
  const Bytes content = rest.subspan(width);
  switch (type & 0x0f) {
    case 0x0:
      return content;
    case 0x1:
    case 0x3:
      return codec::is_utf8(as_text(content)) ? std::optional<AmqpValue>(as_text(content)) : std::nullopt;
    default:
      return std::nullopt;
  }
}

bool is_printable(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte b) { return b >= std::byte{0x20} && b < std::byte{0x7f}; });
}

}  // namespace

std::optional<AmqpValue> read_amqp_value(Bytes bytes) {
  constexpr std::size_t k_widths[] = {0, 1, 2, 4, 8, 16};
  if (bytes.empty()) {
    return std::nullopt;
  }
  const std::uint8_t type = byte_at(bytes, 0);
  const Bytes rest = bytes.subspan(1);
  if (type >= 0x40 && type <= 0x9f) {
    return rest.size() == k_widths[(type >> 4) - 4] ? read_fixed(type, rest) : std::nullopt;
  }
  return type >= 0xa0 && type <= 0xbf ? read_variable(type, rest) : std::nullopt;
}

bool are_of_amqp(std::span<const HeaderView> headers) {
  bool binary = false;
  for (const HeaderView& header : headers) {
    if (header.null_value || !read_amqp_value(header.value)) {
      return false;
    }
    binary = binary || !is_printable(header.value);
  }
  return binary;
}

}  // namespace penstock::format
