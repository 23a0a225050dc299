// How it works. What is the same in all rows of a partition is made once per span (EnvelopeWriter::same_):
// `,"topic":"orders","partition":3`. For each record that is copied, and the other fields are written behind
// it, each with a comma in front. At the end the row's first comma becomes the brace. Before a row is begun
// it is made sure that the room holds the longest that the record can make.
//
// The value is copied into the row first and looked at there, where simdjson finds the bytes behind it that
// it may read. For example the value `{"a":\n1}`:
//
// 1. copy_flat() writes `{"a": 1}` behind `,"value":`, and tells that it replaced a line break.
// 2. Inside a string a line break is a fault that the space would hide. So the value is copied once more, as
//    it is, and that copy is looked at.
// 3. It is JSON: it is made flat again, and stays. Were it not, `,"value_base64":"..."` is written over it.
//
// A value that is Avro is decoded into what is left of the room. Its JSON may be of any size, so write() may
// find at the end that the room is too small, and the span ends before that record. The next slab, or memory
// of its own (envelope_parts), has more room for it. With k_decoded_bytes_max of room there is no more to
// hope for, and the value lands in base64. A value whose id names a JSON Schema is embedded as any JSON is,
// without the id.
#include "format/envelope.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "base/base64.h"
#include "base/check.h"
#include "base/json_string.h"
#include "codec/json_check.h"
#include "format/decoded_value.h"
#include "format/lines.h"
#include "format/record_schema.h"
#include "format/row_framing.h"
#include "format/schema_source.h"

namespace penstock::format {
namespace {

using Field = EnvelopeField;

// The names, quotes, brackets and numbers of a row without headers, at most: some 190.
constexpr std::size_t k_row_bytes_beside = 256;
// The same of a header: `{"key_base64":"","value_base64":""},`.
constexpr std::size_t k_header_bytes_beside = 48;

// The two forms in which bytes are written. Both end where the bytes begin; that of base64 has its quote.
struct Names {
  std::string_view text;
  std::string_view base64;
};
constexpr Names k_key{",\"key\":", ",\"key_base64\":\""};
constexpr Names k_value{",\"value\":", ",\"value_base64\":\""};
constexpr std::string_view k_decode_error = ",\"decode_error\":\"";
// Of it, with the longest of the faults and a quote.
constexpr std::size_t k_decode_error_bytes_max = 32 + k_schema_fault_bytes_max;
static_assert(k_decode_error_bytes_max >=
              codec::JsonCheck::k_padding);  // of a value that is JSON behind an id

constexpr Names k_header_key{"{\"key\":", "{\"key_base64\":\""};

char* put(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

char* put_number(char* to, std::int64_t number) {
  constexpr std::size_t k_digits_max = 20;
  return std::to_chars(to, to + k_digits_max, number).ptr;
}

char* put_base64(char* to, const Names& names, Bytes bytes) {
  to = base64_write(bytes, put(to, names.base64));
  *to++ = '"';
  return to;
}

char* put_text(char* to, const Names& names, Bytes bytes, bool null) {
  if (null) {
    return put(put(to, names.text), "null");
  }
  if (codec::is_utf8(as_text(bytes))) {
    return write_json_string(put(to, names.text), as_text(bytes));
  }
  return put_base64(to, names, bytes);
}

std::string_view type_text(TimestampType type) {
  switch (type) {
    case TimestampType::unknown:
      return "null";
    case TimestampType::created:
      return "\"CreateTime\"";
    case TimestampType::appended:
      return "\"LogAppendTime\"";
  }
  return "null";
}

// A tombstone is null in its row.
constexpr std::string_view k_is_null = "is null, and would look like a tombstone";

DecodedValue decode(const RecordSchema& schema, MutableBytes room) {
  DecodedValue decoded = decode_value(schema, room);
  if (as_text(room.first(decoded.bytes)) == "null") {
    decoded = {.fault = k_is_null};
  }
  return decoded;
}

char* put_decode_error(char* to, std::string_view fault) {
  to = put(put(to, k_decode_error), fault);
  *to++ = '"';
  return to;
}

// Of a text that is JSON.
bool says_null(Bytes json) {
  const std::string_view text = as_text(json);
  return text[text.find_first_not_of(" \t\r\n")] == 'n';
}

std::size_t text_bytes_max(std::size_t bytes) {
  return json_string_bytes_max(
      bytes);  // more than as base64, from 1 byte on; k_row_bytes_beside has the rest
}

class EnvelopeWriter {
 public:
  explicit EnvelopeWriter(const RowContext& context)
      : fields_(context.fields),
        json_(*context.json),
        decodes_(context.decoding != nullptr && context.fields.has(Field::value)),
        schemas_(context) {
    if (!context.reason.empty()) {
      same_ += ",\"reason\":";
      append_json_string(same_, context.reason);
    }
    if (fields_.has(Field::topic)) {
      same_ += ",\"topic\":";
      append_json_string(same_, context.topic);
    }
    if (fields_.has(Field::partition)) {
      same_ += ",\"partition\":";
      same_ += std::to_string(context.partition.value);
    }
  }

  // Of all but the value, with its name.
  std::size_t head_bytes_max(const RecordView& record) const {
    return same_.size() + k_row_bytes_beside + text_bytes_max(record.key.size()) +
           headers_json_bytes_max(record);
  }

  // What write() must be given. A value that is decoded may need more.
  std::size_t bytes_needed(const RecordView& record) const {
    const std::size_t base64 = base64_size(record.value.size());
    const std::size_t as_it_came = record.value.size() + codec::JsonCheck::k_padding;
    return head_bytes_max(record) +
           (decodes_ ? base64 + k_decode_error_bytes_max : std::max(base64, as_it_came));
  }

  std::size_t bytes_max(const RecordView& record) const {
    return bytes_needed(record) + (decodes_ ? k_decoded_bytes_max : 0);
  }

  // All but the value, without the brace at the front: the first byte is a comma, or nothing is written.
  char* write_head(const RecordView& record, char* to) const {
    to = put(to, same_);
    if (fields_.has(Field::offset)) {
      to = put_number(put(to, ",\"offset\":"), record.offset.value);
    }
    if (fields_.has(Field::timestamp)) {
      to = put_number(put(to, ",\"timestamp\":"), record.timestamp_ms);
    }
    if (fields_.has(Field::timestamp_type)) {
      to = put(put(to, ",\"timestamp_type\":"), type_text(record.timestamp_type));
    }
    if (fields_.has(Field::key)) {
      to = put_text(to, k_key, record.key, record.null_key);
    }
    if (fields_.has(Field::headers)) {
      to = write_headers_json(record, put(to, ",\"headers\":"));
    }
    return to;
  }

  // `room` has bytes_needed(). Returns the row's end, or null where a value that is decoded has too little
  // room, or waits for its schema. `framed` counts on.
  char* write(const RecordView& record, MutableBytes room, Framed& framed) {
    char* const row = reinterpret_cast<char*>(room.data());
    char* to = write_head(record, row);
    if (decodes(record)) {
      to = write_decoded(record, to, row + room.size(), framed);
    } else if (fields_.has(Field::value)) {
      to = write_value(record, to, framed.flattened);
    }
    if (to == nullptr) {
      return nullptr;
    }
    *row = '{';
    return put(to, "}\n");
  }

  // Why the value cannot stand in a row as it is. Empty: it can.
  std::string_view embed_fault(Bytes value) {
    return !json_.is_json(value) ? k_is_no_json : says_null(value) ? k_is_null : "";
  }

  bool decodes(const RecordView& record) const { return decodes_ && !record.null_value; }

  // Of a record whose value is decoded.
  RecordSchema schema_of(const RecordView& record) { return schemas_.of(record); }

 private:
  char* write_decoded(const RecordView& record, char* to, char* end, Framed& framed) {
    constexpr std::size_t k_row_end_bytes = 2;
    const RecordSchema schema = schema_of(record);
    if (schema.waits()) {
      framed.waits = true;
      return nullptr;
    }
    char* const at = put(to, k_value.text);
    const auto room = static_cast<std::size_t>(end - at) - k_row_end_bytes;
    const DecodedValue decoded = schema.is_json
                                     ? embed(schema.bytes, at, framed.flattened)
                                     : decode(schema, MutableBytes(reinterpret_cast<std::byte*>(at), room));
    if (decoded.no_room) {
      return nullptr;
    }
    if (decoded.fault.empty()) {
      return at + decoded.bytes;
    }
    ++framed.undecoded;
    return put_base64(put_decode_error(to, decoded.fault), k_value, record.value);
  }

  char* write_value(const RecordView& record, char* to, std::size_t& flattened) {
    if (record.null_value) {
      return put(put(to, k_value.text), "null");
    }
    char* const at = put(to, k_value.text);
    const DecodedValue embedded = embed(record.value, at, flattened);
    return embedded.fault.empty() ? at + embedded.bytes : put_base64(to, k_value, record.value);
  }

  // The value as it is, if it is JSON. JsonCheck::k_padding is free behind it.
  DecodedValue embed(Bytes value, char* at, std::size_t& flattened) {
    auto* const copy = reinterpret_cast<std::byte*>(at);
    const bool breaks = copy_flat(value, copy) > 0;
    if (breaks) {
      std::memcpy(copy, value.data(), value.size());
    }
    if (!json_.is_json_padded(Bytes(copy, value.size()))) {
      return {.fault = k_is_no_json};
    }
    if (says_null(value)) {
      return {.fault = k_is_null};
    }
    if (breaks) {
      copy_flat(value, copy);
      ++flattened;
    }
    return {.fault = {}, .bytes = value.size()};
  }

  EnvelopeFields fields_;
  codec::JsonCheck& json_;
  const bool decodes_;
  SchemaOfRecords schemas_;
  std::string same_;
};

// Behind what is in `head`: an Avro value as JSON. Returns why it has none, and the head is as it was.
std::string_view append_value(const RecordSchema& schema, std::string& head) {
  const std::size_t before = head.size();
  head += k_value.text;
  std::string_view fault = append_decoded(schema, head).fault;
  if (std::string_view(head).substr(before + k_value.text.size()) == "null") {
    fault = k_is_null;
  }
  if (!fault.empty()) {
    head.resize(before);
  }
  return fault;
}

// Its value is decoded.
void add_decoded(EnvelopeWriter& writer, const RecordView& record, EnvelopeParts& parts) {
  const RecordSchema schema = writer.schema_of(record);
  const std::string_view fault =
      schema.is_json ? writer.embed_fault(schema.bytes) : append_value(schema, parts.head);
  if (!fault.empty()) {
    parts.head.append(k_decode_error).append(fault) += '"';
    parts.undecoded = true;
    parts.as_base64 = true;
  } else if (schema.is_json) {
    parts.head += k_value.text;
    parts.value = schema.bytes;
  }
}

}  // namespace

char* write_headers_json(const RecordView& record, char* to) {
  *to++ = '[';
  for (const HeaderView& header : record.headers) {
    to = put_text(to, k_header_key, as_bytes(header.key), false);
    to = put_text(to, k_value, header.value, header.null_value);
    to = put(to, "},");
  }
  to -= record.headers.empty() ? 0 : 1;
  *to++ = ']';
  return to;
}

std::size_t headers_json_bytes_max(const RecordView& record) {
  constexpr std::size_t k_brackets = 2;
  std::size_t bytes = k_brackets;
  for (const HeaderView& header : record.headers) {
    bytes += k_header_bytes_beside + text_bytes_max(header.key.size()) + text_bytes_max(header.value.size());
  }
  return bytes;
}

Framed frame_envelopes(const RowContext& context, std::span<const RecordView> records, MutableBytes room) {
  EnvelopeWriter writer(context);
  return frame_rows(writer, records, room);
}

std::size_t envelope_bytes_max(const RowContext& context, const RecordView& record) {
  return EnvelopeWriter(context).bytes_max(record);
}

EnvelopeParts envelope_parts(const RowContext& context, const RecordView& record) {
  EnvelopeWriter writer(context);
  EnvelopeParts parts{.head = std::string(writer.head_bytes_max(record), '\0'), .tail = "}\n", .value = {}};
  std::string& head = parts.head;
  head.resize(static_cast<std::size_t>(writer.write_head(record, head.data()) - head.data()));
  if (writer.decodes(record)) {
    add_decoded(writer, record, parts);
  } else if (context.fields.has(Field::value) && record.null_value) {
    head.append(k_value.text).append("null");
  } else if (context.fields.has(Field::value)) {
    parts.value = record.value;
    parts.as_base64 = !writer.embed_fault(record.value).empty();
    head += parts.as_base64 ? std::string_view() : k_value.text;
  }
  if (parts.as_base64) {
    parts.value = record.value;
    parts.tail = "\"}\n";
    head += k_value.base64;
  }
  head.front() = '{';
  return parts;
}

}  // namespace penstock::format
