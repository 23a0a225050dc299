// The offsets below are those of the drawing in format.h; change both together, and the version with them.
//
// Numbers are put and taken a byte at a time, so that neither the machine's byte order nor alignment
// matters. A checksum covers all that lies behind it in its header, and is put last and verified first: no
// other field of a header is believed before.
#include "stage/format.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "base/check.h"
#include "base/concat.h"
#include "codec/checksum.h"

namespace penstock::stage {
namespace {

constexpr std::string_view k_segment_magic = "PENSTAGE";
constexpr std::string_view k_chunk_magic = "PSCK";
constexpr std::uint16_t k_version = 1;        // of segments
constexpr std::uint16_t k_chunk_version = 3;  // see the drawing
constexpr std::uint16_t k_flag_last = 1;
constexpr std::size_t k_chunk_fixed_bytes = 108;
constexpr std::size_t k_range_bytes = 20;

static_assert(k_chunk_header_bytes % k_block_bytes == 0);
static_assert(k_chunk_fixed_bytes + k_topic_bytes_max + k_partitions_per_batch_max * k_range_bytes <=
              k_chunk_header_bytes);

template <class T>
void put(MutableBytes to, std::size_t at, T value) {
  const auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    to[at + i] = static_cast<std::byte>(bits >> (8 * i));
  }
}

template <class T>
T get(Bytes from, std::size_t at) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bits |= std::to_integer<std::uint64_t>(from[at + i]) << (8 * i);
  }
  return static_cast<T>(bits);
}

void put_text(MutableBytes to, std::size_t at, std::string_view text) {
  std::memcpy(to.data() + at, text.data(), text.size());
}

bool has_text(Bytes from, std::size_t at, std::string_view text) {
  return as_text(from.subspan(at, text.size())) == text;
}

Error not_chunk(ErrorKind kind, std::string message) {
  return make_error(kind, Action::give_up, std::move(message));
}

}  // namespace

void encode_segment_header(const SegmentHeader& header, MutableBytes block) {
  CHECK(block.size() == k_block_bytes);
  std::fill(block.begin(), block.end(), std::byte{0});
  put_text(block, 0, k_segment_magic);
  put(block, 12, k_version);
  put(block, 14, std::uint16_t{header.sequence != 0});
  put(block, 16, header.sequence);
  put(block, 24, header.segment_bytes);
  put(block, 8, codec::crc32c(block.subspan(12)));
}

Result<SegmentHeader> decode_segment_header(Bytes block) {
  if (block.size() < k_block_bytes || !has_text(block, 0, k_segment_magic)) {
    return not_chunk(ErrorKind::corrupt, "it does not begin as a stage segment does");
  }
  if (codec::crc32c(block.first(k_block_bytes).subspan(12)) != get<std::uint32_t>(block, 8)) {
    return not_chunk(ErrorKind::corrupt, "its header does not match its checksum");
  }
  const auto version = get<std::uint16_t>(block, 12);
  const auto was_used = get<std::uint16_t>(block, 14);
  const SegmentHeader header{.sequence = get<std::uint64_t>(block, 16),
                             .segment_bytes = get<std::uint64_t>(block, 24)};
  if (version != k_version) {
    return not_chunk(ErrorKind::corrupt,
                     concat("its format has version ", version, ", and this program knows ", k_version));
  }
  if (was_used != std::uint16_t{header.sequence != 0} || header.segment_bytes < k_block_bytes ||
      header.segment_bytes % k_block_bytes != 0) {
    return not_chunk(ErrorKind::corrupt, "its header holds values that no penstock writes");
  }
  return header;
}

void encode_chunk_header(const ChunkInfo& info, const ChunkPlace& place, MutableBytes header) {
  CHECK(header.size() == k_chunk_header_bytes);
  CHECK(info.topic.size() <= k_topic_bytes_max);
  CHECK(info.ranges.size() <= k_partitions_per_batch_max);
  std::fill(header.begin(), header.end(), std::byte{0});
  put_text(header, 0, k_chunk_magic);
  put(header, 8, k_chunk_version);
  put(header, 10, info.last ? k_flag_last : std::uint16_t{0});
  put(header, 12, info.index);
  put(header, 16, place.sequence);
  put(header, 24, place.offset);
  put(header, 32, info.batch.incarnation);
  put(header, 40, info.batch.counter);
  put(header, 48, info.records);
  put(header, 56, info.raw_bytes);
  put(header, 64, place.payload_bytes);
  put(header, 68, place.payload_checksum);
  put(header, 72, static_cast<std::uint16_t>(info.topic.size()));
  put(header, 74, static_cast<std::uint16_t>(info.ranges.size()));
  put(header, 76, info.whole_record_bytes);
  put(header, 80, info.recipe_hash);
  put(header, 88, info.skipped);
  put(header, 96, info.holes);
  put(header, 104, info.whole_record_checksum);
  put_text(header, k_chunk_fixed_bytes, info.topic);
  std::size_t at = k_chunk_fixed_bytes + info.topic.size();
  for (const PartitionRange& range : info.ranges) {
    put(header, at, range.partition.value);
    put(header, at + 4, range.range.first.value);
    put(header, at + 12, range.range.next.value);
    at += k_range_bytes;
  }
  put(header, 4, codec::crc32c(header.subspan(8)));
}

Result<Chunk> decode_chunk_header(Bytes header, std::uint64_t sequence, std::uint64_t offset) {
  if (header.size() < k_chunk_header_bytes || !has_text(header, 0, k_chunk_magic)) {
    return not_chunk(ErrorKind::not_found, "no chunk begins here");
  }
  header = header.first(k_chunk_header_bytes);
  if (codec::crc32c(header.subspan(8)) != get<std::uint32_t>(header, 4)) {
    return not_chunk(ErrorKind::corrupt, "the chunk's header does not match its checksum");
  }
  if (get<std::uint64_t>(header, 16) < sequence) {
    return not_chunk(ErrorKind::not_found, "the chunk is of an earlier life of its segment");
  }
  const auto topic_bytes = get<std::uint16_t>(header, 72);
  const auto range_count = get<std::uint16_t>(header, 74);
  if (get<std::uint64_t>(header, 16) != sequence || get<std::uint64_t>(header, 24) != offset ||
      get<std::uint16_t>(header, 8) != k_chunk_version || topic_bytes > k_topic_bytes_max ||
      range_count > k_partitions_per_batch_max) {
    return not_chunk(ErrorKind::corrupt, "the chunk's header holds values that do not belong here");
  }
  Chunk chunk{.batch = {get<std::uint64_t>(header, 32), get<std::uint64_t>(header, 40)},
              .index = get<std::uint32_t>(header, 12),
              .topic = std::string(as_text(header.subspan(k_chunk_fixed_bytes, topic_bytes))),
              .ranges = {},
              .records = get<std::uint64_t>(header, 48),
              .skipped = get<std::uint64_t>(header, 88),
              .holes = get<std::uint64_t>(header, 96),
              .raw_bytes = get<std::uint64_t>(header, 56),
              .last = (get<std::uint16_t>(header, 10) & k_flag_last) != 0,
              .whole_record_bytes = get<std::uint32_t>(header, 76),
              .whole_record_checksum = get<std::uint32_t>(header, 104),
              .recipe_hash = get<std::uint64_t>(header, 80),
              .place = {.sequence = sequence,
                        .offset = offset,
                        .payload_bytes = get<std::uint32_t>(header, 64),
                        .payload_checksum = get<std::uint32_t>(header, 68)}};
  chunk.ranges.reserve(range_count);
  std::size_t at = k_chunk_fixed_bytes + topic_bytes;
  for (std::uint16_t i = 0; i < range_count; ++i) {
    chunk.ranges.push_back(
        {Partition{get<std::int32_t>(header, at)},
         {Position{get<std::int64_t>(header, at + 4)}, Position{get<std::int64_t>(header, at + 12)}}});
    at += k_range_bytes;
  }
  return chunk;
}

}  // namespace penstock::stage
