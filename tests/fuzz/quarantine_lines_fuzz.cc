// A quarantine file, as `replay --from-quarantine` reads it. The first byte is the length of the pieces in
// which it comes: they may end anywhere, and what is read is the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/concat.h"
#include "verify/quarantine_lines.h"

namespace penstock {
namespace {

constexpr const char* k_topic = "orders";

struct Read {
  std::vector<verify::RecordPlace> places;
  std::string fault;
};

Read read_in_pieces(std::string_view text, std::size_t bytes) {
  verify::QuarantineLines lines(k_topic);
  Read read;
  while (!text.empty() && read.fault.empty()) {
    const Result<void> fed = lines.feed(text.substr(0, bytes), [&](verify::RecordPlace place) {
      CHECK(place.partition >= Partition{0});
      CHECK(place.offset >= Offset{0});
      read.places.push_back(place);
    });
    read.fault = fed.ok() ? "" : fed.error().message;
    text.remove_prefix(std::min(text.size(), bytes));
  }
  return read;
}

// Whatever reads was written so, but for zeros before a number and the reason.
void check_line(std::string_view line) {
  const std::optional<verify::RecordPlace> place = verify::read_quarantine_line(line, k_topic);
  if (place) {
    CHECK(line.starts_with("{\"reason\":\""));
    CHECK(line.find(concat("\"topic\":\"", k_topic, "\",\"partition\":")) != std::string_view::npos);
    CHECK(line.find(std::to_string(place->offset.value)) != std::string_view::npos);
  }
}

void run(std::string_view input) {
  if (input.empty()) {
    return;
  }
  const std::size_t bytes = std::max<std::size_t>(1, static_cast<unsigned char>(input[0]));
  input.remove_prefix(1);
  const Read whole = read_in_pieces(input, std::max<std::size_t>(1, input.size()));
  const Read pieces = read_in_pieces(input, bytes);
  CHECK((whole.places == pieces.places));
  CHECK(whole.fault == pieces.fault);
  check_line(input.substr(0, input.find('\n')));
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
