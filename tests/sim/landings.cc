// How it works
//
// Each record's value says which record it is: `api:0:17:aaaa` is offset 17 of partition 0 of `api`, and then
// filler. So a line of a blob leads to its record, and the two are compared byte for byte. What a blob has of
// each partition goes to the book of that partition (partition_book.h). For example, a blob has the ranges
// `0:0-4,1:7-9` and the lines of 0:0, 1:7 and 0:1. Each line is of one of its ranges, and the two of
// partition 0 are in order. The book of partition 0 gets 0 and 1, and looks whether they are all of 0 to 4.
#include "sim/landings.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/concat.h"
#include "codec/checksum.h"
#include "sim/rows.h"

namespace penstock::sim {
namespace {

std::string_view get(const Metadata& metadata, std::string_view key) {
  for (const auto& [name, value] : metadata) {
    if (name == key) {
      return value;
    }
  }
  return {};
}

std::string hex(std::uint32_t value) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", value);
  return text.data();
}

std::string name_of(const TopicPartition& id) {
  return concat(id.topic, ':', id.partition.value);
}

}  // namespace

std::string value_of(const TopicPartition& id, Offset offset, std::string_view filler) {
  return concat(name_of(id), ':', offset.value, ':', filler);
}

Landings::Landings(const std::map<TopicPartition, Log>& logs, Guarantee guarantee, bool from_start,
                   std::string group, Verdict& verdict)
    : logs_(logs),
      guarantee_(guarantee),
      from_start_(from_start),
      group_(std::move(group)),
      verdict_(verdict) {}

PartitionBook& Landings::book_of(const TopicPartition& id) {
  const auto found = books_.find(id);
  return found != books_.end()
             ? found->second
             : books_
                   .try_emplace(id, id, logs_.at(id),
                                PartitionBook::Options{.once = guarantee_ == Guarantee::exactly_once,
                                                       .from_start = from_start_,
                                                       .file = file_of(id.topic)},
                                verdict_)
                   .first->second;
}

FileRows Landings::file_of(const std::string& topic) const {
  const auto found = files_.find(topic);
  return found == files_.end() ? FileRows() : found->second;
}

void Landings::log_replaced(const TopicPartition& id, std::unique_ptr<Log> old, Position cut) {
  book_of(id).log_replaced(std::move(old), cut);
}

// Blobs

void Landings::blob_created(const std::string& name, const SimBlob& blob) {
  const std::optional<std::string> text = text_of(name, blob);
  if (!text) {
    return;
  }
  if (is_tombstone(blob.metadata)) {
    ++tombstones_;
    verdict_.note("lake: the tombstone ", name);
    if (!text->empty()) {
      verdict_.fail("the tombstone ", name, " holds something");
    }
    return;
  }
  if (get(blob.metadata, "quarantine") == "1") {
    quarantine_created(name, blob);
    return;
  }
  ++blobs_;
  verdict_.note("lake: ", name, " of ", blob.bytes.size(), " bytes: ", get(blob.metadata, "ranges"));
  const std::optional<Ranges> ranges = ranges_of(name, blob);
  if (!ranges) {
    return;
  }
  const format::RowFormat rows = file_of(std::string(get(blob.metadata, "topic"))).rows;
  if (format::format_of(name).rows != rows) {
    verdict_.fail("the name ", name, " tells another format");
    return;
  }
  lines_.clear();
  Lines in_quarantine;
  const Quarantine* const beside = quarantine_beside(name, blob);
  if (!read_lines(name, *text, rows, *ranges, lines_) ||
      (beside != nullptr && !read_lines(concat("the quarantine of ", name), beside->text,
                                        format::RowFormat::envelope, *ranges, in_quarantine))) {
    return;
  }
  const bool tells_lost = !get(blob.metadata, "lost").empty();
  std::uint64_t records = 0;
  std::int64_t positions = 0;
  for (const auto& [id, range] : *ranges) {
    records += lines_[id].size();
    positions += range.next.value - range.first.value;
    std::vector<PartitionBook::Line>& lines = lines_[id];
    lines.insert(lines.end(), in_quarantine[id].begin(), in_quarantine[id].end());
    std::ranges::sort(lines, {}, &PartitionBook::Line::offset);
    quarantined_ += in_quarantine[id].size();
    book_of(id).blob_landed(name, range, lines, tells_lost);
  }
  records_ += records;
  if (get(blob.metadata, "records") != std::to_string(records) ||
      get(blob.metadata, "bytes") != std::to_string(text->size()) || get(blob.metadata, "group") != group_ ||
      get(blob.metadata, "attempt").empty() || get(blob.metadata, "penstock") != "1") {
    verdict_.fail("the metadata of ", name, " are not those of its content");
  }
  count_positions(name, blob, records, positions);
  if (get(blob.metadata, "crc32c") != hex(codec::crc32c(as_bytes(blob.bytes)))) {
    verdict_.fail("the metadata of ", name, " have another checksum than its bytes");
  }
}

void Landings::count_positions(const std::string& name, const SimBlob& blob, std::uint64_t records,
                               std::int64_t positions) {
  const auto skipped = whole_number(get(blob.metadata, "skipped"));
  const auto holes = whole_number(get(blob.metadata, "holes"));
  const std::int64_t quarantined = whole_number(get(blob.metadata, "quarantined")).value_or(0);
  if (!skipped || !holes ||
      static_cast<std::int64_t>(records) + *skipped + *holes + quarantined != positions) {
    verdict_.fail("the metadata of ", name, " do not tell what each of its ", positions, " positions is");
  }
}

// Kept until its file appears. What it holds counts only then.
void Landings::quarantine_created(const std::string& name, const SimBlob& blob) {
  verdict_.note("lake: the quarantine ", name, " of ", blob.bytes.size(), " bytes");
  const auto records = std::ranges::count(blob.bytes, '\n');
  if (get(blob.metadata, "records") != std::to_string(records) || records == 0 ||
      get(blob.metadata, "bytes") != std::to_string(blob.bytes.size()) ||
      get(blob.metadata, "group") != group_ || get(blob.metadata, "of").empty() ||
      get(blob.metadata, "crc32c") != hex(codec::crc32c(as_bytes(blob.bytes)))) {
    verdict_.fail("the metadata of the quarantine ", name, " are not those of its content");
  }
  quarantines_[name] = {.of = std::string(get(blob.metadata, "of")),
                        .records = std::string(get(blob.metadata, "records")),
                        .text = blob.bytes};
}

// Null: the file says that it has none. It is durable before its file is there.
const Landings::Quarantine* Landings::quarantine_beside(const std::string& name, const SimBlob& blob) {
  const auto found = quarantines_.find(concat("_quarantine/", name, ".json"));
  const std::string_view said = get(blob.metadata, "quarantined");
  if ((found == quarantines_.end()) != said.empty()) {
    verdict_.fail("the blob ", name, " has '", said, "' records in quarantine, and a quarantine is ",
                  said.empty() ? "" : "not ", "there");
  }
  if (found == quarantines_.end() || said.empty()) {
    return nullptr;
  }
  if (found->second.records != said || found->second.of != get(blob.metadata, "attempt")) {
    verdict_.fail("the quarantine beside ", name, " is another");
  }
  return &found->second;
}

std::optional<std::string> Landings::text_of(const std::string& name, const SimBlob& blob) {
  std::optional<codec::CompressedFormat> format;
  if (name.ends_with(".gz")) {
    format = codec::CompressedFormat::gzip;
  } else if (name.ends_with(".zst")) {
    format = codec::CompressedFormat::zstd;
  }
  if (!format) {
    return blob.bytes;
  }
  const Result<Bytes> text = decompressor_.decompress(*format, as_bytes(blob.bytes));
  if (!text.ok()) {
    verdict_.fail("the blob ", name, " is damaged: ", text.error().message);
    return std::nullopt;
  }
  return std::string(as_text(*text));
}

std::optional<Landings::Ranges> Landings::ranges_of(const std::string& name, const SimBlob& blob) {
  const std::string topic(get(blob.metadata, "topic"));
  std::string_view text = get(blob.metadata, "ranges");
  Ranges ranges;
  while (!text.empty()) {
    std::string_view range = cut_off(text, ",");
    const auto partition = whole_number(cut_off(range, ":"));
    const auto first = whole_number(cut_off(range, "-"));
    const auto next = whole_number(range);
    if (!partition || !first || !next || *first >= *next) {
      break;
    }
    const TopicPartition id{topic, Partition{static_cast<std::int32_t>(*partition)}};
    if (!logs_.contains(id) || !ranges.emplace(id, Range{Position{*first}, Position{*next}}).second) {
      break;
    }
    if (text.empty()) {
      return ranges;
    }
  }
  verdict_.fail("the ranges of ", name, " cannot be: ", get(blob.metadata, "ranges"));
  return std::nullopt;
}

// Every line is of one of the blob's ranges, and those of a partition are in order. A blob whose records are
// all in quarantine has none.
bool Landings::read_lines(const std::string& name, std::string_view text, format::RowFormat rows,
                          const Ranges& ranges, Lines& lines_of) {
  if (text.empty() ? !quarantines_.contains(concat("_quarantine/", name, ".json")) : text.back() != '\n') {
    verdict_.fail("the blob ", name, " does not end with a whole line");
    return false;
  }
  while (!text.empty()) {
    const std::string_view line = cut_off(text, "\n");
    const auto& [id, offset] = named_by(rows, line);
    const auto range = ranges.find(id);
    if (range == ranges.end() || offset < range->second.first.value || offset >= range->second.next.value) {
      verdict_.fail("a line of ", name, " is of none of its ranges: ", line.substr(0, 60));
      return false;
    }
    std::vector<PartitionBook::Line>& lines = lines_of[id];
    if (!lines.empty() && lines.back().offset >= offset) {
      verdict_.fail("the lines of ", name, " are not in order: ", line.substr(0, 60));
      return false;
    }
    lines.push_back({.offset = offset, .text = line});
  }
  return true;
}

void Landings::entry_visible(const TopicPartition& id, const GroupEntry& entry) {
  verdict_.note("group: ", name_of(id), " is at ", entry.position.value, " '", entry.metadata, "'");
  book_of(id).entry_visible(entry);
}

void Landings::judge() {
  for (const auto& [id, log] : logs_) {
    book_of(id).judge();
  }
}

}  // namespace penstock::sim
