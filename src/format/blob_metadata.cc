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
#include "codec/checksum.h"

namespace penstock::format {
namespace {

constexpr std::string_view k_hex_digits = "0123456789abcdef";
constexpr std::size_t k_checksum_digits = 8;

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

bool is_topic_id(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of(k_hex_digits) == std::string_view::npos;
}

Error unreadable(std::string message) {
  return make_error(ErrorKind::invalid_input, Action::give_up, std::move(message));
}

// What a blob has beside its rows, and its checksum: not of early releases.
Result<void> read_balance(const Metadata& rows, BlobMetadata& metadata) {
  for (const auto& [key, where] :
       {std::pair("skipped", &metadata.skipped), std::pair("holes", &metadata.holes)}) {
    const std::string* text = value_of(rows, key);
    if (text != nullptr && !parse_number(*text, where->emplace())) {
      return unreadable(concat("its metadata do not say how many positions are ", key));
    }
  }
  if (const std::string* text = value_of(rows, "quarantined");
      text != nullptr && !parse_number(*text, metadata.quarantined)) {
    return unreadable("its metadata do not say how many records are in quarantine");
  }
  if (const std::string* text = value_of(rows, "crc32c")) {
    std::uint32_t& sum = metadata.checksum.emplace();
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), sum, 16);
    if (text->size() != k_checksum_digits || text->find_first_not_of(k_hex_digits) != std::string::npos ||
        error != std::errc() || end != text->data() + text->size()) {
      return unreadable(concat("its metadata hold no checksum, but \"", text->substr(0, 100), "\""));
    }
  }
  return {};
}

std::string checksum_text(std::uint32_t checksum) {
  std::string text(k_checksum_digits, '0');
  for (std::size_t at = k_checksum_digits; checksum != 0; checksum >>= 4) {
    text[--at] = k_hex_digits[checksum & 15];
  }
  return text;
}

// A quarantine file has none, and says whose records they are.
Result<void> read_positions(const Metadata& rows, BlobMetadata& metadata) {
  if (metadata.is_quarantine) {
    const std::string* of = value_of(rows, "of");
    if (of == nullptr || of->empty()) {
      return unreadable("its metadata do not say which file its records belong to");
    }
    metadata.of = *of;
    return {};
  }
  const std::string* ranges = value_of(rows, "ranges");
  auto parsed = parse_ranges(ranges == nullptr ? std::string_view() : *ranges);
  if (!parsed.ok()) {
    return std::move(parsed).error();
  }
  metadata.ranges = std::move(parsed).value();
  for (const auto& [key, where] :
       {std::pair("lost", &metadata.lost), std::pair("before", &metadata.before)}) {
    if (const std::string* text = value_of(rows, key)) {
      parsed = parse_ranges(*text);
      if (!parsed.ok()) {
        return std::move(parsed).error();
      }
      *where = std::move(parsed).value();
    }
  }
  return {};
}

// Of an empty file, behind its topic.
Result<BlobMetadata> read_empty(const Metadata& rows, BlobMetadata metadata) {
  const std::string* bytes = value_of(rows, "bytes");
  if (bytes == nullptr || !parse_number(*bytes, metadata.bytes)) {
    return unreadable("its metadata do not say how many bytes it holds");
  }
  if (Result<void> read = read_balance(rows, metadata); !read.ok()) {
    return std::move(read).error();
  }
  return metadata;
}

// What is not a tombstone's.
Result<BlobMetadata> read_data(const Metadata& rows, BlobMetadata metadata) {
  const std::string* topic = value_of(rows, "topic");
  if (topic == nullptr || topic->empty()) {
    return unreadable("its metadata name no topic");
  }
  metadata.topic = *topic;
  if (const std::string* id = value_of(rows, "topicid")) {
    if (!is_topic_id(*id)) {
      return unreadable(concat("its metadata hold no topic id, but \"", id->substr(0, 100), "\""));
    }
    metadata.topic_id = *id;
  }
  if (metadata.is_empty) {
    return read_empty(rows, std::move(metadata));
  }
  if (Result<void> read = read_positions(rows, metadata); !read.ok()) {
    return std::move(read).error();
  }
  const std::string* records = value_of(rows, "records");
  const std::string* bytes = value_of(rows, "bytes");
  if (records == nullptr || bytes == nullptr || !parse_number(*records, metadata.records) ||
      !parse_number(*bytes, metadata.bytes)) {
    return unreadable("its metadata do not say how many records and bytes it holds");
  }
  if (Result<void> read = read_balance(rows, metadata); !read.ok()) {
    return std::move(read).error();
  }
  if (const std::string* attempt = value_of(rows, "attempt")) {
    metadata.attempt = *attempt;
  }
  return metadata;
}

}  // namespace

std::size_t range_bytes_max(Partition partition) {
  constexpr std::string_view k_longest = ":9223372036854775807-9223372036854775807,";
  return std::to_string(partition.value).size() + k_longest.size();
}

std::optional<Range> BlobMetadata::range_of(Partition partition) const {
  const auto found = std::find_if(ranges.begin(), ranges.end(), [partition](const PartitionRange& each) {
    return each.partition == partition;
  });
  return found == ranges.end() ? std::nullopt : std::optional(found->range);
}

std::uint64_t BlobMetadata::position_count() const {
  std::uint64_t count = 0;
  for (const PartitionRange& each : ranges) {
    count += static_cast<std::uint64_t>(each.range.next.value - each.range.first.value);
  }
  return count;
}

BlobMetadata tombstone_of(std::string group) {
  BlobMetadata metadata;
  metadata.is_tombstone = true;
  metadata.group = std::move(group);
  return metadata;
}

BlobMetadata empty_file_of(std::string group, std::string topic, Bytes file) {
  BlobMetadata metadata;
  metadata.is_empty = true;
  metadata.group = std::move(group);
  metadata.topic = std::move(topic);
  metadata.checksum = codec::crc32c(file);
  return metadata;
}

Metadata to_metadata(const BlobMetadata& metadata) {
  Metadata rows{{"penstock", std::string(k_metadata_version)}};
  if (metadata.is_tombstone) {
    rows.emplace_back("tombstone", "1");
    rows.emplace_back("group", metadata.group);
    return rows;
  }
  if (metadata.is_empty) {
    rows.emplace_back("empty", "1");
    rows.emplace_back("topic", metadata.topic);
    rows.emplace_back("bytes", std::to_string(metadata.bytes));
    if (metadata.checksum) {
      rows.emplace_back("crc32c", checksum_text(*metadata.checksum));
    }
    rows.emplace_back("group", metadata.group);
    return rows;
  }
  if (metadata.is_quarantine) {
    rows.emplace_back("quarantine", "1");
    rows.emplace_back("of", metadata.of);
  }
  rows.emplace_back("topic", metadata.topic);
  if (!metadata.topic_id.empty()) {
    rows.emplace_back("topicid", metadata.topic_id);
  }
  if (!metadata.is_quarantine) {
    rows.emplace_back("ranges", to_text(metadata.ranges));
  }
  rows.emplace_back("records", std::to_string(metadata.records));
  if (metadata.skipped) {
    rows.emplace_back("skipped", std::to_string(*metadata.skipped));
  }
  if (metadata.holes) {
    rows.emplace_back("holes", std::to_string(*metadata.holes));
  }
  if (metadata.quarantined > 0) {
    rows.emplace_back("quarantined", std::to_string(metadata.quarantined));
  }
  rows.emplace_back("bytes", std::to_string(metadata.bytes));
  if (metadata.checksum) {
    rows.emplace_back("crc32c", checksum_text(*metadata.checksum));
  }
  rows.emplace_back("attempt", metadata.attempt);
  rows.emplace_back("group", metadata.group);
  if (!metadata.lost.empty()) {
    rows.emplace_back("lost", to_text(metadata.lost));
  }
  if (!metadata.before.empty()) {
    rows.emplace_back("before", to_text(metadata.before));
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
  const std::string* quarantine = value_of(rows, "quarantine");
  metadata.is_quarantine = quarantine != nullptr && *quarantine == "1";
  const std::string* empty = value_of(rows, "empty");
  metadata.is_empty = empty != nullptr && *empty == "1";
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
