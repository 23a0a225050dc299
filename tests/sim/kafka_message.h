// Kafka's requests and responses from the broker's side: what wire reads and writes, the other way round, and
// by code of its own.
//
// From some version on each kind of message is flexible: lengths are varints, one too high, and each
// structure ends in tagged fields. One reader and one writer serve both forms.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "wire/byte_reader.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"

namespace penstock::sim {

// Kafka's numbers of the requests that are answered.
enum class Api : std::int16_t {
  fetch = 1,
  list_offsets = 2,
  metadata = 3,
  offset_commit = 8,
  offset_fetch = 9,
  find_coordinator = 10,
  sasl_handshake = 17,
  api_versions = 18,
  offset_for_leader_epoch = 23,
  sasl_authenticate = 36,
};

struct Versions {
  std::int16_t lowest = 0;
  std::int16_t highest = -1;
};

// What a cluster offers.
using OfferedVersions = std::map<Api, Versions>;

// A topic's id, of 16 bytes. All zero: none.
struct TopicId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend auto operator<=>(const TopicId&, const TopicId&) = default;
};

class RequestReader {
 public:
  RequestReader(Bytes bytes, bool flexible) : reader_(bytes), flexible_(flexible) {}

  std::int8_t int8() { return reader_.int8(); }
  std::int16_t int16() { return reader_.int16(); }
  std::int32_t int32() { return reader_.int32(); }
  std::int64_t int64() { return reader_.int64(); }
  bool boolean() { return reader_.boolean(); }
  TopicId topic_id() {
    const auto high = static_cast<std::uint64_t>(reader_.int64());
    return {.high = high, .low = static_cast<std::uint64_t>(reader_.int64())};
  }
  std::optional<std::string> nullable_string() {
    if (!flexible_) {
      const auto text = reader_.nullable_string();
      return text ? std::optional<std::string>(*text) : std::nullopt;
    }
    const std::uint32_t length = reader_.unsigned_varint();
    return length == 0 ? std::nullopt : std::optional<std::string>(as_text(reader_.bytes(length - 1)));
  }
  std::string string() { return nullable_string().value_or(std::string()); }
  std::string bytes() { return std::string(as_text(reader_.nullable_bytes().value_or(Bytes()))); }
  // None: a null array, which some requests mean something by.
  std::optional<std::size_t> nullable_array() {
    const std::int64_t count =
        flexible_ ? std::int64_t{reader_.unsigned_varint()} - 1 : std::int64_t{reader_.int32()};
    if (count > static_cast<std::int64_t>(reader_.remaining())) {
      reader_.fail();
    }
    return count < 0 || !reader_.ok() ? std::nullopt : std::optional(static_cast<std::size_t>(count));
  }
  std::size_t array() { return nullable_array().value_or(0); }
  // The end of a structure.
  void tags() {
    for (std::uint32_t count = flexible_ ? reader_.unsigned_varint() : 0; count > 0 && reader_.ok();
         --count) {
      static_cast<void>(reader_.unsigned_varint());
      reader_.skip(reader_.unsigned_varint());
    }
  }

  // All of it was read, and nothing is left.
  bool whole() const { return reader_.ok() && reader_.at_end(); }

 private:
  wire::ByteReader reader_;
  bool flexible_;
};

class ResponseWriter {
 public:
  explicit ResponseWriter(bool flexible) : flexible_(flexible) {}

  void int8(std::int8_t value) { writer_.int8(value); }
  void int16(std::int16_t value) { writer_.int16(value); }
  void int32(std::int32_t value) { writer_.int32(value); }
  void int64(std::int64_t value) { writer_.int64(value); }
  void boolean(bool value) { writer_.boolean(value); }
  void code(wire::ErrorCode value) { writer_.int16(static_cast<std::int16_t>(value)); }
  void topic_id(TopicId id) {
    writer_.int64(static_cast<std::int64_t>(id.high));
    writer_.int64(static_cast<std::int64_t>(id.low));
  }
  void string(std::string_view text) {
    if (flexible_) {
      writer_.unsigned_varint(static_cast<std::uint32_t>(text.size()) + 1);
      writer_.raw(as_bytes(text));
    } else {
      writer_.string(text);
    }
  }
  void null_string() {
    if (flexible_) {
      writer_.unsigned_varint(0);
    } else {
      writer_.nullable_string(std::nullopt);
    }
  }
  void array(std::size_t count) {
    if (flexible_) {
      writer_.unsigned_varint(static_cast<std::uint32_t>(count) + 1);
    } else {
      writer_.array_count(count);
    }
  }
  void bytes(std::string_view bytes) { writer_.bytes(as_bytes(bytes)); }
  void tags() {
    if (flexible_) {
      writer_.unsigned_varint(0);
    }
  }

  std::string text() const { return std::string(as_text(out_)); }

 private:
  wire::Buffer out_;
  wire::ByteWriter writer_{out_};
  bool flexible_;
};

// An answer that has a row for each partition of its question, in the same order. `row` reads what the
// question has behind the partition, and writes the whole row.
template <class Row>
void answer_rows(RequestReader& body, ResponseWriter& out, Row row) {
  const std::size_t topics = body.array();
  out.array(topics);
  for (std::size_t i = 0; i < topics; ++i) {
    const std::string topic = body.string();
    const std::size_t rows = body.array();
    out.string(topic);
    out.array(rows);
    for (std::size_t j = 0; j < rows; ++j) {
      row(TopicPartition{topic, Partition{body.int32()}});
    }
  }
}

}  // namespace penstock::sim
