// A record as an envelope: the value and the key may be any bytes. Three bytes: where the input is divided
// into key, header and value, and how large the pieces are in which the row is written a second time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/check.h"
#include "base/record_view.h"
#include "codec/json_check.h"
#include "codec/json_grammar.h"
#include "format/record_format.h"
#include "format/split_row.h"

namespace penstock::format {
namespace {

constexpr std::size_t k_mode_bytes = 3;

// The two opinions may differ in half a surrogate pair alone.
bool agreed_json(codec::JsonCheck& json, std::string_view value) {
  const bool taken = json.is_json(as_bytes(value));
  if (value.find("\\u") == std::string_view::npos) {
    CHECK(taken == codec::follows_json_grammar(value));
  }
  return taken;
}

// Only CR and LF are changed.
std::string flattened(std::string value) {
  std::replace(value.begin(), value.end(), '\n', ' ');
  std::replace(value.begin(), value.end(), '\r', ' ');
  return value;
}

void check_value(std::string_view row, std::string_view value, bool json) {
  const std::size_t first = value.find_first_not_of(" \t\r\n");
  const std::string expected = json && value[first] != 'n'
                                   ? ",\"value\":" + flattened(std::string(value))
                                   : ",\"value_base64\":\"" + base64_encode(as_bytes(value)) + "\"";
  CHECK(row.ends_with(expected + "}\n"));
}

void run(std::string_view input) {
  if (input.size() < k_mode_bytes) {
    return;
  }
  const auto byte = [&input](std::size_t i) { return std::size_t{static_cast<unsigned char>(input[i])}; };
  const std::string_view text = input.substr(k_mode_bytes);
  const std::string_view key = text.substr(0, byte(0));
  const std::string_view header = text.substr(key.size()).substr(0, byte(1));
  const std::string_view value = text.substr(key.size() + header.size());
  const HeaderView view{.key = header, .value = as_bytes(key)};
  const RecordView record{.offset = Offset{1},
                          .timestamp_ms = 1,
                          .key = as_bytes(key),
                          .value = as_bytes(value),
                          .headers = {&view, 1},
                          .null_key = false,
                          .null_value = false,
                          .timestamp_type = TimestampType::created};
  static codec::JsonCheck json;
  const RowContext context{
      .rows = RowFormat::envelope, .topic = "topic", .partition = Partition{3}, .json = &json};
  std::string row(row_bytes_max(context, record), '\0');
  const Framed framed = frame(context, {&record, 1}, std::as_writable_bytes(std::span(row)));
  CHECK(framed.records == 1U);
  row.resize(framed.bytes);
  CHECK(row.find('\n') == row.size() - 1);
  const bool is_json = agreed_json(json, value);
  check_value(row, value, is_json);
  if (value.find("\\u") == std::string_view::npos) {
    // The embedded value may lie as deep as is allowed, and the row is one deeper.
    CHECK(
        (codec::follows_json_grammar(row) || value.find('[') != value.npos || value.find('{') != value.npos));
  }
  SplitRow pieces(context, record);
  std::string again;
  while (!pieces.done()) {
    std::string piece(byte(2) + 1, '\0');
    again += piece.substr(0, pieces.write(std::as_writable_bytes(std::span(piece))));
  }
  CHECK(again == row);
}

}  // namespace
}  // namespace penstock::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::format::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
