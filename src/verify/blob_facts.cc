#include "verify/blob_facts.h"

#include <charconv>
#include <optional>
#include <utility>

#include "base/concat.h"

namespace penstock::verify {
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

const std::string* value_of(const lake::Metadata& metadata, std::string_view key) {
  for (const auto& [name, value] : metadata) {
    if (name == key) {
      return &value;
    }
  }
  return nullptr;
}

// Empty, or what is wrong with the metadata of a blob that says it is ours.
std::string read_data(const lake::Metadata& metadata, BlobFacts& facts) {
  const std::string* topic = value_of(metadata, "topic");
  if (topic == nullptr || topic->empty()) {
    return "its metadata name no topic";
  }
  facts.topic = *topic;
  const std::string* ranges = value_of(metadata, "ranges");
  auto parsed = parse_ranges(ranges == nullptr ? std::string_view() : *ranges);
  if (!parsed.ok()) {
    return parsed.error().message;
  }
  facts.ranges = std::move(parsed).value();
  if (const std::string* lost = value_of(metadata, "lost")) {
    parsed = parse_ranges(*lost);
    if (!parsed.ok()) {
      return parsed.error().message;
    }
    facts.lost = std::move(parsed).value();
  }
  const std::string* records = value_of(metadata, "records");
  const std::string* bytes = value_of(metadata, "bytes");
  if (records == nullptr || bytes == nullptr || !parse_number(*records, facts.records) ||
      !parse_number(*bytes, facts.bytes)) {
    return "its metadata do not say how many records and bytes it holds";
  }
  return {};
}

}  // namespace

Result<std::vector<PartitionRange>> parse_ranges(std::string_view text) {
  std::vector<PartitionRange> ranges;
  std::string_view rest = text;
  bool more = true;
  while (more) {
    more = rest.find(',') != std::string_view::npos;  // then a range follows, or the text is none of ours
    const std::optional<PartitionRange> range = parse_range(take_until(rest, ','));
    if (!range) {
      return make_error(ErrorKind::invalid_input, Action::give_up,
                        concat("its metadata hold no ranges, but \"", text.substr(0, 100), "\""));
    }
    ranges.push_back(*range);
  }
  return ranges;
}

BlobFacts facts_of(lake::BlobEntry entry) {
  BlobFacts facts;
  facts.name = std::move(entry.name);
  facts.stored_bytes = entry.properties.bytes;
  const lake::Metadata& metadata = entry.properties.metadata;
  const std::string* version = value_of(metadata, "penstock");
  if (version == nullptr) {
    facts.fault = "it has no metadata of penstock: somebody else's file";
    return facts;
  }
  if (*version != "1") {
    facts.fault =
        concat("its metadata are of version ", version->substr(0, 20), ", which this penstock does not know");
    return facts;
  }
  if (const std::string* group = value_of(metadata, "group")) {
    facts.group = *group;
  }
  const std::string* tombstone = value_of(metadata, "tombstone");
  if (tombstone != nullptr && *tombstone == "1") {
    facts.kind = BlobFacts::Kind::tombstone;
    return facts;
  }
  facts.fault = read_data(metadata, facts);
  facts.kind = facts.fault.empty() ? BlobFacts::Kind::data : BlobFacts::Kind::foreign;
  return facts;
}

codec::Compression compression_of(std::string_view name) {
  return name.ends_with(".gz")    ? codec::Compression::gzip
         : name.ends_with(".zst") ? codec::Compression::zstd
                                  : codec::Compression::none;
}

}  // namespace penstock::verify
