// The records field of a Fetch response from anybody. The first two bytes of the input choose how it is read,
// the rest is the field: what the cursor gives must lie where it may, in rising offsets, whatever it was fed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/check.h"
#include "codec/checksum.h"
#include "wire/records_cursor.h"

namespace penstock::wire {
namespace {

constexpr std::size_t k_mode_bytes = 2;
constexpr std::size_t k_scratch_bytes_max = std::size_t{2} << 20;

// The checksum of every whole batch made right, so that what is behind it is reached.
void fix_checksums(MutableBytes field) {
  for (;;) {
    const auto bytes = batch_bytes(field);
    if (!bytes.ok() || *bytes > field.size() || field.size() < k_batch_header_bytes) {
      return;
    }
    const std::uint32_t crc = codec::crc32c(field.first(*bytes).subspan(21));
    for (std::size_t i = 0; i < 4; ++i) {
      field[17 + i] = static_cast<std::byte>(crc >> (24 - 8 * i));
    }
    field = field.subspan(*bytes);
  }
}

// Touches every byte, so that the sanitizer looks at it.
std::size_t sum(Bytes bytes) {
  std::size_t total = 0;
  for (const std::byte byte : bytes) {
    total += static_cast<std::size_t>(byte);
  }
  return total;
}

void read_all(RecordsCursor& cursor, std::size_t records_max, Position asked) {
  static std::vector<RecordView> views;
  Position position = asked;
  std::int64_t offset_before = -1;
  std::size_t total = 0;
  for (;;) {
    const auto step = cursor.next(views, records_max);
    if (!step.ok()) {
      CHECK(views.empty());
      CHECK(!step.error().message.empty());
      break;
    }
    CHECK(step->next >= position);
    CHECK(views.size() <= records_max);
    for (const RecordView& view : views) {
      CHECK(view.offset.value > offset_before);
      CHECK(view.offset.value >= asked.value);
      CHECK(view.offset.value < step->next.value);
      offset_before = view.offset.value;
      total += sum(view.key) + sum(view.value);
      for (const HeaderView& header : view.headers) {
        total += sum(as_bytes(header.key)) + sum(header.value);
      }
    }
    if (step->kind == RecordsCursor::Step::end) {
      CHECK(views.empty());
      CHECK(step->next == position);
      break;
    }
    CHECK((!views.empty() || step->next > position));
    position = step->next;
  }
  [[maybe_unused]] static volatile std::size_t seen;  // so that the sums are made
  seen = total;
}

void run(Bytes input) {
  if (input.size() < k_mode_bytes) {
    return;
  }
  const auto mode = static_cast<unsigned>(input[0]);
  const std::size_t records_max = 1 + static_cast<std::size_t>(input[1]);
  const Bytes field = input.subspan(k_mode_bytes);
  const auto copy = std::make_unique<std::byte[]>(field.size());  // of exactly its size
  std::copy_n(field.begin(), field.size(), copy.get());
  if ((mode & 1) != 0) {
    fix_checksums({copy.get(), field.size()});
  }
  static codec::Decompressor decompressor(k_scratch_bytes_max);
  static RecordsCursor cursor(decompressor);
  std::vector<AbortedTransaction> aborted;
  if ((mode & 2) != 0) {  // the producer ids that a young broker gives
    for (std::int64_t producer = 0; producer < 3; ++producer) {
      aborted.push_back({.producer_id = producer, .first_offset = 4 * producer});
    }
  }
  const Position asked{(mode & 4) != 0 ? 7 : 0};
  cursor.begin({copy.get(), field.size()}, asked, aborted,
               (mode & 8) != 0 ? RecordHeaders::wanted : RecordHeaders::skipped);
  read_all(cursor, records_max, asked);
}

}  // namespace
}  // namespace penstock::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::wire::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
