// What a blob says of itself, wherever it lies: the rows of metadata that `verify` reads, and the file beside
// a blob in a directory. The first byte chooses (Text): a directory's file, or rows alone, "key=value" a
// line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/concat.h"
#include "format/blob_metadata.h"
#include "lake/directory_metadata.h"
#include "verify/blob_facts.h"
#include "verify/tiling.h"

namespace penstock {
namespace {

enum Text : std::uint8_t { sidecar, rows, text_count };

std::string_view take_until(std::string_view& rest, char end) {
  const std::string_view taken = rest.substr(0, rest.find(end));
  rest.remove_prefix(std::min(rest.size(), taken.size() + 1));
  return taken;
}

// As they were written, but for zeros before a number.
void check_ranges(const std::vector<PartitionRange>& ranges, std::string_view text) {
  CHECK(!ranges.empty());
  for (const PartitionRange& each : ranges) {
    CHECK(each.partition >= Partition{0});
    CHECK(each.range.first >= Position{0});
    CHECK(each.range.first <= each.range.next);
  }
  const std::string written = format::to_text(ranges);
  CHECK(written.size() <= text.size());
  CHECK(std::count(written.begin(), written.end(), ',') == std::count(text.begin(), text.end(), ','));
  const auto again = format::parse_ranges(written);
  CHECK(again.ok());
  CHECK((*again == ranges));
}

// What was held before and after is at most what is said, and no position is lost on the way.
void check_tiling(const verify::BlobFacts& facts) {
  verify::Tiling tiling;
  tiling.add(facts);
  for (const PartitionRange& each : facts.metadata.ranges) {
    const verify::Tiles* tiles = tiling.find({facts.metadata.topic, each.partition});
    CHECK(tiles != nullptr);
    CHECK(tiles->held.missing(each.range).empty());
  }
  verify::Overlaps overlaps(tiling);
  overlaps.look(facts);
  CHECK((std::move(overlaps).take().empty() == !tiling.any_twice()));
}

void check_facts(const Metadata& metadata) {
  const verify::BlobFacts facts =
      verify::facts_of({.name = "a.txt", .properties = {.bytes = 1, .metadata = metadata}});
  CHECK(facts.name == "a.txt");
  using Kind = verify::BlobFacts::Kind;
  CHECK(facts.fault.empty() == (facts.kind != Kind::foreign));
  if (facts.kind != Kind::data) {
    return;
  }
  CHECK(!facts.metadata.topic.empty());
  const auto value_of = [&](std::string_view key) {
    const auto found =
        std::find_if(metadata.begin(), metadata.end(), [key](const auto& row) { return row.first == key; });
    CHECK((found != metadata.end()));
    return std::string_view(found->second);
  };
  CHECK(value_of("penstock") == "1");
  CHECK(value_of("topic") == facts.metadata.topic);
  check_ranges(facts.metadata.ranges, value_of("ranges"));
  if (!facts.metadata.lost.empty()) {
    check_ranges(facts.metadata.lost, value_of("lost"));
  }
  check_tiling(facts);
  const auto again = format::read_blob_metadata(format::to_metadata(facts.metadata));
  CHECK(again.ok());
  CHECK((again->ranges == facts.metadata.ranges && again->lost == facts.metadata.lost));
  CHECK(again->records == facts.metadata.records);
  CHECK(again->attempt == facts.metadata.attempt);
}

Metadata rows_of(std::string_view text) {
  Metadata metadata;
  while (!text.empty()) {
    std::string_view value = take_until(text, '\n');
    const std::string key(take_until(value, '='));
    metadata.emplace_back(key, value);
  }
  return metadata;
}

void read_sidecar(std::string_view text) {
  const auto found = lake::decode_sidecar(text);
  if (!found.ok()) {
    CHECK((found.error().kind == ErrorKind::corrupt));
    CHECK(!found.error().message.empty());
    CHECK(found.error().message.size() < 300U);
    return;
  }
  const auto written = lake::encode_sidecar(*found);
  if (written.ok()) {
    CHECK(*written == text);
  } else {
    CHECK((written.error().kind == ErrorKind::invalid_input));
    CHECK(!written.error().message.empty());
  }
  if (lake::check_blob_name(found->name).ok()) {
    const std::string inside = concat("/", found->name, "/");
    CHECK(inside.find("/../") == std::string::npos);
    CHECK(inside.find("//") == std::string::npos);
    CHECK(found->name.find('\0') == std::string::npos);
    const std::string beside = lake::sidecar_name(found->name);
    CHECK(beside.ends_with(".meta"));
    CHECK(!lake::check_blob_name(beside).ok());  // so that no blob can be its own neighbour's metadata
  }
  check_facts(found->metadata);
}

void run(std::string_view input) {
  if (input.empty()) {
    return;
  }
  const bool is_sidecar = static_cast<unsigned char>(input[0]) % text_count == sidecar;
  input.remove_prefix(1);
  if (is_sidecar) {
    read_sidecar(input);
  } else {
    check_facts(rows_of(input));
    if (const auto ranges = format::parse_ranges(input); ranges.ok()) {
      check_ranges(*ranges, input);
    } else {
      CHECK(!ranges.error().message.empty());
    }
  }
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
