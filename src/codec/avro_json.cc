// How it works
//
// AvroWalk goes through the schema's nodes and the value's bytes side by side, and writes as it goes. Every
// read is held against the end of the value, and every write against the end of the room. The first that
// does not hold ends the walk: a function returns false then, and the input (avro_input.h) has the fault.
//
// For example, the schema of avro_schema.h and the bytes 0e 02 04 68 69:
//
// 1. The root is a record. `{"id":` is its first part, and the part's node is int64. The varint 0e is 14,
//    which stands for 7 (zig-zag): `7`.
// 2. `,"note":`, and the node is a choice. 02 stands for branch 1, whose node is text. 04 stands for 2 bytes:
//    `"hi"`.
// 3. The record is closed: `{"id":7,"note":"hi"}`. No byte is left, so this is the value.
//
// Each node writes a byte at least, so the walk ends when the room does, however few bytes of the value an
// item takes. Nothing is written twice, and nothing is allocated.
#include "codec/avro_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/base64.h"
#include "base/plain_run.h"
#include "base/utf8.h"
#include "codec/avro_input.h"
#include "codec/avro_text.h"

namespace penstock::codec {
namespace {

using Type = AvroType;

// Of a number: 20 characters of a long, 24 of a double, and ".0".
constexpr std::size_t k_number_bytes_max = 32;

class AvroWalk {
 public:
  AvroWalk(const AvroSchema& schema, AvroInput& in, MutableBytes room)
      : schema_(schema),
        in_(in),
        to_(reinterpret_cast<char*>(room.data())),
        begin_(to_),
        end_(to_ + room.size()) {}

  std::size_t run(const AvroSchema::Node& node) {
    write(node, 0);
    return static_cast<std::size_t>(to_ - begin_);
  }

 private:
  bool fail(AvroFault fault) { return in_.fail(fault); }

  bool has_room(std::size_t bytes) {
    return static_cast<std::size_t>(end_ - to_) >= bytes || fail(AvroFault::no_room);
  }

  bool put(std::string_view text) {
    if (!has_room(text.size())) {
      return false;
    }
    std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
    return true;
  }

  bool put(char c) {
    if (!has_room(1)) {
      return false;
    }
    *to_++ = c;
    return true;
  }

  bool write_long(std::int64_t number) {
    if (!has_room(k_number_bytes_max)) {
      return false;
    }
    to_ = std::to_chars(to_, end_, number).ptr;
    return true;
  }

  template <class Number>
  bool write_float() {
    Number number{};
    if (!in_.take_bits(number)) {
      return false;
    }
    if (std::isnan(number)) {
      return put("\"NaN\"");
    }
    if (std::isinf(number)) {
      return put(number < 0 ? "\"-Infinity\"" : "\"Infinity\"");
    }
    if (!has_room(k_number_bytes_max)) {
      return false;
    }
    char* const from = to_;
    to_ = std::to_chars(to_, end_, number).ptr;
    const std::string_view text(from, static_cast<std::size_t>(to_ - from));
    return text.find_first_of(".e") != std::string_view::npos || put(".0");
  }

  bool write_base64(Bytes bytes) {
    if (!has_room(base64_size(bytes.size()) + 2)) {
      return false;
    }
    *to_++ = '"';
    to_ = base64_write(bytes, to_);
    *to_++ = '"';
    return true;
  }

  bool write_text() {
    Bytes bytes;
    if (!in_.take_sized(bytes) || !put('"')) {
      return false;
    }
    std::string_view text = as_text(bytes);
    while (true) {
      const std::size_t plain = plain_run(text);
      if (!put(text.substr(0, plain))) {
        return false;
      }
      text.remove_prefix(plain);
      if (text.empty()) {
        return put('"');
      }
      const std::size_t length = utf8_sequence(text);
      if (length == 0) {
        return fail(AvroFault::not_utf8);
      }
      if (!(length == 1 ? put_escaped(text.front()) : put(text.substr(0, length)))) {
        return false;
      }
      text.remove_prefix(length);
    }
  }

  // A character of ASCII that is not plain.
  bool put_escaped(char c) {
    constexpr std::string_view k_hex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      return put("\\n");
    }
    if (c == '"' || c == '\\') {
      return put('\\') && put(c);
    }
    return put("\\u00") && put(k_hex[byte >> 4]) && put(k_hex[byte & 15U]);
  }

  // `make` writes to `to_` and returns the end, or nothing.
  template <class Make>
  bool write_quoted(AvroFault fault, const Make& make) {
    if (!has_room(k_avro_text_bytes_max + 2)) {
      return false;
    }
    const std::optional<char*> end = make(to_ + 1);
    if (!end) {
      return fail(fault);
    }
    *to_ = '"';
    to_ = *end;
    *to_++ = '"';
    return true;
  }

  bool write_timestamp(unsigned digits, bool in_utc) {
    std::int64_t count = 0;
    return in_.take_long(count) && write_quoted(AvroFault::bad_time, [&](char* to) -> std::optional<char*> {
             to = write_avro_timestamp(count, digits, to);
             if (in_utc) {
               *to++ = 'Z';
             }
             return to;
           });
  }

  bool write_time(std::int64_t count, unsigned digits) {
    return write_quoted(AvroFault::bad_time, [&](char* to) { return write_avro_time(count, digits, to); });
  }

  bool write_decimal(Bytes number, std::uint32_t scale) {
    return write_quoted(AvroFault::long_decimal,
                        [&](char* to) { return write_avro_decimal(number, scale, to); });
  }

  bool write_boolean() {
    bool value = false;
    return in_.take_boolean(value) && put(value ? "true" : "false");
  }

  bool write_record(const AvroSchema::Node& node, std::size_t depth) {
    if (node.count == 0) {
      return put("{}");
    }
    for (std::uint32_t i = 0; i < node.count; ++i) {
      const AvroSchema::Part& part = schema_.part(node, i);
      if (!put(schema_.text_of(part)) || !write(schema_.node_of(part), depth + 1)) {
        return false;
      }
    }
    return put('}');
  }

  bool write_blocks(const AvroSchema::Node& node, std::size_t depth) {
    const bool is_map = node.type == Type::map;
    const AvroSchema::Node& item = schema_.node_of(schema_.part(node, 0));
    if (!put(is_map ? '{' : '[')) {
      return false;
    }
    AvroBlocks blocks;
    for (bool first = true; blocks.next(in_); first = false) {
      if ((!first && !put(',')) || (is_map && !(write_text() && put(':'))) || !write(item, depth + 1)) {
        return false;
      }
    }
    return in_.fault() == AvroFault::none && put(is_map ? '}' : ']');
  }

  bool write(const AvroSchema::Node& node, std::size_t depth) {
    if (depth > k_avro_depth_max) {
      return fail(AvroFault::too_deep);
    }
    std::uint32_t part = 0;
    std::int64_t number = 0;
    Bytes bytes;
    switch (node.type) {
      case Type::null:
        return put("null");
      case Type::boolean:
        return write_boolean();
      case Type::int32:
        return in_.take_int(number) && write_long(number);
      case Type::int64:
        return in_.take_long(number) && write_long(number);
      case Type::float32:
        return write_float<float>();
      case Type::float64:
        return write_float<double>();
      case Type::bytes:
        return in_.take_sized(bytes) && write_base64(bytes);
      case Type::text:
        return write_text();
      case Type::fixed:
        return in_.take(node.size, bytes) && write_base64(bytes);
      case Type::record:
        return write_record(node, depth);
      case Type::symbols:
        return in_.take_part(node, AvroFault::bad_symbol, part) &&
               put(schema_.text_of(schema_.part(node, part)));
      case Type::array:
      case Type::map:
        return write_blocks(node, depth);
      case Type::choice:
        return in_.take_part(node, AvroFault::bad_branch, part) &&
               write(schema_.node_of(schema_.part(node, part)), depth + 1);
      default:
        return write_logical(node);
    }
  }

  bool write_logical(const AvroSchema::Node& node) {
    std::int64_t number = 0;
    Bytes bytes;
    switch (node.type) {
      case Type::date:
        return in_.take_int(number) && write_quoted(AvroFault::bad_time, [&](char* to) {
                 return std::optional(write_avro_date(number, to));
               });
      case Type::time_millis:
        return in_.take_int(number) && write_time(number, 3);
      case Type::time_micros:
        return in_.take_long(number) && write_time(number, 6);
      case Type::timestamp_millis:
      case Type::local_timestamp_millis:
        return write_timestamp(3, node.type == Type::timestamp_millis);
      case Type::timestamp_micros:
      case Type::local_timestamp_micros:
        return write_timestamp(6, node.type == Type::timestamp_micros);
      case Type::timestamp_nanos:
      case Type::local_timestamp_nanos:
        return write_timestamp(9, node.type == Type::timestamp_nanos);
      case Type::decimal:
        return in_.take_sized(bytes) && write_decimal(bytes, node.scale);
      case Type::fixed_decimal:
        return in_.take(node.size, bytes) && write_decimal(bytes, node.scale);
      case Type::fixed_uuid:
        return in_.take(node.size, bytes) && write_quoted(AvroFault::bad_length, [&](char* to) {
                 return std::optional(write_avro_uuid(bytes, to));
               });
      default:
        return in_.take(node.size, bytes) && write_quoted(AvroFault::bad_length, [&](char* to) {
                 return std::optional(write_avro_duration(bytes, to));
               });
    }
  }

  const AvroSchema& schema_;
  AvroInput& in_;
  char* to_;
  char* const begin_;
  char* const end_;
};

}  // namespace

std::string_view to_string(AvroFault fault) {
  switch (fault) {
    case AvroFault::none:
      return "is of its schema";
    case AvroFault::no_room:
      return "is too large as JSON";
    case AvroFault::ends_early:
      return "ends before its schema does";
    case AvroFault::left_over:
      return "has bytes behind the end of its schema";
    case AvroFault::bad_number:
      return "has a number with more bits than its type";
    case AvroFault::bad_boolean:
      return "has a boolean that is neither 0 nor 1";
    case AvroFault::bad_length:
      return "has a length that cannot be";
    case AvroFault::bad_branch:
      return "names a branch that its union does not have";
    case AvroFault::bad_symbol:
      return "names a symbol that its enum does not have";
    case AvroFault::bad_time:
      return "has a time that is outside of a day";
    case AvroFault::long_decimal:
      return "has a decimal of more than 63 bytes";
    case AvroFault::not_utf8:
      return "has a string that is not UTF-8";
    case AvroFault::too_deep:
      return "is nested deeper than 128 levels";
    case AvroFault::too_many_items:
      return "has more items than a row can have";
  }
  return "?";
}

AvroJson write_avro_json(const AvroSchema& schema, Bytes value, MutableBytes room) {
  AvroInput in(value);
  const std::size_t bytes = write_avro_json(schema, schema.root(), in, room);
  if (in.fault() == AvroFault::none && !in.left().empty()) {
    in.fail(AvroFault::left_over);
  }
  return {.fault = in.fault(), .bytes = bytes};
}

std::size_t write_avro_json(const AvroSchema& schema, const AvroSchema::Node& node, AvroInput& in,
                            MutableBytes room) {
  return AvroWalk(schema, in, room).run(node);
}

}  // namespace penstock::codec
