// How it works
//
// to_metadata() writes the rows in one fixed order. The reader looks each row up by its key. So the order in
// which a store gives them back does not matter, and rows with other keys are passed over.
//
// The reader asks for the version first. Only a blob of this version is called damaged, and a blob of a newer
// penstock is told as such. Then a tombstone is told from data, as a tombstone has no other rows to check.
//
// The worked case is the row `ranges  3:70-95,11:0-12`:
//
//   1. take_until() takes "3:70-95" from the front, and the comma behind it. Since there was a comma, a range
//      must follow.
//   2. parse_range() takes "3" up to the colon and "70" up to the hyphen. "95" is what is left. Each must be
//      a number to its last character and without a sign, and 70 must not be above 95.
//   3. "11:0-12" has no comma behind it, so it is the last.
//
// "3:70-95," is refused, because the empty text after the comma is no range. "3:70" is refused, because the
// empty text after it is no number. Whether ranges overlap is not looked at here.
#include "format/blob_metadata.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/concat.h"

namespace penstock::format {
namespace {

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && text[0] != '-' && error == std::errc() && end == text.data() + text.size();
}

// Up to `end`, which is taken too; without one, all there is.
std::string_view take_until(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return taken;
}

std::optional<PartitionRange> parse_range(std::string_view text) {
  PartitionRange found;
  const std::string_view partition = take_until(text, ':');
  const std::string_view first = take_until(text, '-');
  const bool whole = parse_number(partition, found.partition.value) &&
                     parse_number(first, found.range.first.value) &&
                     parse_number(text, found.range.next.value) && found.range.first <= found.range.next;
  return whole ? std::optional(found) : std::nullopt;
}

const std::string* value_of(const Metadata& rows, std::string_view key) {
  for (const auto& [name, value] : rows) {
    if (name == key) {
      return &value;
    }
  }
  return nullptr;
}

Error unreadable(std::string message) {
  return make_error(ErrorKind::invalid_input, Action::give_up, std::move(message));
}

// What is not a tombstone's.
Result<BlobMetadata> read_data(const Metadata& rows, BlobMetadata metadata) {
  const std::string* topic = value_of(rows, "topic");
  if (topic == nullptr || topic->empty()) {
    return unreadable("its metadata name no topic");
  }
  metadata.topic = *topic;
  const std::string* ranges = value_of(rows, "ranges");
  auto parsed = parse_ranges(ranges == nullptr ? std::string_view() : *ranges);
  if (!parsed.ok()) {
    return std::move(parsed).error();
  }
  metadata.ranges = std::move(parsed).value();
  if (const std::string* lost = value_of(rows, "lost")) {
    parsed = parse_ranges(*lost);
    if (!parsed.ok()) {
      return std::move(parsed).error();
    }
    metadata.lost = std::move(parsed).value();
  }
  const std::string* records = value_of(rows, "records");
  const std::string* bytes = value_of(rows, "bytes");
  if (records == nullptr || bytes == nullptr || !parse_number(*records, metadata.records) ||
      !parse_number(*bytes, metadata.bytes)) {
    return unreadable("its metadata do not say how many records and bytes it holds");
  }
  if (const std::string* attempt = value_of(rows, "attempt")) {
    metadata.attempt = *attempt;
  }
  return metadata;
}

}  // namespace

std::optional<Range> BlobMetadata::range_of(Partition partition) const {
  const auto found = std::find_if(ranges.begin(), ranges.end(), [partition](const PartitionRange& each) {
    return each.partition == partition;
  });
  return found == ranges.end() ? std::nullopt : std::optional(found->range);
}

BlobMetadata tombstone_of(std::string group) {
  BlobMetadata metadata;
  metadata.is_tombstone = true;
  metadata.group = std::move(group);
  return metadata;
}

Metadata to_metadata(const BlobMetadata& metadata) {
  Metadata rows{{"penstock", std::string(k_metadata_version)}};
  if (metadata.is_tombstone) {
    rows.emplace_back("tombstone", "1");
    rows.emplace_back("group", metadata.group);
    return rows;
  }
  rows.emplace_back("topic", metadata.topic);
  rows.emplace_back("ranges", to_text(metadata.ranges));
  rows.emplace_back("records", std::to_string(metadata.records));
  rows.emplace_back("bytes", std::to_string(metadata.bytes));
  rows.emplace_back("attempt", metadata.attempt);
  rows.emplace_back("group", metadata.group);
  if (!metadata.lost.empty()) {
    rows.emplace_back("lost", to_text(metadata.lost));
  }
  return rows;
}

Result<BlobMetadata> read_blob_metadata(const Metadata& rows) {
  const std::string* version = value_of(rows, "penstock");
  if (version == nullptr) {
    return unreadable("it has no metadata of penstock: somebody else's file");
  }
  if (*version != k_metadata_version) {
    return unreadable(concat("its metadata are of version ", version->substr(0, 20),
                             ", which this penstock does not know"));
  }
  BlobMetadata metadata;
  if (const std::string* group = value_of(rows, "group")) {
    metadata.group = *group;
  }
  const std::string* tombstone = value_of(rows, "tombstone");
  if (tombstone != nullptr && *tombstone == "1") {
    metadata.is_tombstone = true;
    return metadata;
  }
  return read_data(rows, std::move(metadata));
}

std::string to_text(std::span<const PartitionRange> ranges) {
  std::string text;
  for (const PartitionRange& each : ranges) {
    text += concat(text.empty() ? "" : ",", each.partition.value, ':', each.range.first.value, '-',
                   each.range.next.value);
  }
  return text;
}

Result<std::vector<PartitionRange>> parse_ranges(std::string_view text) {
  std::vector<PartitionRange> ranges;
  std::string_view rest = text;
  bool more = true;
  while (more) {
    more = rest.find(',') != std::string_view::npos;  // then a range follows, or the text is none of ours
    const std::optional<PartitionRange> range = parse_range(take_until(rest, ','));
    if (!range) {
      return unreadable(concat("its metadata hold no ranges, but \"", text.substr(0, 100), "\""));
    }
    ranges.push_back(*range);
  }
  return ranges;
}

}  // namespace penstock::format
