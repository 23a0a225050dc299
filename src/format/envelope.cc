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
#include "format/envelope.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "base/base64.h"
#include "base/json_string.h"
#include "codec/json_check.h"
#include "format/lines.h"

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
  explicit EnvelopeWriter(const RowContext& context) : fields_(context.fields), json_(*context.json) {
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
    std::size_t bytes = same_.size() + k_row_bytes_beside + text_bytes_max(record.key.size());
    for (const HeaderView& header : record.headers) {
      bytes +=
          k_header_bytes_beside + text_bytes_max(header.key.size()) + text_bytes_max(header.value.size());
    }
    return bytes;
  }

  std::size_t bytes_max(const RecordView& record) const {
    return head_bytes_max(record) +
           std::max(base64_size(record.value.size()), record.value.size() + codec::JsonCheck::k_padding);
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
      to = put_headers(record, put(to, ",\"headers\":["));
    }
    return to;
  }

  // bytes_max() are free. Returns the row's end; `flattened` counts on.
  char* write(const RecordView& record, char* const row, std::size_t& flattened) {
    char* to = write_head(record, row);
    if (fields_.has(Field::value)) {
      to = write_value(record, to, flattened);
    }
    *row = '{';
    return put(to, "}\n");
  }

  bool embeds(Bytes value) { return json_.is_json(value) && !says_null(value); }

 private:
  static char* put_headers(const RecordView& record, char* to) {
    for (const HeaderView& header : record.headers) {
      to = put_text(to, k_header_key, as_bytes(header.key), false);
      to = put_text(to, k_value, header.value, header.null_value);
      to = put(to, "},");
    }
    to -= record.headers.empty() ? 0 : 1;
    *to++ = ']';
    return to;
  }

  char* write_value(const RecordView& record, char* to, std::size_t& flattened) {
    if (record.null_value) {
      return put(put(to, k_value.text), "null");
    }
    const Bytes value = record.value;
    char* const at = put(to, k_value.text);
    auto* const copy = reinterpret_cast<std::byte*>(at);
    const bool breaks = copy_flat(value, copy) > 0;
    if (breaks) {
      std::memcpy(copy, value.data(), value.size());
    }
    if (!json_.is_json_padded(Bytes(copy, value.size())) || says_null(value)) {
      return put_base64(to, k_value, value);
    }
    if (breaks) {
      copy_flat(value, copy);
      ++flattened;
    }
    return at + value.size();
  }

  EnvelopeFields fields_;
  codec::JsonCheck& json_;
  std::string same_;
};

}  // namespace

Framed frame_envelopes(const RowContext& context, std::span<const RecordView> records, MutableBytes room) {
  EnvelopeWriter writer(context);
  char* to = reinterpret_cast<char*>(room.data());
  const char* const end = to + room.size();
  Framed framed;
  for (const RecordView& record : records) {
    if (writer.bytes_max(record) > static_cast<std::size_t>(end - to)) {
      break;
    }
    to = writer.write(record, to, framed.flattened);
    framed.value_bytes += record.value.size();
    framed.undated += tells_time(record.timestamp_ms) ? 0 : 1;
    framed.oldest_timestamp_ms = older(framed.oldest_timestamp_ms, record.timestamp_ms);
    ++framed.records;
  }
  framed.rows = framed.records;
  framed.bytes = room.size() - static_cast<std::size_t>(end - to);
  return framed;
}

std::size_t envelope_bytes_max(const RowContext& context, const RecordView& record) {
  return EnvelopeWriter(context).bytes_max(record);
}

EnvelopeParts envelope_parts(const RowContext& context, const RecordView& record) {
  EnvelopeWriter writer(context);
  EnvelopeParts parts{.head = std::string(writer.head_bytes_max(record), '\0'), .tail = "}\n", .value = {}};
  char* to = writer.write_head(record, parts.head.data());
  if (context.fields.has(Field::value) && record.null_value) {
    to = put(put(to, k_value.text), "null");
  } else if (context.fields.has(Field::value)) {
    parts.as_base64 = !writer.embeds(record.value);
    parts.value = record.value;
    parts.tail = parts.as_base64 ? "\"}\n" : "}\n";
    to = put(to, parts.as_base64 ? k_value.base64 : k_value.text);
  }
  parts.head.front() = '{';
  parts.head.resize(static_cast<std::size_t>(to - parts.head.data()));
  return parts;
}

}  // namespace penstock::format
