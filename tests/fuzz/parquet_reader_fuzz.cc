// A Parquet file, footer first as verify reads it. One byte: in how large pieces, of 16 bytes less one, the
// file is given.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "base/types.h"
#include "codec/parquet_reader.h"

namespace penstock::codec::parquet {
namespace {

void run(Bytes input) {
  if (input.empty()) {
    return;
  }
  const auto mode = static_cast<unsigned>(input.front());
  const Bytes file = input.subspan(1);
  if (file.size() < k_tail_bytes) {
    return;
  }
  const Result<std::uint64_t> bytes = footer_bytes(file.last(k_tail_bytes), file.size());
  if (!bytes.ok()) {
    return;
  }
  CHECK(*bytes <= file.size());
  const Result<Footer> footer = read_footer(file.last(static_cast<std::size_t>(*bytes)), file.size());
  if (!footer.ok()) {
    return;
  }
  CHECK(footer->pages_end <= footer->begins);
  PageReader reader(*footer);
  std::uint64_t rows = 0;
  const auto take = [&](const Page& page) {
    CHECK(page.present.size() >= page.rows);
    CHECK((page.definitions.empty() || page.definitions.size() == page.present.size()));
    CHECK((page.repetitions.empty() || page.repetitions.size() == page.present.size()));
    const auto there = static_cast<std::size_t>(std::count(page.present.begin(), page.present.end(), true));
    CHECK(page.numbers.size() + page.reals.size() + page.texts.size() == there);
    rows += page.column == 0 ? page.rows : 0;
  };
  const std::size_t piece = std::size_t{mode} * 16 + 1;
  for (std::size_t at = 0; at < file.size(); at += piece) {
    if (!reader.feed(file.subspan(at, std::min(piece, file.size() - at)), take).ok()) {
      return;
    }
  }
  if (reader.end().ok()) {
    CHECK(rows == footer->rows);
  }
}

}  // namespace
}  // namespace penstock::codec::parquet

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::codec::parquet::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
