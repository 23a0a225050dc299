#include "sim/rows.h"

#include <algorithm>
#include <charconv>

#include "base/base64.h"
#include "base/concat.h"

namespace penstock::sim {
namespace {

constexpr std::string_view k_topic = "\"topic\":\"";
constexpr std::string_view k_partition = "\",\"partition\":";
constexpr std::string_view k_offset = ",\"offset\":";
constexpr std::string_view k_timestamp = ",\"timestamp\":";

std::string flat(std::string value) {
  std::replace_if(
      value.begin(), value.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return value;
}

// Of the values that the topics of a world have (TopicLife::value_for) those in quotes are JSON, but for one
// with a line break in it.
bool is_json(const std::string& value) {
  return value.starts_with('"') && value.find('\n') == std::string::npos;
}

std::string envelope_of(const TopicPartition& id, const LogRecord& record, std::string_view reason) {
  const std::string value = record.value.empty() ? "\"value\":null"
                            : is_json(record.value)
                                ? concat("\"value\":", record.value)
                                : concat("\"value_base64\":\"", base64_encode(as_bytes(record.value)), '"');
  return concat('{', reason.empty() ? std::string() : concat("\"reason\":\"", reason, "\","), k_topic,
                id.topic, k_partition, id.partition.value, k_offset, record.offset.value, k_timestamp,
                record.timestamp_ms, ",\"timestamp_type\":\"CreateTime\",\"key\":null,\"headers\":[],", value,
                '}');
}

}  // namespace

std::string_view reason_of(const FileRows& file, const LogRecord& record) {
  if (file.rules.value_bytes_max > 0 && record.value.size() > file.rules.value_bytes_max) {
    return "too-large";
  }
  return file.rules.json && !record.value.empty() && !is_json(record.value) ? "not-json" : "";
}

std::optional<std::string> row_of(const FileRows& file, const TopicPartition& id, const LogRecord& record) {
  if (!makes_row(file, record)) {
    return std::nullopt;
  }
  const std::string_view reason = reason_of(file, record);
  return file.rows == format::RowFormat::envelope || !reason.empty() ? envelope_of(id, record, reason)
                                                                     : flat(record.value);
}

NamedRecord named_by(format::RowFormat rows, std::string_view line) {
  NamedRecord named{.id = {.topic = {}, .partition = Partition{-1}}};
  std::string_view partition;
  std::string_view offset;
  if (rows == format::RowFormat::envelope) {
    static_cast<void>(cut_off(line, k_topic));
    named.id.topic = cut_off(line, k_partition);
    partition = cut_off(line, k_offset);
    offset = cut_off(line, k_timestamp);
  } else {
    named.id.topic = cut_off(line, ":");
    partition = cut_off(line, ":");
    offset = cut_off(line, ":");
  }
  named.id.partition.value = static_cast<std::int32_t>(whole_number(partition).value_or(-1));
  named.offset = whole_number(offset).value_or(-1);
  return named;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string_view cut_off(std::string_view& text, std::string_view separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + separator.size(), text.size()));
  return part;
}

}  // namespace penstock::sim
