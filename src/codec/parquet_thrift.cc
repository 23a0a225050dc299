// How it works. In the compact protocol a field is a byte with its type and how far its number is from that
// of the field before, then its value. A structure ends with a zero byte. Both sides therefore keep the last
// number of each structure that is open.
//
// For example, the fields 1 = 2 and 3 = -1, both int32: 15 04 (one further, type 5; 2 in zigzag), 25 01 (two
// further; -1 in zigzag), 00. The reader stops at the first thing that cannot be, and gives zeros and empty
// texts from then on: failed() tells it.
#include "codec/parquet_thrift.h"

#include <algorithm>

#include "base/check.h"
#include "base/varint.h"

namespace penstock::codec::parquet {
namespace {

constexpr unsigned k_long_form = 15;  // a count that follows

bool is_known(std::uint8_t type) {
  return (type >= 1 && type <= 6) || type == 8 || type == 9 || type == 12;
}

}  // namespace

// Writing

void ThriftWriter::header(std::int16_t field, ThriftType type) {
  const int step = field - last_[depth_];
  CHECK((step > 0));
  if (step <= 15) {
    out_.push_back(static_cast<std::byte>(static_cast<unsigned>(step) << 4 | static_cast<unsigned>(type)));
  } else {
    out_.push_back(static_cast<std::byte>(type));
    element(field);
  }
  last_[depth_] = field;
}

void ThriftWriter::integer(std::int16_t field, ThriftType type, std::int64_t value) {
  header(field, type);
  element(value);
}

void ThriftWriter::boolean(std::int16_t field, bool value) {
  header(field, value ? ThriftType::boolean_true : ThriftType::boolean_false);
}

void ThriftWriter::binary(std::int16_t field, std::string_view value) {
  header(field, ThriftType::binary);
  element(value);
}

void ThriftWriter::begin_list(std::int16_t field, ThriftType elements, std::size_t count) {
  header(field, ThriftType::list);
  const auto in_byte = static_cast<unsigned>(std::min<std::size_t>(count, k_long_form));
  out_.push_back(static_cast<std::byte>(in_byte << 4 | static_cast<unsigned>(elements)));
  if (in_byte == k_long_form) {
    append_varint(out_, count);
  }
}

void ThriftWriter::element(std::int64_t value) {
  append_varint(out_, zigzag(value));
}

void ThriftWriter::element(std::string_view value) {
  append_varint(out_, value.size());
  const Bytes bytes = as_bytes(value);
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

void ThriftWriter::boolean_element(bool value) {
  out_.push_back(static_cast<std::byte>(value ? ThriftType::boolean_true : ThriftType::boolean_false));
}

void ThriftWriter::begin(std::int16_t field) {
  header(field, ThriftType::structure);
  enter();
}

void ThriftWriter::enter() {
  CHECK(depth_ + 1 < last_.size());
  last_[++depth_] = 0;
}

void ThriftWriter::end() {
  out_.push_back(std::byte{0});
  depth_ -= depth_ > 0 ? 1 : 0;
}

// Reading

std::uint8_t ThriftReader::byte() {
  if (at_ == bytes_.size()) {
    failed_ = true;
    return 0;
  }
  return static_cast<std::uint8_t>(bytes_[at_++]);
}

std::uint64_t ThriftReader::varint() {
  VarintReader number;
  auto taken = VarintReader::Taken::more;
  while (taken == VarintReader::Taken::more && !failed_) {
    taken = number.add(std::byte{byte()});
  }
  failed_ = failed_ || taken == VarintReader::Taken::bad;
  return failed_ ? 0 : number.value();
}

std::optional<ThriftReader::Field> ThriftReader::next() {
  const std::uint8_t head = byte();
  const auto type = static_cast<std::uint8_t>(head & 0x0FU);
  if (failed_ || head == 0) {
    depth_ -= depth_ > 0 ? 1 : 0;
    return std::nullopt;
  }
  std::int64_t id = last_[depth_] + (head >> 4);
  if (head >> 4 == 0) {
    id = unzigzag(varint());
  }
  if (failed_ || !is_known(type) || id <= 0 || id > INT16_MAX) {
    failed_ = true;
    return std::nullopt;
  }
  last_[depth_] = static_cast<std::int16_t>(id);
  return Field{.id = last_[depth_], .type = static_cast<ThriftType>(type)};
}

std::int64_t ThriftReader::integer(const Field& field) {
  if (field.type != ThriftType::int16 && field.type != ThriftType::int32 && field.type != ThriftType::int64) {
    failed_ = true;
  }
  const std::int64_t value = unzigzag(failed_ ? 0 : varint());
  const bool is_long = field.type == ThriftType::int64;
  if (!is_long && (value < INT32_MIN || value > INT32_MAX)) {
    failed_ = true;
  }
  return failed_ ? 0 : value;
}

bool ThriftReader::boolean(const Field& field) {
  if (field.type != ThriftType::boolean_true && field.type != ThriftType::boolean_false) {
    failed_ = true;
  }
  return !failed_ && field.type == ThriftType::boolean_true;
}

std::string_view ThriftReader::binary(const Field& field) {
  if (field.type != ThriftType::binary) {
    failed_ = true;
  }
  const std::uint64_t length = failed_ ? 0 : varint();
  if (failed_ || length > bytes_.size() - at_) {
    failed_ = true;
    return {};
  }
  const std::string_view value = as_text(bytes_.subspan(at_, static_cast<std::size_t>(length)));
  at_ += value.size();
  return value;
}

void ThriftReader::enter(const Field& field) {
  if (field.type != ThriftType::structure || depth_ + 1 == last_.size()) {
    failed_ = true;
  }
  if (!failed_) {
    last_[++depth_] = 0;
  }
}

ThriftReader::List ThriftReader::list(const Field& field) {
  if (field.type != ThriftType::list) {
    failed_ = true;
  }
  const std::uint8_t head = failed_ ? std::uint8_t{0} : byte();
  const std::uint64_t count = head >> 4 == k_long_form ? varint() : head >> 4;
  const auto type = static_cast<std::uint8_t>(head & 0x0FU);
  // An element takes a byte at least.
  if (failed_ || !is_known(type) || count > bytes_.size() - at_) {
    failed_ = true;
    return {};
  }
  return {.count = static_cast<std::size_t>(count),
          .element = {.id = 0, .type = static_cast<ThriftType>(type)}};
}

void ThriftReader::skip(const Field& field) {
  skip_value(field.type, depth_, false);
}

void ThriftReader::skip_value(ThriftType type, std::size_t depth, bool in_list) {
  if (failed_ || depth + 1 >= k_thrift_depth_max) {
    failed_ = true;
    return;
  }
  switch (type) {
    case ThriftType::boolean_true:
    case ThriftType::boolean_false:
      if (in_list) {
        byte();
      }
      break;
    case ThriftType::int8:
      byte();
      break;
    case ThriftType::int16:
    case ThriftType::int32:
    case ThriftType::int64:
      varint();
      break;
    case ThriftType::binary:
      binary({.id = 0, .type = type});
      break;
    case ThriftType::list: {
      const List elements = list({.id = 0, .type = type});
      for (std::size_t i = 0; i < elements.count && !failed_; ++i) {
        skip_value(elements.element.type, depth + 1, true);
      }
      break;
    }
    case ThriftType::structure:
      enter({.id = 0, .type = type});
      while (const std::optional<Field> inner = next()) {
        skip_value(inner->type, depth + 1, false);
      }
      break;
  }
}

}  // namespace penstock::codec::parquet
