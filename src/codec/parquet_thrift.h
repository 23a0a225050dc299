// Thrift's compact protocol, as far as Parquet's headers and footer use it. Pure.
//
//   field      one byte: the field's number less the one before it in the high half, its type in the low. A
//              difference above 15 is 0, and the number follows as an integer
//   integer    zigzag (0, -1, 1, -2 become 0, 1, 2, 3), then 7 bits per byte, the lowest first
//   binary     its length (7 bits per byte), and the bytes
//   list       one byte: the count in the high half, the elements' type in the low. A count from 15 on is 15,
//              and the count follows
//   structure  fields, and a byte 0 behind the last
//   boolean    is its field's type: 1 true, 2 false. In a list it is that byte
//
// For example, field 1 = 5 and field 3 = "ab" are 15 0a 28 02 61 62 00.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace penstock::codec::parquet {

enum class ThriftType : std::uint8_t {
  boolean_true = 1,
  boolean_false = 2,
  int8 = 3,
  int16 = 4,
  int32 = 5,
  int64 = 6,
  binary = 8,
  list = 9,
  structure = 12,
};

// As deep as structures lie in each other: the footer's deepest is 6.
inline constexpr std::size_t k_thrift_depth_max = 16;

// Appends one structure to `out`, whose fields are written in the order of their numbers.
class ThriftWriter {
 public:
  explicit ThriftWriter(std::vector<std::byte>& out) : out_(out) {}

  void int16(std::int16_t field, std::int64_t value) { integer(field, ThriftType::int16, value); }
  void int32(std::int16_t field, std::int64_t value) { integer(field, ThriftType::int32, value); }
  void int64(std::int16_t field, std::int64_t value) { integer(field, ThriftType::int64, value); }
  void boolean(std::int16_t field, bool value);
  void binary(std::int16_t field, std::string_view value);

  // `count` elements follow, each by one of the calls below.
  void begin_list(std::int16_t field, ThriftType elements, std::size_t count);
  void element(std::int64_t value);
  void element(std::string_view value);
  void boolean_element(bool value);
  void begin_element() { enter(); }  // a structure; end() ends it

  void begin(std::int16_t field);  // a structure; end() ends it
  void end();                      // of the innermost structure, at last of the outermost

 private:
  void integer(std::int16_t field, ThriftType type, std::int64_t value);
  void header(std::int16_t field, ThriftType type);
  void enter();

  std::vector<std::byte>& out_;
  std::array<std::int16_t, k_thrift_depth_max> last_{};
  std::size_t depth_ = 0;
};

// Reads one structure from bytes of outside: nothing in them is believed. After the first fault nothing is
// read any more: failed() says so, fields end, and values are 0 or empty.
class ThriftReader {
 public:
  explicit ThriftReader(Bytes bytes) : bytes_(bytes) {}

  struct Field {
    std::int16_t id = 0;
    ThriftType type = ThriftType::structure;
  };
  // The next field of the innermost structure. None: the structure has ended, or failed().
  std::optional<Field> next();

  // The value of the field that next() told last, or of an element. A type that is not asked for is a fault.
  std::int64_t integer(const Field& field);
  bool boolean(const Field& field);
  std::string_view binary(const Field& field);
  void enter(const Field& field);  // a structure: next() tells its fields, up to its end
  struct List {
    std::size_t count = 0;  // no more than bytes are left
    Field element;          // to pass on
  };
  List list(const Field& field);
  void skip(const Field& field);

  bool failed() const { return failed_; }
  // What has been read so far; all of the structure when next() has told the end of the outermost.
  std::size_t position() const { return at_; }

 private:
  std::uint8_t byte();
  std::uint64_t varint();
  void skip_value(ThriftType type, std::size_t depth, bool in_list);

  Bytes bytes_;
  std::size_t at_ = 0;
  std::array<std::int16_t, k_thrift_depth_max> last_{};
  std::size_t depth_ = 0;
  bool failed_ = false;
};

}  // namespace penstock::codec::parquet
