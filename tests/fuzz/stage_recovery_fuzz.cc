// Stage files as an earlier process, or anybody, left them: what the scan takes from them, which segments are
// kept, which batches they hold, and which of those are used again.
//
// The input is 4 bytes of mode, then blocks: 2 bytes of length (little-endian), so many bytes, and zeros up
// to the next multiple of the block; a length of 0xffff begins another file. So a file of some kilobytes is
// an input of some hundred.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "codec/checksum.h"
#include "pipeline/adoption.h"
#include "pipeline/recovered_batch.h"
#include "stage/format.h"
#include "stage/recovery.h"

namespace penstock {
namespace {

using stage::k_block_bytes;
using stage::k_chunk_header_bytes;
using stage::RecoveredChunk;
using Image = std::vector<std::byte>;

constexpr std::size_t k_mode_bytes = 4;
constexpr std::size_t k_blocks_max = 64;  // a file
constexpr std::size_t k_files_max = 6;

struct Mode {
  bool checksums_right;  // of headers
  bool places_right;     // the file's size, and sequence and offset of every chunk
  bool payloads_right;   // their checksums
  bool starts_late;      // partitions start behind the batches that were left
  std::size_t segments_max;
  std::size_t cut_bytes;  // off the last file
  unsigned refused;       // bits: which adoptions are refused
};

Mode mode_of(Bytes input) {
  const auto first = std::to_integer<unsigned>(input[0]);
  return {.checksums_right = (first & 1) != 0,
          .places_right = (first & 2) != 0,
          .payloads_right = (first & 4) != 0,
          .starts_late = (first & 8) != 0,
          .segments_max = std::to_integer<std::size_t>(input[1]) % (k_files_max + 1),
          .cut_bytes = 17 * std::to_integer<std::size_t>(input[2]),
          .refused = std::to_integer<unsigned>(input[3])};
}

std::vector<Image> images_of(Bytes input) {
  std::vector<Image> images(1);
  while (input.size() >= 2) {
    const auto length = std::to_integer<std::size_t>(input[0]) | std::to_integer<std::size_t>(input[1]) << 8;
    input = input.subspan(2);
    if (length == 0xffff) {
      if (images.size() == k_files_max) {
        break;
      }
      images.emplace_back();
      continue;
    }
    const std::size_t bytes = std::min({length, k_block_bytes, input.size()});
    Image& image = images.back();
    if (image.size() < k_blocks_max * k_block_bytes) {
      image.insert(image.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(bytes));
      image.resize((image.size() + k_block_bytes - 1) / k_block_bytes * k_block_bytes +
                   (bytes == 0 ? k_block_bytes : 0));
    }
    input = input.subspan(bytes);
  }
  return images;
}

std::uint64_t get(const Image& image, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    value |= std::to_integer<std::uint64_t>(image[at + i]) << (8 * i);
  }
  return value;
}

void put(Image& image, std::size_t at, std::size_t bytes, std::uint64_t value) {
  for (std::size_t i = 0; i < bytes; ++i) {
    image[at + i] = static_cast<std::byte>(value >> (8 * i));
  }
}

// Makes right what the mode asks for, so that what is behind it is reached.
void repair(Image& image, const Mode& mode) {
  if (image.size() < k_block_bytes) {
    return;
  }
  if (mode.places_right) {
    put(image, 24, 8, image.size());
  }
  if (mode.checksums_right) {
    put(image, 8, 4, codec::crc32c(Bytes(image).subspan(12, k_block_bytes - 12)));
  }
  for (std::size_t at = k_block_bytes; at + k_chunk_header_bytes <= image.size();) {
    const std::uint64_t payload_bytes = get(image, at + 64, 4);
    const std::uint64_t bytes = stage::chunk_bytes(payload_bytes);
    const bool fits = bytes <= image.size() - at;
    if (mode.places_right) {
      put(image, at + 16, 8, get(image, 16, 8));
      put(image, at + 24, 8, at);
    }
    if (mode.payloads_right && fits) {
      put(image, at + 68, 4, codec::crc32c(Bytes(image).subspan(at + k_chunk_header_bytes, payload_bytes)));
    }
    if (mode.checksums_right) {
      put(image, at + 4, 4, codec::crc32c(Bytes(image).subspan(at + 8, k_chunk_header_bytes - 8)));
    }
    if (!fits) {
      break;
    }
    at += bytes;
  }
}

// A file in memory, used again for every image.
int file_of(const Image& image) {
  static const int fd = ::memfd_create("segment", MFD_CLOEXEC);
  CHECK(fd >= 0);
  CHECK(::ftruncate(fd, 0) == 0);
  CHECK(::pwrite(fd, image.data(), image.size(), 0) == static_cast<ssize_t>(image.size()));
  return fd;
}

bool same(const stage::Chunk& a, const stage::Chunk& b) {
  return a.batch == b.batch && a.index == b.index && a.topic == b.topic && a.ranges == b.ranges &&
         a.records == b.records && a.raw_bytes == b.raw_bytes && a.last == b.last &&
         a.whole_record_bytes == b.whole_record_bytes && a.recipe_hash == b.recipe_hash &&
         a.place.sequence == b.place.sequence && a.place.offset == b.place.offset &&
         a.place.payload_bytes == b.place.payload_bytes &&
         a.place.payload_checksum == b.place.payload_checksum;
}

void check_headers_are_written_as_they_were_read(const stage::SegmentScan& scan) {
  Image block(k_block_bytes);
  encode_segment_header(scan.header, block);
  const auto header = stage::decode_segment_header(block);
  CHECK(header.ok());
  CHECK(header->sequence == scan.header.sequence);
  CHECK(header->segment_bytes == scan.header.segment_bytes);
  Image bytes(k_chunk_header_bytes);
  for (const auto& [chunk, extent] : scan.chunks) {
    encode_chunk_header({.batch = chunk.batch,
                         .index = chunk.index,
                         .topic = chunk.topic,
                         .ranges = chunk.ranges,
                         .records = chunk.records,
                         .raw_bytes = chunk.raw_bytes,
                         .last = chunk.last,
                         .whole_record_bytes = chunk.whole_record_bytes,
                         .recipe_hash = chunk.recipe_hash},
                        chunk.place, bytes);
    const auto again = stage::decode_chunk_header(bytes, chunk.place.sequence, chunk.place.offset);
    CHECK(again.ok());
    CHECK(same(*again, chunk));
  }
}

void check_chunks_lie_in_the_file(const stage::SegmentScan& scan, const Image& image, std::uint32_t segment) {
  std::uint64_t next = k_block_bytes;
  for (const auto& [chunk, extent] : scan.chunks) {
    CHECK(extent.segment == segment);
    CHECK(extent.offset == next);
    CHECK(chunk.place.offset == extent.offset);
    CHECK(chunk.place.payload_bytes == extent.payload_bytes);
    CHECK(chunk.place.sequence == scan.header.sequence);
    CHECK(chunk.topic.size() <= k_topic_bytes_max);
    CHECK(chunk.ranges.size() <= stage::k_partitions_per_batch_max);
    next += stage::chunk_bytes(extent.payload_bytes);
    CHECK(next <= image.size());
  }
  CHECK((scan.complete || (scan.chunks.empty() && scan.torn.empty())));
}

// Adds to `found` what the file has.
void scan(const Image& image, std::uint32_t segment, stage::Leftovers& found) {
  const int fd = file_of(image);
  const auto skipped = stage::scan_segment(fd, segment, stage::Payloads::skipped);
  const auto verified = stage::scan_segment(fd, segment, stage::Payloads::verified);
  CHECK(skipped.ok() == verified.ok());
  if (!skipped.ok()) {
    CHECK((skipped.error().kind == ErrorKind::corrupt));
    CHECK(!skipped.error().message.empty());
    return;
  }
  check_chunks_lie_in_the_file(*skipped, image, segment);
  if (skipped->header.segment_bytes == 0) {
    return;  // without a header; the chunks are none, as was checked
  }
  check_headers_are_written_as_they_were_read(*skipped);
  CHECK(verified->chunks.size() <= skipped->chunks.size());
  for (std::size_t i = 0; i < verified->chunks.size(); ++i) {
    const stage::ChunkPlace& place = verified->chunks[i].chunk.place;
    CHECK(same(verified->chunks[i].chunk, skipped->chunks[i].chunk));
    CHECK(codec::crc32c(Bytes(image).subspan(place.offset + k_chunk_header_bytes, place.payload_bytes)) ==
          place.payload_checksum);
  }
  CHECK((verified->chunks.size() == skipped->chunks.size() || !verified->torn.empty()));
  for (const RecoveredChunk& each : skipped->chunks) {
    found.recovered.chunks.push_back(each);
    found.recovered.bytes += each.extent.payload_bytes;
  }
  if (skipped->complete) {
    found.reusable.push_back(segment);
  }
}

void check_bookkeeping(const stage::Leftovers& found, std::size_t segment_count) {
  CHECK(found.kept.size() + found.reusable.size() == segment_count);
  std::map<std::uint32_t, std::uint64_t> chunk_counts;
  std::uint64_t bytes = 0;
  std::uint64_t sequence = 0;
  for (const RecoveredChunk& each : found.recovered.chunks) {
    ++chunk_counts[each.extent.segment];
    bytes += each.extent.payload_bytes;
    CHECK(each.chunk.place.sequence >= sequence);
    sequence = each.chunk.place.sequence;
  }
  CHECK(found.recovered.bytes == bytes);
  CHECK(chunk_counts.size() == found.kept.size());
  for (const stage::KeptSegment& kept : found.kept) {
    CHECK(chunk_counts[kept.number] == kept.chunk_count);
  }
}

void check_batch(const pipeline::RecoveredBatch& batch) {
  CHECK(!batch.chunks.empty());
  CHECK(!batch.ranges.empty());
  CHECK(batch.recipe_hash != 0U);
  CHECK(batch.last_chunk_bytes > 0U);
  CHECK(batch.last_chunk_bytes <= batch.chunks.back().extent.payload_bytes);
  std::uint64_t bytes = batch.last_chunk_bytes;
  std::map<Partition, Position> next;  // as the chunks tell it
  for (std::uint32_t i = 0; i < batch.chunks.size(); ++i) {
    const stage::Chunk& chunk = batch.chunks[i].chunk;
    CHECK((chunk.batch == batch.id));
    CHECK(chunk.index == i);
    CHECK(chunk.topic == batch.topic);
    CHECK(chunk.recipe_hash == batch.recipe_hash);
    CHECK(batch.chunks[i].extent.payload_bytes > 0U);
    bytes += i + 1 < batch.chunks.size() ? batch.chunks[i].extent.payload_bytes : 0;
    for (const PartitionRange& range : chunk.ranges) {
      const auto [known, is_new] = next.emplace(range.partition, range.range.first);
      CHECK(known->second == range.range.first);
      known->second = range.range.next;
    }
  }
  CHECK(batch.payload_bytes() == bytes);
  CHECK(batch.ranges.size() == next.size());
  for (const PartitionRange& range : batch.ranges) {
    CHECK(range.range.first >= Position{0});
    CHECK(range.range.first < range.range.next);
    CHECK(next.at(range.partition) == range.range.next);
  }
}

std::vector<std::pair<std::uint32_t, std::uint64_t>> places_of(const std::vector<RecoveredChunk>& chunks) {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> places;
  for (const RecoveredChunk& each : chunks) {
    places.emplace_back(each.extent.segment, each.extent.offset);
  }
  return places;
}

// Every chunk is in the answer once, and a batch is what its chunks say.
pipeline::SortedOut sorted(const std::vector<RecoveredChunk>& chunks) {
  pipeline::SortedOut sorted = pipeline::sort_out(chunks);
  auto before = places_of(chunks);
  auto after = places_of(sorted.unusable);
  std::set<BatchId> ids;
  for (const pipeline::RecoveredBatch& batch : sorted.batches) {
    check_batch(batch);
    CHECK(ids.insert(batch.id).second);
    const auto more = places_of(batch.chunks);
    after.insert(after.end(), more.begin(), more.end());
  }
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  CHECK((before == after));
  return sorted;
}

// One assignment of every partition that a batch speaks of: each is fetched once, from behind the batches
// that were used, which follow each other without a hole; and every batch is used or given up.
void adopt(std::vector<pipeline::RecoveredBatch> batches, const Mode& mode) {
  std::map<TopicPartition, std::pair<Position, Position>> ends;  // of partitions: first, and latest beginning
  for (const pipeline::RecoveredBatch& batch : batches) {
    for (const PartitionRange& range : batch.ranges) {
      auto [known, is_new] =
          ends.try_emplace({batch.topic, range.partition}, range.range.first, range.range.first);
      known->second.first = std::min(known->second.first, range.range.first);
      known->second.second = std::max(known->second.second, range.range.first);
    }
  }
  std::vector<source::Assigned> assigned;
  std::vector<Position> at;
  for (const auto& [id, first_and_latest] : ends) {
    const Position start = mode.starts_late ? first_and_latest.second : first_and_latest.first;
    assigned.push_back({.id = id, .start = start, .entry = GroupEntry{.position = start, .metadata = {}}});
    at.push_back(start);
  }
  std::vector<int> fetches(at.size());
  std::size_t asked = 0;
  std::size_t given_up = 0;
  std::size_t used = 0;
  pipeline::Adoption adoption(
      {.adopt =
           [&](const pipeline::RecoveredBatch& batch, std::span<const PartitionSlot> slots) {
             CHECK(slots.size() == batch.ranges.size());
             for (std::size_t i = 0; i < slots.size(); ++i) {
               CHECK(batch.ranges[i].range.first == at[slots[i].value]);
               CHECK(fetches[slots[i].value] == 0);
             }
             if ((mode.refused >> (asked++ % 8) & 1) != 0) {
               return false;
             }
             for (std::size_t i = 0; i < slots.size(); ++i) {
               at[slots[i].value] = batch.ranges[i].range.next;
             }
             ++used;
             return true;
           },
       .give_up = [&](const pipeline::RecoveredBatch&) { ++given_up; },
       .fetch =
           [&](PartitionSlot slot, Position position) {
             CHECK(position == at[slot.value]);
             ++fetches[slot.value];
           },
       .read_elsewhere =
           [&](PartitionSlot slot, Position from) {
             CHECK(from < at[slot.value]);
             CHECK(fetches[slot.value] == 0);
           }});
  const std::size_t batch_count = batches.size();
  adoption.recovered(std::move(batches));
  adoption.begin_epoch(assigned);
  for (std::uint32_t slot = 0; slot < at.size(); ++slot) {
    adoption.start(PartitionSlot{slot}, at[slot]);
    adoption.settle();
  }
  CHECK((at.empty() || adoption.candidate_count() == 0));
  CHECK(used + given_up + adoption.candidate_count() == batch_count);
  CHECK((std::count(fetches.begin(), fetches.end(), 1) == static_cast<std::ptrdiff_t>(fetches.size())));
}

void run(Bytes input) {
  if (input.size() < k_mode_bytes) {
    return;
  }
  const Mode mode = mode_of(input);
  std::vector<Image> images = images_of(input.subspan(k_mode_bytes));
  stage::Leftovers found;
  for (std::size_t i = 0; i < images.size(); ++i) {
    repair(images[i], mode);
    if (i + 1 == images.size()) {
      images[i].resize(images[i].size() - std::min(images[i].size(), mode.cut_bytes));
    }
    scan(images[i], static_cast<std::uint32_t>(i + 1), found);
  }
  (void)sorted(found.recovered.chunks);  // as they were found, before any is given up
  const std::size_t segment_count = found.reusable.size();
  stage::keep_segments(found, mode.segments_max);
  CHECK(found.kept.size() <= mode.segments_max);
  check_bookkeeping(found, segment_count);
  adopt(sorted(found.recovered.chunks).batches, mode);
  while (!found.kept.empty()) {
    stage::give_up_latest(found);
    check_bookkeeping(found, segment_count);
  }
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
