#include "format/blob_metadata.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::format {
namespace {

constexpr const char* k_topic_id = "0123456789abcdef0123456789abcdef";

BlobMetadata data() {
  return {
      .is_tombstone = false,
      .group = "lake-writers",
      .topic = "orders",
      .topic_id = k_topic_id,
      .ranges = {{Partition{3}, {Position{70}, Position{95}}}, {Partition{11}, {Position{0}, Position{12}}}},
      .lost = {},
      .before = {},
      .records = 34,
      .skipped = 2,
      .holes = 1,
      .bytes = 4012,
      .checksum = 0x00c0ffee,
      .attempt = "9f86"};
}

// The rows of data(), some of them changed or, with an empty value, left out.
Metadata rows_of_data(const Metadata& changes = {}) {
  Metadata rows = to_metadata(data());
  for (const auto& [key, value] : changes) {
    std::erase_if(rows, [&key](const auto& row) { return row.first == key; });
    if (!value.empty()) {
      rows.emplace_back(key, value);
    }
  }
  return rows;
}

TEST(BlobMetadataTest, is_written_as_the_format_says) {
  BlobMetadata metadata = data();
  metadata.lost = {{Partition{3}, {Position{80}, Position{82}}}};
  metadata.before = {{Partition{3}, {Position{65}, Position{70}}}};
  EXPECT_EQ(to_metadata(metadata), (Metadata{{"penstock", "1"},
                                             {"topic", "orders"},
                                             {"topicid", k_topic_id},
                                             {"ranges", "3:70-95,11:0-12"},
                                             {"records", "34"},
                                             {"skipped", "2"},
                                             {"holes", "1"},
                                             {"bytes", "4012"},
                                             {"crc32c", "00c0ffee"},
                                             {"attempt", "9f86"},
                                             {"group", "lake-writers"},
                                             {"lost", "3:80-82"},
                                             {"before", "3:65-70"}}));
  EXPECT_EQ(to_metadata(tombstone_of("lake-writers")),
            (Metadata{{"penstock", "1"}, {"tombstone", "1"}, {"group", "lake-writers"}}));
}

TEST(BlobMetadataTest, is_read_as_it_was_written) {
  BlobMetadata metadata = data();
  metadata.lost = {{Partition{3}, {Position{80}, Position{82}}}};
  metadata.before = {{Partition{3}, {Position{65}, Position{70}}}};
  const auto read = read_blob_metadata(to_metadata(metadata));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_FALSE(read->is_tombstone);
  EXPECT_EQ(read->group, metadata.group);
  EXPECT_EQ(read->topic, metadata.topic);
  EXPECT_EQ(read->topic_id, k_topic_id);
  EXPECT_EQ(read->ranges, metadata.ranges);
  EXPECT_EQ(read->lost, metadata.lost);
  EXPECT_EQ(read->before, metadata.before);
  EXPECT_EQ(read->skipped, 2u);
  EXPECT_EQ(read->holes, 1u);
  EXPECT_EQ(read->checksum, 0x00c0ffeeU);
  EXPECT_EQ(read->position_count(), 37u);
  EXPECT_EQ(read->records, metadata.records);
  EXPECT_EQ(read->bytes, metadata.bytes);
  EXPECT_EQ(read->attempt, metadata.attempt);
  EXPECT_EQ(read->range_of(Partition{11}), (Range{Position{0}, Position{12}}));
  EXPECT_EQ(read->range_of(Partition{1}), std::nullopt);
  EXPECT_TRUE(read_blob_metadata(to_metadata(tombstone_of("g")))->is_tombstone);
}

TEST(BlobMetadataTest, an_early_release_did_not_say_what_has_no_row) {
  const auto read = read_blob_metadata(rows_of_data({{"skipped", ""}, {"holes", ""}, {"crc32c", ""}}));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->skipped, std::nullopt);
  EXPECT_EQ(read->holes, std::nullopt);
  EXPECT_EQ(read->checksum, std::nullopt);
}

TEST(BlobMetadataTest, the_topic_id_may_be_unknown) {
  BlobMetadata metadata = data();
  metadata.topic_id.clear();
  const Metadata rows = to_metadata(metadata);
  EXPECT_TRUE(std::none_of(rows.begin(), rows.end(), [](const auto& row) { return row.first == "topicid"; }));
  const auto read = read_blob_metadata(rows);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->topic_id, "");
}

TEST(BlobMetadataTest, what_is_not_exactly_ours_is_an_error_that_says_why) {
  struct Case {
    Metadata rows;
    std::string message;
  };
  for (const Case& each : {
           Case{{}, "it has no metadata of penstock: somebody else's file"},
           Case{{{"topic", "orders"}}, "it has no metadata of penstock: somebody else's file"},
           Case{rows_of_data({{"penstock", "2"}}),
                "its metadata are of version 2, which this penstock does not know"},
           Case{rows_of_data({{"topic", ""}}), "its metadata name no topic"},
           Case{rows_of_data({{"topicid", "0123"}}), "its metadata hold no topic id, but \"0123\""},
           Case{rows_of_data({{"topicid", "0123456789ABCDEF0123456789ABCDEF"}}),
                "its metadata hold no topic id, but \"0123456789ABCDEF0123456789ABCDEF\""},
           Case{rows_of_data({{"ranges", ""}}), "its metadata hold no ranges, but \"\""},
           Case{rows_of_data({{"ranges", "0:9-5"}}), "its metadata hold no ranges, but \"0:9-5\""},
           Case{rows_of_data({{"ranges", "0:5-9,"}}), "its metadata hold no ranges, but \"0:5-9,\""},
           Case{rows_of_data({{"lost", "0"}}), "its metadata hold no ranges, but \"0\""},
           Case{rows_of_data({{"before", "0:1"}}), "its metadata hold no ranges, but \"0:1\""},
           Case{rows_of_data({{"skipped", "-1"}}), "its metadata do not say how many positions are skipped"},
           Case{rows_of_data({{"holes", "1x"}}), "its metadata do not say how many positions are holes"},
           Case{rows_of_data({{"crc32c", "c0ffee"}}), "its metadata hold no checksum, but \"c0ffee\""},
           Case{rows_of_data({{"crc32c", "00C0FFEE"}}), "its metadata hold no checksum, but \"00C0FFEE\""},
           Case{rows_of_data({{"crc32c", "00c0ffee0"}}), "its metadata hold no checksum, but \"00c0ffee0\""},
           Case{rows_of_data({{"records", ""}}),
                "its metadata do not say how many records and bytes it holds"},
           Case{rows_of_data({{"bytes", "60 "}}),
                "its metadata do not say how many records and bytes it holds"},
       }) {
    const auto read = read_blob_metadata(each.rows);
    ASSERT_FALSE(read.ok()) << each.message;
    EXPECT_EQ(read.error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(read.error().message, each.message);
  }
}

BlobMetadata with_the_longest_names() {
  BlobMetadata metadata = data();
  metadata.ranges.clear();
  metadata.group = std::string(256, 'g');
  metadata.topic = std::string(249, 't');
  metadata.attempt = std::string(32, 'a');
  metadata.records = UINT64_MAX;
  metadata.skipped = UINT64_MAX;
  metadata.holes = UINT64_MAX;
  metadata.quarantined = UINT64_MAX;
  metadata.bytes = UINT64_MAX;
  return metadata;
}

std::size_t bytes_of(const Metadata& rows) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : rows) {
    bytes += key.size() + value.size();
  }
  return bytes;
}

TEST(BlobMetadataTest, as_many_ranges_as_may_be_fit_into_what_a_store_keeps) {
  for (const Partition partition : {Partition{0}, Partition{4999}, Partition{INT32_MAX}}) {
    BlobMetadata metadata = with_the_longest_names();
    const PartitionRange longest{partition, {Position{INT64_MAX - 1}, Position{INT64_MAX}}};
    std::size_t counted = 0;
    for (; counted + range_bytes_max(partition) <= k_ranges_bytes_max;
         counted += range_bytes_max(partition)) {
      auto& shortest = metadata.lost.size() < metadata.ranges.size()     ? metadata.lost
                       : metadata.before.size() < metadata.ranges.size() ? metadata.before
                                                                         : metadata.ranges;
      shortest.push_back(longest);
    }
    EXPECT_EQ(
        to_text(metadata.ranges).size() + to_text(metadata.lost).size() + to_text(metadata.before).size() + 3,
        counted);
    EXPECT_LE(bytes_of(to_metadata(metadata)), k_metadata_bytes_max);
  }
}

BlobMetadata quarantine() {
  return {.is_quarantine = true,
          .group = "lake-writers",
          .topic = "orders",
          .topic_id = {},
          .ranges = {},
          .lost = {},
          .before = {},
          .records = 2,
          .skipped = {},
          .holes = {},
          .bytes = 400,
          .checksum = 0x00c0ffee,
          .attempt = "1234",
          .of = "9f86"};
}

TEST(BlobMetadataTest, a_file_counts_its_records_in_quarantine_and_the_quarantine_names_its_file) {
  BlobMetadata metadata = data();
  metadata.quarantined = 7;
  Metadata rows = to_metadata(metadata);
  EXPECT_NE(std::find(rows.begin(), rows.end(), std::pair<std::string, std::string>("quarantined", "7")),
            rows.end());
  EXPECT_EQ(read_blob_metadata(rows)->quarantined, 7U);
  EXPECT_EQ(read_blob_metadata(to_metadata(data()))->quarantined, 0U);

  EXPECT_EQ(to_metadata(quarantine()), (Metadata{{"penstock", "1"},
                                                 {"quarantine", "1"},
                                                 {"of", "9f86"},
                                                 {"topic", "orders"},
                                                 {"records", "2"},
                                                 {"bytes", "400"},
                                                 {"crc32c", "00c0ffee"},
                                                 {"attempt", "1234"},
                                                 {"group", "lake-writers"}}));
  const auto read = read_blob_metadata(to_metadata(quarantine()));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_TRUE(read->is_quarantine);
  EXPECT_EQ(read->of, "9f86");
  EXPECT_EQ(read->records, 2U);
  EXPECT_TRUE(read->ranges.empty());
}

TEST(BlobMetadataTest, a_quarantine_that_does_not_name_its_file_is_refused_and_so_is_a_count_that_is_none) {
  Metadata rows = to_metadata(quarantine());
  std::erase_if(rows, [](const auto& row) { return row.first == "of"; });
  EXPECT_NE(read_blob_metadata(rows).error().message.find("which file"), std::string::npos);
  for (const char* count : {"x", "-1", "7 ", "99999999999999999999"}) {
    EXPECT_NE(
        read_blob_metadata(rows_of_data({{"quarantined", count}})).error().message.find("in quarantine"),
        std::string::npos)
        << count;
  }
}

TEST(BlobMetadataTest, the_most_partitions_of_a_batch_leave_room_for_what_was_lost) {
  const std::size_t ranges = k_partitions_per_batch_max * range_bytes_max(Partition{4999});
  EXPECT_LE(ranges + 10 * range_bytes_max(Partition{4999}), k_ranges_bytes_max);
}

TEST(BlobMetadataTest, an_empty_file_says_so_and_covers_nothing) {
  const std::string file = "123456789";
  const Metadata rows = to_metadata(empty_file_of("g", "orders", as_bytes(file)));
  EXPECT_EQ(rows, (Metadata{{"penstock", "1"},
                            {"empty", "1"},
                            {"topic", "orders"},
                            {"bytes", "0"},
                            {"crc32c", "e3069283"},
                            {"group", "g"}}));
  const auto read = read_blob_metadata(rows);
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->is_empty);
  EXPECT_EQ(read->topic, "orders");
  EXPECT_EQ(read->bytes, 0U) << "of its rows";
  EXPECT_EQ(read->checksum, 0xe3069283U);
  EXPECT_EQ(read->records + read->position_count(), 0U);
  EXPECT_FALSE(read_blob_metadata({{"penstock", "1"}, {"empty", "1"}, {"bytes", "508"}}).ok());
  EXPECT_FALSE(read_blob_metadata({{"penstock", "1"}, {"empty", "1"}, {"topic", "t"}}).ok());
  EXPECT_FALSE(
      read_blob_metadata({{"penstock", "1"}, {"empty", "2"}, {"topic", "t"}, {"bytes", "508"}}).ok());
}

}  // namespace
}  // namespace penstock::format
