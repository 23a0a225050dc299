// How it works. A row is written front to back, as Avro's binary form has no names: lengths in front of texts
// and bytes, counts in front of maps, and the number of the branch in front of a value of a union. Before a
// row is begun it is made sure that the room holds the longest that the record can make.
//
// Small records are a matter of formatting numbers. EnqueuedTimeUtc has whole seconds, and a span has many
// records of one second, so its text is kept until the second changes.
//
// For example offset 41, time 2026-01-31T16:44:11.250Z, key `k`, no headers, value `{}`:
//
//   52                       SequenceNumber: 41, zigzag
//   04 "41"                  Offset: two characters
//   28 "1/31/2026 4:44:11 PM"
//   04                       SystemProperties: two entries
//     1e "x-opt-kafka-key" 06 02 "k"            branch 3, bytes: one
//     26 "x-opt-enqueued-time" 00 a4f3...       branch 0, long
//   00                       and no more
//   00                       Properties: no entry
//   02 04 "{}"               Body: branch 1, two bytes
#include "format/capture_row.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string_view>
#include <variant>
#include <vector>

#include "base/check.h"
#include "base/varint.h"
#include "codec/json_check.h"
#include "format/amqp_value.h"
#include "format/decoded_value.h"
#include "format/record_schema.h"
#include "format/row_framing.h"
#include "format/schema_source.h"

namespace penstock::format {
namespace {

// Branches of the unions.
constexpr std::int64_t k_long = 0;
constexpr std::int64_t k_double = 1;
constexpr std::int64_t k_string = 2;
constexpr std::int64_t k_bytes = 3;
constexpr std::int64_t k_null = 4;
constexpr std::int64_t k_no_body = 0;
constexpr std::int64_t k_body = 1;

// Names of system properties, each with its length in front.
constexpr std::string_view k_kafka_key = "\x1ex-opt-kafka-key";
constexpr std::string_view k_enqueued_time = "\x26x-opt-enqueued-time";
constexpr std::string_view k_undecoded = "\x24x-opt-decode-error";

// "12/31/9999 12:59:59 PM".
constexpr std::size_t k_time_bytes_max = 22;

// All but key, headers and value: nine numbers in front of them and of the maps, the offset in decimal, the
// time, both names, and the two ends of the maps.
constexpr std::size_t k_datum_bytes_beside =
    9 * k_varint_bytes_max + 20 + k_time_bytes_max + k_kafka_key.size() + k_enqueued_time.size() + 8;
// Of the name with the longest of the faults, its branch and its length.
constexpr std::size_t k_undecoded_bytes_max = 32 + k_schema_fault_bytes_max;
// Of a header: the lengths of name and value, and the branch. A long of one byte in AMQP may take two.
constexpr std::size_t k_property_bytes_beside = 2 * k_varint_bytes_max + 2;

char* put_raw(char* to, const void* bytes, std::size_t size) {
  if (size > 0) {
    std::memcpy(to, bytes, size);
  }
  return to + size;
}

char* put_string(char* to, std::string_view text) {
  return put_raw(put_zigzag_length(to, text.size()), text.data(), text.size());
}

char* put_bytes(char* to, Bytes bytes) {
  return put_raw(put_zigzag_length(to, bytes.size()), bytes.data(), bytes.size());
}

char* put_branch(char* to, std::int64_t branch) {
  return put_zigzag(to, branch);
}

// Little-endian, as Avro has it and this machine.
char* put_double(char* to, double number) {
  static_assert(std::endian::native == std::endian::little);
  return put_raw(to, &number, sizeof number);
}

// One digit or two.
char* put_small(char* to, unsigned number) {
  if (number >= 10) {
    *to++ = static_cast<char>('0' + number / 10);
  }
  *to++ = static_cast<char>('0' + number % 10);
  return to;
}

char* put_two_digits(char* to, unsigned number) {
  *to++ = static_cast<char>('0' + number / 10);
  *to++ = static_cast<char>('0' + number % 10);
  return to;
}

// EnqueuedTimeUtc of one second after the other, with its length in front.
class TimeText {
 public:
  std::string_view of(std::int64_t timestamp_ms) {
    constexpr std::int64_t k_last_second = 253'402'300'799;  // 9999-12-31T23:59:59Z
    const std::int64_t second = std::clamp<std::int64_t>(timestamp_ms / 1000, 0, k_last_second);
    if (second != second_) {
      second_ = second;
      format();
    }
    return {text_.data(), size_};
  }

 private:
  void format() {
    using namespace std::chrono;
    const sys_seconds at{seconds(second_)};
    const sys_days day = floor<days>(at);
    const year_month_day date(day);
    const hh_mm_ss time(at - day);
    const auto hour = static_cast<unsigned>(time.hours().count());
    char* to = put_small(text_.data() + 1, static_cast<unsigned>(date.month()));
    *to++ = '/';
    to = put_small(to, static_cast<unsigned>(date.day()));
    *to++ = '/';
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    to = put_two_digits(put_two_digits(to, year / 100), year % 100);
    *to++ = ' ';
    to = put_small(to, hour % 12 == 0 ? 12 : hour % 12);
    *to++ = ':';
    to = put_two_digits(to, static_cast<unsigned>(time.minutes().count()));
    *to++ = ':';
    to = put_two_digits(to, static_cast<unsigned>(time.seconds().count()));
    to = put_raw(to, hour < 12 ? " AM" : " PM", 3);
    size_ = static_cast<std::size_t>(to - text_.data());
    put_zigzag_length(text_.data(), size_ - 1);
  }

  std::int64_t second_ = -1;
  std::array<char, 1 + k_time_bytes_max + k_varint_bytes_max> text_{};  // the length takes one byte
  std::size_t size_ = 0;
};

// Which headers of a record are followed by another of the same name.
class Repeats {
 public:
  // Returns how many. `headers` outlive what superseded() is asked.
  std::size_t find(std::span<const HeaderView> headers) {
    superseded_.assign(headers.size(), false);
    if (headers.size() < 2) {
      return 0;
    }
    by_name_.resize(headers.size());
    std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
    std::sort(by_name_.begin(), by_name_.end(), [&](std::size_t a, std::size_t b) {
      return headers[a].key != headers[b].key ? headers[a].key < headers[b].key : a < b;
    });
    std::size_t count = 0;
    for (std::size_t i = 0; i + 1 < by_name_.size(); ++i) {
      if (headers[by_name_[i]].key == headers[by_name_[i + 1]].key) {
        superseded_[by_name_[i]] = true;
        ++count;
      }
    }
    return count;
  }

  bool superseded(std::size_t index) const { return superseded_[index]; }

 private:
  std::vector<bool> superseded_;
  std::vector<std::size_t> by_name_;
};

class CaptureWriter {
 public:
  explicit CaptureWriter(const RowContext& context)
      : decodes_(context.decoding != nullptr), json_(context.json), schemas_(context) {}

  std::size_t head_bytes_max(const RecordView& record) const {
    std::size_t bytes = k_datum_bytes_beside + record.key.size() + (decodes_ ? k_undecoded_bytes_max : 0);
    for (const HeaderView& header : record.headers) {
      bytes += k_property_bytes_beside + header.key.size() + header.value.size();
    }
    return bytes;
  }

  // What write() must be given. A value that is decoded may need more.
  std::size_t bytes_needed(const RecordView& record) const {
    return head_bytes_max(record) + record.value.size();
  }

  // Returns the row's end, or null where a value that is decoded has too little room, or waits for its
  // schema. `framed` counts on.
  char* write(const RecordView& record, MutableBytes room, Framed& framed) {
    char* const row = reinterpret_cast<char*>(room.data());
    if (!decodes(record)) {
      return put_raw(write_head(record, record.value.size(), {}, row), record.value.data(),
                     record.value.size());
    }
    const RecordSchema schema = schemas_.of(record);
    if (schema.waits()) {
      framed.waits = true;
      return nullptr;
    }
    Bytes body = schema.bytes;
    std::string_view fault = schema.is_json ? json_fault(body) : "";
    if (!schema.is_json) {
      // Its length stands before it. So it is made behind the longest head, and is moved to the end of its
      // own.
      const MutableBytes behind = room.subspan(head_bytes_max(record));
      const DecodedValue decoded = decode_value(schema, behind);
      if (decoded.no_room) {
        return nullptr;
      }
      fault = decoded.fault;
      body = behind.first(decoded.bytes);
    }
    framed.undecoded += fault.empty() ? 0 : 1;
    body = fault.empty() ? body : record.value;
    char* const to = write_head(record, body.size(), fault, row);
    if (!body.empty()) {
      std::memmove(to, body.data(), body.size());
    }
    return to + body.size();
  }

  // Why a value that is to be JSON as it is, is not. Empty: it is.
  std::string_view json_fault(Bytes value) const {
    CHECK((json_ != nullptr));
    return json_->is_json(value) ? "" : k_is_no_json;
  }

  bool decodes(const RecordView& record) const { return decodes_ && !record.null_value; }

  // Of a record whose value is decoded.
  RecordSchema schema_of(const RecordView& record) { return schemas_.of(record); }

  // All but the body's bytes. `decode_error`: empty, there is none. head_bytes_max() are free.
  char* write_head(const RecordView& record, std::size_t body_bytes, std::string_view decode_error,
                   char* to) {
    to = put_zigzag(to, record.offset.value);
    to = put_offset(record.offset.value, to);
    const std::string_view time = times_.of(record.timestamp_ms);
    to = put_raw(to, time.data(), time.size());
    to = put_system_properties(record, decode_error, to);
    to = put_headers(record.headers, to);
    if (record.null_value) {
      return put_branch(to, k_no_body);
    }
    return put_zigzag_length(put_branch(to, k_body), body_bytes);
  }

  std::size_t repeated() const { return repeated_; }

 private:
  // Its length takes one byte, and is known afterwards.
  static char* put_offset(std::int64_t offset, char* to) {
    constexpr std::size_t k_digits_max = 20;
    char* const end = std::to_chars(to + 1, to + 1 + k_digits_max, offset).ptr;
    put_zigzag(to, end - to - 1);
    return end;
  }

  static char* put_system_properties(const RecordView& record, std::string_view decode_error, char* to) {
    const bool has_time = record.timestamp_ms >= 0;
    const int count = (record.null_key ? 0 : 1) + (has_time ? 1 : 0) + (decode_error.empty() ? 0 : 1);
    if (count > 0) {
      to = put_zigzag(to, count);
    }
    if (!record.null_key) {
      to = put_raw(to, k_kafka_key.data(), k_kafka_key.size());
      to = put_bytes(put_branch(to, k_bytes), record.key);
    }
    if (has_time) {
      to = put_raw(to, k_enqueued_time.data(), k_enqueued_time.size());
      to = put_zigzag(put_branch(to, k_long), record.timestamp_ms);
    }
    if (!decode_error.empty()) {
      to = put_raw(to, k_undecoded.data(), k_undecoded.size());
      to = put_string(put_branch(to, k_string), decode_error);
    }
    return put_zigzag(to, 0);
  }

  char* put_headers(std::span<const HeaderView> headers, char* to) {
    if (!headers.empty()) {
      const bool amqp = are_of_amqp(headers);
      const std::size_t repeated = repeats_.find(headers);
      repeated_ += repeated;
      to = put_zigzag_length(to, headers.size() - repeated);
      for (std::size_t i = 0; i < headers.size(); ++i) {
        if (!repeats_.superseded(i)) {
          to = put_value(headers[i], amqp, put_name(headers[i].key, to));
        }
      }
    }
    return put_zigzag(to, 0);
  }

  static char* put_name(std::string_view name, char* to) {
    char* const end = put_string(to, name);
    if (!codec::is_utf8(name)) {
      std::replace_if(
          end - name.size(), end, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    }
    return end;
  }

  static char* put_value(const HeaderView& header, bool amqp, char* to) {
    if (header.null_value) {
      return put_branch(to, k_null);
    }
    const std::optional<AmqpValue> value = amqp ? read_amqp_value(header.value) : std::nullopt;
    if (!value || std::holds_alternative<AmqpOther>(*value)) {
      return put_bytes(put_branch(to, k_bytes), header.value);
    }
    if (std::holds_alternative<AmqpNull>(*value)) {
      return put_branch(to, k_null);
    }
    if (const auto* number = std::get_if<std::int64_t>(&*value)) {
      return put_zigzag(put_branch(to, k_long), *number);
    }
    if (const auto* number = std::get_if<double>(&*value)) {
      return put_double(put_branch(to, k_double), *number);
    }
    if (const auto* text = std::get_if<std::string_view>(&*value)) {
      return put_string(put_branch(to, k_string), *text);
    }
    return put_bytes(put_branch(to, k_bytes), std::get<Bytes>(*value));
  }

  const bool decodes_;
  codec::JsonCheck* const json_;
  SchemaOfRecords schemas_;
  TimeText times_;
  Repeats repeats_;
  std::size_t repeated_ = 0;
};

}  // namespace

Framed frame_capture(const RowContext& context, std::span<const RecordView> records, MutableBytes room) {
  CaptureWriter writer(context);
  Framed framed = frame_rows(writer, records, room);
  framed.repeated = writer.repeated();
  return framed;
}

std::size_t capture_bytes_max(const RowContext& context, const RecordView& record) {
  const CaptureWriter writer(context);
  return writer.bytes_needed(record) + (writer.decodes(record) ? k_decoded_bytes_max : 0);
}

CaptureParts capture_parts(const RowContext& context, const RecordView& record) {
  CaptureWriter writer(context);
  // What was decoded lies behind the longest head, until the head's own length is known.
  const std::size_t beside = writer.head_bytes_max(record);
  CaptureParts parts{.head = std::string(beside, '\0'), .value = record.value};
  std::string_view fault;
  if (writer.decodes(record)) {
    const RecordSchema schema = writer.schema_of(record);
    fault = schema.is_json ? writer.json_fault(schema.bytes) : append_decoded(schema, parts.head).fault;
    parts.undecoded = !fault.empty();
    parts.value = parts.undecoded ? record.value : schema.is_json ? schema.bytes : Bytes();
  }
  const std::size_t body_bytes = parts.head.size() - beside + parts.value.size();
  const char* const end = writer.write_head(record, body_bytes, fault, parts.head.data());
  const auto head_bytes = static_cast<std::size_t>(end - parts.head.data());
  parts.head.erase(head_bytes, beside - head_bytes);
  parts.repeated = writer.repeated();
  return parts;
}

}  // namespace penstock::format
