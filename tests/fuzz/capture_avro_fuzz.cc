// Capture's Avro, both ways. The first byte tells which. 0: the rest is a file, as a store may give it back,
// and the second byte is the size of the pieces in which it is read once more. Otherwise the rest is a
// record: two bytes tell where it is divided into key, header and value, and one how large the pieces are in
// which the row is written a second time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/record_view.h"
#include "format/capture_reader.h"
#include "format/capture_rows.h"
#include "format/record_format.h"
#include "format/split_row.h"

namespace penstock::format {
namespace {

struct Told {
  bool sound = false;
  std::uint64_t rows = 0;
};

Told read(std::string_view file, std::size_t piece) {
  CaptureReader reader;
  bool sound = true;
  while (sound && !file.empty()) {
    const std::string_view front = file.substr(0, piece);
    sound = reader.feed(as_bytes(front)).ok();
    file.remove_prefix(front.size());
  }
  return {sound && reader.end().ok(), reader.rows()};
}

// How a file is cut makes no difference.
void read_file(std::size_t piece, std::string_view file) {
  const Told whole = read(file, file.size());
  const Told pieces = read(file, piece + 1);
  CHECK(whole.sound == pieces.sound);
  CHECK((!whole.sound || whole.rows == pieces.rows));
}

void write_record(std::size_t key_bytes, std::size_t header_bytes, std::size_t piece, std::string_view text) {
  const std::string_view key = text.substr(0, key_bytes);
  const std::string_view header = text.substr(key.size()).substr(0, header_bytes);
  const std::string_view value = text.substr(key.size() + header.size());
  const HeaderView headers[] = {{.key = header, .value = as_bytes(key)},
                                {.key = "h", .value = as_bytes(header)},
                                {.key = "h", .value = as_bytes(value)}};
  const RecordView record{.offset = Offset{1},
                          .timestamp_ms = static_cast<std::int64_t>(key_bytes << 36 | piece),
                          .key = as_bytes(key),
                          .value = as_bytes(value),
                          .headers = std::span(headers).first(key_bytes % 4),
                          .null_key = false,
                          .null_value = false};
  const RowContext context{.rows = RowFormat::capture};
  std::string row(row_bytes_max(context, record), '\0');
  const Framed framed = frame(context, {&record, 1}, std::as_writable_bytes(std::span(row)));
  CHECK(framed.records == 1U);
  row.resize(framed.bytes);
  CHECK(row.ends_with(value));
  CaptureRows rows;
  CHECK(rows.add(as_bytes(row)));
  CHECK(rows.ends_whole());
  CHECK(rows.rows() == 1U);
  SplitRow pieces(context, record);
  std::string again;
  while (!pieces.done()) {
    std::string part(piece + 1, '\0');
    again += part.substr(0, pieces.write(std::as_writable_bytes(std::span(part))));
  }
  CHECK(again == row);
}

void run(std::string_view input) {
  constexpr std::size_t k_mode_bytes = 4;
  if (input.size() < k_mode_bytes) {
    return;
  }
  const auto byte = [&input](std::size_t i) { return std::size_t{static_cast<unsigned char>(input[i])}; };
  if (byte(0) == 0) {
    read_file(byte(1), input.substr(2));
  } else {
    write_record(byte(1), byte(2), byte(3), input.substr(k_mode_bytes));
  }
}

}  // namespace
}  // namespace penstock::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::format::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
