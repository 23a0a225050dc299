// How it works
//
// Each record's value says which record it is: `api:0:17:aaaa` is offset 17 of partition 0 of `api`, and then
// filler. So a line of a blob leads to its record in the log, and the two are compared byte for byte. A
// pointer per partition moves over records that are in a blob, and over empty values, which make no line. An
// entry may not pass a record that the pointer has not passed.
//
// The worked case is a log with the offsets 0, 1, 3 (an empty value) and 4. Offset 2 is a hole, the end is 5.
//
//   1. A blob lands with the range 0-4 and the lines of 0 and 1. No other record in the range has a value.
//   2. The entry 4 becomes visible. The pointer goes up to offset 4, and the entry is right. The entry 5
//      would be a violation, as offset 4 is in no blob.
//   3. Another blob with offset 1 is a violation at once under exactly_once. At least once allows it.
//   4. At the end each record with a value needs a copy. Under exactly_once no two ranges may overlap.
#include "sim/landings.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/concat.h"

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

// The part up to the separator, which is taken off the text.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string flat(std::string value) {
  std::replace_if(
      value.begin(), value.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return value;
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

std::size_t Landings::place_of(const Log& log, std::int64_t offset) const {
  return static_cast<std::size_t>(
      std::lower_bound(log.records.begin(), log.records.end(), offset,
                       [](const LogRecord& record, std::int64_t at) { return record.offset.value < at; }) -
      log.records.begin());
}

// Blobs

void Landings::blob_created(const std::string& name, const SimBlob& blob) {
  const std::optional<std::string> text = text_of(name, blob);
  if (!text) {
    return;
  }
  if (get(blob.metadata, "tombstone") == "1") {
    ++tombstones_;
    verdict_.note("lake: the tombstone ", name);
    if (!text->empty()) {
      verdict_.fail("the tombstone ", name, " holds something");
    }
    return;
  }
  ++blobs_;
  verdict_.note("lake: ", name, " of ", blob.bytes.size(), " bytes: ", get(blob.metadata, "ranges"));
  const std::optional<Ranges> ranges = ranges_of(name, blob);
  if (!ranges) {
    return;
  }
  const std::optional<std::uint64_t> records = read_lines(name, *text, *ranges);
  if (!records) {
    return;
  }
  records_ += *records;
  expect_whole_ranges(name, *ranges);
  if (get(blob.metadata, "records") != std::to_string(*records) ||
      get(blob.metadata, "bytes") != std::to_string(text->size()) || get(blob.metadata, "group") != group_ ||
      get(blob.metadata, "attempt").empty() || get(blob.metadata, "penstock") != "1") {
    verdict_.fail("the metadata of ", name, " are not those of its content");
  }
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
    std::string_view range = cut(text, ',');
    const auto partition = number(cut(range, ':'));
    const auto first = number(cut(range, '-'));
    const auto next = number(range);
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

// Every line is, byte for byte, a record of the blob's ranges, in the order of its partition.
std::optional<std::uint64_t> Landings::read_lines(const std::string& name, std::string_view text,
                                                  const Ranges& ranges) {
  in_blob_.clear();
  std::map<TopicPartition, std::int64_t> last;
  std::uint64_t records = 0;
  if (text.empty() || text.back() != '\n') {
    verdict_.fail("the blob ", name, " does not end with a whole line");
    return std::nullopt;
  }
  while (!text.empty()) {
    const std::string_view line = cut(text, '\n');
    std::string_view rest = line;
    TopicPartition id;
    id.topic = cut(rest, ':');
    const auto partition = number(cut(rest, ':'));
    const auto offset = number(cut(rest, ':'));
    id.partition.value = static_cast<std::int32_t>(partition.value_or(-1));
    const auto log = logs_.find(id);
    const auto range = ranges.find(id);
    if (!offset || log == logs_.end() || range == ranges.end() || *offset < range->second.first.value ||
        *offset >= range->second.next.value) {
      verdict_.fail("a line of ", name, " is of none of its ranges: ", line.substr(0, 60));
      return std::nullopt;
    }
    const std::size_t place = place_of(log->second, *offset);
    if (place == log->second.records.size() || log->second.records[place].offset.value != *offset ||
        flat(log->second.records[place].value) != line) {
      verdict_.fail("a line of ", name, " is no record: ", line.substr(0, 60));
      return std::nullopt;
    }
    const auto [before, is_first] = last.try_emplace(id, *offset);
    if (!is_first && std::exchange(before->second, *offset) >= *offset) {
      verdict_.fail("the lines of ", name, " are not in order: ", line.substr(0, 60));
      return std::nullopt;
    }
    ++in_blob_[name_of(id)];
    ++records;
    count_copy(name, id, place);
  }
  return records;
}

void Landings::count_copy(const std::string& name, const TopicPartition& id, std::size_t place) {
  Landed& landed = landed_[id];
  const Log& log = logs_.at(id);
  landed.copies.resize(log.records.size());
  const std::uint32_t copies = ++landed.copies[place];
  if (copies > 1 && guarantee_ == Guarantee::exactly_once) {
    verdict_.fail(name_of(id), " offset ", log.records[place].offset.value, " landed again, in ", name);
  }
}

void Landings::expect_whole_ranges(const std::string& name, const Ranges& ranges) {
  for (const auto& [id, range] : ranges) {
    const Log& log = logs_.at(id);
    std::uint64_t wanted = 0;
    for (std::size_t place = place_of(log, range.first.value);
         place < log.records.size() && log.records[place].offset.value < range.next.value; ++place) {
      wanted += log.records[place].value.empty() ? 0 : 1;
    }
    if (wanted != in_blob_[name_of(id)]) {
      verdict_.fail("the blob ", name, " has ", in_blob_[name_of(id)], " of the ", wanted, " records of ",
                    name_of(id), " in its range ", range.first.value, "-", range.next.value);
    }
    if (range.next > log.end) {
      verdict_.fail("the blob ", name, " has a range behind the end of ", name_of(id));
    }
    Landed& landed = landed_[id];
    landed.ranges.push_back(range);
    if (!from_start_ && (!landed.base || range.first < *landed.base)) {
      landed.base = range.first;
    }
  }
}

// Entries

void Landings::entry_visible(const TopicPartition& id, const GroupEntry& entry) {
  const Log& log = logs_.at(id);
  Landed& landed = landed_[id];
  verdict_.note("group: ", name_of(id), " is at ", entry.position.value, " '", entry.metadata, "'");
  landed.committed = entry.position;
  if (entry.position > log.end || entry.position.value < 0) {
    verdict_.fail(name_of(id), " is committed at ", entry.position.value, ", behind its end");
  }
  if (!from_start_ && (!landed.base || entry.position < *landed.base)) {
    landed.base = entry.position;  // pinned before anything of it landed
  }
  landed.copies.resize(log.records.size());
  const std::size_t base = landed.base ? place_of(log, landed.base->value) : 0;
  landed.covered = std::max(landed.covered, base);
  while (landed.covered < log.records.size() &&
         (landed.copies[landed.covered] > 0 || log.records[landed.covered].value.empty())) {
    ++landed.covered;
  }
  if (landed.covered < log.records.size() &&
      log.records[landed.covered].offset.value < entry.position.value) {
    verdict_.fail(name_of(id), " is committed at ", entry.position.value, ", and offset ",
                  log.records[landed.covered].offset.value, " is in no blob");
  }
}

// The end

void Landings::judge() {
  for (const auto& [id, log] : logs_) {
    judge_partition(id, log);
  }
}

void Landings::judge_partition(const TopicPartition& id, const Log& log) {
  Landed& landed = landed_[id];
  landed.copies.resize(log.records.size());
  const std::int64_t base = from_start_ ? 0 : landed.base ? landed.base->value : log.end.value;
  // A start at the end of the log is pinned with the first batch: what comes after that, a stop may leave.
  const std::size_t end = from_start_ ? log.records.size() : place_of(log, landed.committed.value);
  for (std::size_t place = place_of(log, base); place < end; ++place) {
    const bool wanted = !log.records[place].value.empty();
    if (wanted && landed.copies[place] == 0) {
      verdict_.fail(name_of(id), " offset ", log.records[place].offset.value, " never landed");
      return;
    }
    if (guarantee_ == Guarantee::exactly_once && landed.copies[place] > 1) {
      verdict_.fail(name_of(id), " offset ", log.records[place].offset.value, " landed ",
                    landed.copies[place], " times");
      return;
    }
  }
  if (guarantee_ != Guarantee::exactly_once) {
    return;
  }
  // Ranges tile, but for batches that held nothing to store, which have no blob.
  std::sort(landed.ranges.begin(), landed.ranges.end());
  std::int64_t reached = base;
  for (const Range& range : landed.ranges) {
    if (range.first.value < reached) {
      verdict_.fail("ranges of ", name_of(id), " overlap at ", range.first.value);
      return;
    }
    reached = range.next.value;
  }
}

}  // namespace penstock::sim
