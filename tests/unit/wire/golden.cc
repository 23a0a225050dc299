#include "unit/wire/golden.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <simdjson.h>

#include "base/concat.h"
#include "crypto/hash.h"

namespace penstock::wire {
namespace {

constexpr std::size_t k_long = 200;  // as record.py has it

const std::filesystem::path& directory() {
  static const std::filesystem::path path =
      std::filesystem::path(PENSTOCK_SOURCE_DIR) / "tests/unit/wire/golden";
  return path;
}

std::string hexadecimal(Bytes bytes) {
  std::string out;
  for (const std::byte byte : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned>(byte) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned>(byte) & 15];
  }
  return out;
}

std::string shown(Bytes bytes) {
  if (bytes.size() <= k_long) {
    return std::string(as_text(bytes));
  }
  return concat("sha256:", hexadecimal(crypto::sha256(bytes)), " ", bytes.size());
}

std::optional<std::string> shown(simdjson::dom::element element) {
  if (element.is_null()) {
    return std::nullopt;
  }
  if (element.is_string()) {
    return std::string(std::string_view(element));
  }
  return concat("sha256:", std::string_view(element["sha256"]), " ", std::int64_t(element["bytes"]));
}

}  // namespace

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory())) {
    if (entry.path().extension() == ".bin") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

GoldenBatches load_golden(const std::string& name) {
  std::ifstream file(directory() / (name + ".bin"), std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file) {
    throw std::runtime_error("no golden batches " + name);
  }
  GoldenBatches golden;
  golden.records = bytes.str();
  simdjson::dom::parser parser;
  const simdjson::dom::element book = parser.load((directory() / (name + ".json")).string());
  golden.asked = Position{std::int64_t(book["asked"])};
  golden.next = Position{std::int64_t(book["next"])};
  for (const simdjson::dom::element each : book["aborted"]) {
    golden.aborted.push_back(
        {.producer_id = std::int64_t(each.at(0)), .first_offset = std::int64_t(each.at(1))});
  }
  for (const simdjson::dom::element each : book["records"]) {
    GoldenRecord& record = golden.expected.emplace_back();
    record.offset = std::int64_t(each["offset"]);
    record.timestamp_ms = std::int64_t(each["timestamp_ms"]);
    record.key = shown(each["key"]);
    record.value = shown(each["value"]);
    for (const simdjson::dom::element header : each["headers"]) {
      record.headers.emplace_back(std::string(std::string_view(header.at(0))), shown(header.at(1)));
    }
  }
  return golden;
}

GoldenRecord as_golden(const RecordView& view) {
  GoldenRecord record;
  record.offset = view.offset.value;
  record.timestamp_ms = view.timestamp_ms;
  if (!view.null_key) {
    record.key = shown(view.key);
  }
  if (!view.null_value) {
    record.value = shown(view.value);
  }
  for (const HeaderView& header : view.headers) {
    record.headers.emplace_back(std::string(header.key),
                                header.null_value ? std::nullopt : std::optional(shown(header.value)));
  }
  return record;
}

void PrintTo(const GoldenRecord& record, std::ostream* out) {
  *out << "{offset " << record.offset << ", time " << record.timestamp_ms << ", key "
       << record.key.value_or("(null)") << ", value " << record.value.value_or("(null)");
  for (const auto& [name, value] : record.headers) {
    *out << ", " << name << "=" << value.value_or("(null)");
  }
  *out << "}";
}

}  // namespace penstock::wire
