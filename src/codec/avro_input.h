// Inside: what is left of a value in Avro's binary encoding, and the reads from its front. Each is held
// against the end. One that fails tells why in fault(), and what is left does not count then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/types.h"
#include "base/varint.h"
#include "codec/avro_json.h"
#include "codec/avro_schema.h"

namespace penstock::codec {

class AvroInput {
 public:
  explicit AvroInput(Bytes value) : in_(value) {}

  Bytes left() const { return in_; }
  AvroFault fault() const { return fault_; }

  // Always false.
  bool fail(AvroFault fault) {
    fault_ = fault;
    return false;
  }

  bool take(std::size_t bytes, Bytes& out) {
    if (in_.size() < bytes) {
      return fail(AvroFault::ends_early);
    }
    out = in_.first(bytes);
    in_ = in_.subspan(bytes);
    return true;
  }

  bool take_long(std::int64_t& out) {
    if (!in_.empty() && in_.front() < std::byte{0x80}) {
      out = unzigzag(std::to_integer<std::uint64_t>(in_.front()));
      in_ = in_.subspan(1);
      return true;
    }
    return take_longer(out);
  }

  bool take_int(std::int64_t& out) {
    return take_long(out) && ((out >= INT32_MIN && out <= INT32_MAX) || fail(AvroFault::bad_number));
  }

  bool take_sized(Bytes& out) {
    std::int64_t size = 0;
    return take_long(size) && (size >= 0 || fail(AvroFault::bad_length)) &&
           take(static_cast<std::size_t>(size), out);
  }

  bool take_boolean(bool& out) {
    Bytes byte;
    if (!take(1, byte)) {
      return false;
    }
    out = byte[0] == std::byte{1};
    return out || byte[0] == std::byte{0} || fail(AvroFault::bad_boolean);
  }

  // Avro has the order of our machines.
  template <class Number>
  bool take_bits(Number& out) {
    Bytes bits;
    if (!take(sizeof(Number), bits)) {
      return false;
    }
    std::memcpy(&out, bits.data(), sizeof(Number));
    return true;
  }

  // Which of the parts of an enum or a union comes.
  bool take_part(const AvroSchema::Node& node, AvroFault fault, std::uint32_t& out) {
    std::int64_t index = 0;
    if (!take_long(index)) {
      return false;
    }
    out = static_cast<std::uint32_t>(index);
    return (index >= 0 && index < std::int64_t{node.count}) || fail(fault);
  }

 private:
  bool take_longer(std::int64_t& out) {
    VarintReader number;
    for (std::size_t i = 0; i < in_.size(); ++i) {
      switch (number.add(in_[i])) {
        case VarintReader::Taken::more:
          break;
        case VarintReader::Taken::whole:
          in_ = in_.subspan(i + 1);
          out = unzigzag(number.value());
          return true;
        case VarintReader::Taken::bad:
          return fail(AvroFault::bad_number);
      }
    }
    return fail(AvroFault::ends_early);
  }

  Bytes in_;
  AvroFault fault_ = AvroFault::none;
};

// The blocks in which the items of an array or a map come. One with a negative count has that many, and tells
// its bytes.
class AvroBlocks {
 public:
  // Whether an item comes. False at the end too, and then the input has no fault.
  bool next(AvroInput& in) {
    if (left_ > 0) {
      --left_;
      return true;
    }
    return !ended_ && begin(in);
  }

 private:
  bool begin(AvroInput& in) {
    if (tells_bytes_ && before_ - in.left().size() != bytes_) {
      return in.fail(AvroFault::bad_length);
    }
    std::int64_t count = 0;
    std::int64_t bytes = 0;
    if (!in.take_long(count) || (count < 0 && !in.take_long(bytes))) {
      return false;
    }
    if (count == INT64_MIN || bytes < 0) {
      return in.fail(AvroFault::bad_length);
    }
    tells_bytes_ = count < 0;
    bytes_ = static_cast<std::uint64_t>(bytes);
    before_ = in.left().size();
    left_ = (count < 0 ? -count : count) - 1;
    ended_ = count == 0;
    return !ended_;
  }

  std::int64_t left_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t before_ = 0;
  bool tells_bytes_ = false;
  bool ended_ = false;
};

// The JSON of what comes next in `in`, which is of the type `node`, as write_avro_json() has it. The fault is
// told by `in`; of no_room nothing else is known. Returns the bytes in the room.
std::size_t write_avro_json(const AvroSchema& schema, const AvroSchema::Node& node, AvroInput& in,
                            MutableBytes room);

}  // namespace penstock::codec
