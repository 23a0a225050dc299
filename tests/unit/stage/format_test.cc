#include "stage/format.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::stage {
namespace {

std::vector<PartitionRange> some_ranges(std::size_t count) {
  std::vector<PartitionRange> ranges;
  for (std::size_t i = 0; i < count; ++i) {
    const auto n = static_cast<std::int64_t>(i);
    ranges.push_back(
        {Partition{static_cast<std::int32_t>(i)}, {Position{n * 1000}, Position{(n << 40) + 7}}});
  }
  return ranges;
}

std::vector<std::byte> encoded(const ChunkInfo& info, const ChunkPlace& place) {
  std::vector<std::byte> header(k_chunk_header_bytes, std::byte{0xEE});
  encode_chunk_header(info, place, header);
  return header;
}

TEST(ChunkHeader, every_field_comes_back_even_at_the_limits) {
  const std::string topic(k_topic_bytes_max, 't');
  const auto ranges = some_ranges(k_partitions_per_batch_max);
  const ChunkInfo info{.batch = {0x1122334455667788, UINT64_MAX},
                       .index = 4711,
                       .topic = topic,
                       .ranges = ranges,
                       .records = 1ULL << 40,
                       .skipped = 1ULL << 42,
                       .holes = 1ULL << 43,
                       .raw_bytes = 1ULL << 41,
                       .last = true,
                       .whole_record_bytes = 12000,
                       .whole_record_checksum = 0xCAFEBABE,
                       .recipe_hash = 0x99AABBCCDDEEFF00};
  const ChunkPlace place{
      .sequence = 99, .offset = 4096, .payload_bytes = 12345, .payload_checksum = 0xDEADBEEF};
  const auto chunk = decode_chunk_header(encoded(info, place), 99, 4096);
  ASSERT_TRUE(chunk.ok());
  EXPECT_EQ(chunk->batch, info.batch);
  EXPECT_EQ(chunk->index, info.index);
  EXPECT_EQ(chunk->topic, info.topic);
  EXPECT_EQ(chunk->ranges, ranges);
  EXPECT_EQ(chunk->records, info.records);
  EXPECT_EQ(chunk->skipped, info.skipped);
  EXPECT_EQ(chunk->holes, info.holes);
  EXPECT_EQ(chunk->raw_bytes, info.raw_bytes);
  EXPECT_TRUE(chunk->last);
  EXPECT_EQ(chunk->whole_record_bytes, 12000U);
  EXPECT_EQ(chunk->whole_record_checksum, 0xCAFEBABEU);
  EXPECT_EQ(chunk->recipe_hash, 0x99AABBCCDDEEFF00U);
  EXPECT_EQ(chunk->place.payload_bytes, 12345U);
  EXPECT_EQ(chunk->place.payload_checksum, 0xDEADBEEFU);
}

TEST(ChunkHeader, lies_on_disk_as_the_table_says) {
  const ChunkInfo info{.batch = {1, 2},
                       .index = 3,
                       .topic = "ab",
                       .ranges = {},
                       .records = 4,
                       .skipped = 12,
                       .holes = 13,
                       .raw_bytes = 5,
                       .last = true,
                       .whole_record_bytes = 10,
                       .whole_record_checksum = 14,
                       .recipe_hash = 11};
  const auto header = encoded(info, {.sequence = 6, .offset = 7, .payload_bytes = 8, .payload_checksum = 9});
  const std::string text(as_text(header));
  EXPECT_EQ(text.substr(0, 4), "PSCK");
  const std::vector<std::pair<std::size_t, int>> table{
      {8, 3},  {10, 1}, {12, 3}, {16, 6}, {24, 7},  {32, 1},  {40, 2},  {48, 4},  {56, 5},
      {64, 8}, {68, 9}, {72, 2}, {74, 0}, {76, 10}, {80, 11}, {88, 12}, {96, 13}, {104, 14}};
  for (const auto& [at, value] : table) {
    EXPECT_EQ(text[at], value) << at;
    EXPECT_EQ(text[at + 1], 0) << at;
  }
  EXPECT_EQ(text.substr(108, 3), std::string("ab\0", 3));
}

TEST(ChunkHeader, every_flipped_bit_is_seen) {
  const auto ranges = some_ranges(3);
  const ChunkInfo info{.batch = {1, 2}, .index = 0, .topic = "topic", .ranges = ranges};
  const auto good = encoded(info, {.sequence = 5, .offset = 4096, .payload_bytes = 1, .payload_checksum = 2});
  for (std::size_t at = 0; at < good.size(); at += at < 200 ? 1 : 97) {
    auto bad = good;
    bad[at] ^= std::byte{0x10};
    EXPECT_FALSE(decode_chunk_header(bad, 5, 4096).ok()) << at;
  }
}

TEST(ChunkHeader, an_earlier_life_is_no_chunk_and_a_wrong_place_is_damage) {
  const auto header =
      encoded({.batch = {1, 2}, .index = 0, .topic = "t", .ranges = {}}, {.sequence = 5, .offset = 4096});
  EXPECT_TRUE(decode_chunk_header(header, 5, 4096).ok());
  EXPECT_EQ(decode_chunk_header(header, 6, 4096).error().kind, ErrorKind::not_found);
  EXPECT_EQ(decode_chunk_header(header, 4, 4096).error().kind, ErrorKind::corrupt);
  EXPECT_EQ(decode_chunk_header(header, 5, 8192).error().kind, ErrorKind::corrupt);
}

TEST(ChunkHeader, zeros_and_short_buffers_are_no_chunk) {
  const std::vector<std::byte> zeros(k_chunk_header_bytes);
  EXPECT_EQ(decode_chunk_header(zeros, 1, 4096).error().kind, ErrorKind::not_found);
  const auto header =
      encoded({.batch = {1, 2}, .index = 0, .topic = "t", .ranges = {}}, {.sequence = 5, .offset = 4096});
  for (const std::size_t size : {0U, 3U, 79U, 4096U, 8191U}) {
    EXPECT_FALSE(decode_chunk_header(Bytes(header).first(size), 5, 4096).ok()) << size;
  }
}

TEST(ChunkHeaderDeathTest, more_ranges_than_fit_are_a_bug) {
  const auto ranges = some_ranges(k_partitions_per_batch_max + 1);
  EXPECT_DEATH(encoded({.batch = {1, 2}, .index = 0, .topic = "t", .ranges = ranges}, {}), "CHECK");
}

TEST(SegmentHeader, comes_back_and_every_flipped_bit_is_seen) {
  std::vector<std::byte> block(k_block_bytes, std::byte{0xEE});
  encode_segment_header({.sequence = 77, .segment_bytes = 1 << 20}, block);
  const auto header = decode_segment_header(block);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->sequence, 77U);
  EXPECT_EQ(header->segment_bytes, 1U << 20);
  for (std::size_t at = 0; at < block.size(); at += at < 64 ? 1 : 61) {
    auto bad = block;
    bad[at] ^= std::byte{1};
    EXPECT_EQ(decode_segment_header(bad).error().kind, ErrorKind::corrupt) << at;
  }
  EXPECT_FALSE(decode_segment_header(Bytes(block).first(100)).ok());
}

TEST(SegmentHeader, impossible_sizes_are_refused) {
  std::vector<std::byte> block(k_block_bytes);
  for (const std::uint64_t bytes : {0ULL, 100ULL, 4097ULL}) {
    encode_segment_header({.sequence = 1, .segment_bytes = bytes}, block);
    EXPECT_FALSE(decode_segment_header(block).ok()) << bytes;
  }
}

TEST(ChunkBytes, are_header_and_whole_blocks) {
  EXPECT_EQ(chunk_bytes(0), k_chunk_header_bytes);
  EXPECT_EQ(chunk_bytes(1), k_chunk_header_bytes + 4096);
  EXPECT_EQ(chunk_bytes(4096), k_chunk_header_bytes + 4096);
  EXPECT_EQ(chunk_bytes(UINT32_MAX), k_chunk_header_bytes + (1ULL << 32));
}

}  // namespace
}  // namespace penstock::stage
