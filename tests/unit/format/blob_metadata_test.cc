#include "format/blob_metadata.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::format {
namespace {

BlobMetadata data() {
  return {
      .is_tombstone = false,
      .group = "lake-writers",
      .topic = "orders",
      .ranges = {{Partition{3}, {Position{70}, Position{95}}}, {Partition{11}, {Position{0}, Position{12}}}},
      .lost = {},
      .records = 37,
      .bytes = 4012,
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
  EXPECT_EQ(to_metadata(metadata), (Metadata{{"penstock", "1"},
                                             {"topic", "orders"},
                                             {"ranges", "3:70-95,11:0-12"},
                                             {"records", "37"},
                                             {"bytes", "4012"},
                                             {"attempt", "9f86"},
                                             {"group", "lake-writers"},
                                             {"lost", "3:80-82"}}));
  EXPECT_EQ(to_metadata(tombstone_of("lake-writers")),
            (Metadata{{"penstock", "1"}, {"tombstone", "1"}, {"group", "lake-writers"}}));
}

TEST(BlobMetadataTest, is_read_as_it_was_written) {
  BlobMetadata metadata = data();
  metadata.lost = {{Partition{3}, {Position{80}, Position{82}}}};
  const auto read = read_blob_metadata(to_metadata(metadata));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_FALSE(read->is_tombstone);
  EXPECT_EQ(read->group, metadata.group);
  EXPECT_EQ(read->topic, metadata.topic);
  EXPECT_EQ(read->ranges, metadata.ranges);
  EXPECT_EQ(read->lost, metadata.lost);
  EXPECT_EQ(read->records, metadata.records);
  EXPECT_EQ(read->bytes, metadata.bytes);
  EXPECT_EQ(read->attempt, metadata.attempt);
  EXPECT_EQ(read->range_of(Partition{11}), (Range{Position{0}, Position{12}}));
  EXPECT_EQ(read->range_of(Partition{1}), std::nullopt);
  EXPECT_TRUE(read_blob_metadata(to_metadata(tombstone_of("g")))->is_tombstone);
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
           Case{rows_of_data({{"ranges", ""}}), "its metadata hold no ranges, but \"\""},
           Case{rows_of_data({{"ranges", "0:9-5"}}), "its metadata hold no ranges, but \"0:9-5\""},
           Case{rows_of_data({{"ranges", "0:5-9,"}}), "its metadata hold no ranges, but \"0:5-9,\""},
           Case{rows_of_data({{"lost", "0"}}), "its metadata hold no ranges, but \"0\""},
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

TEST(BlobMetadataTest, the_most_partitions_of_a_batch_fit_into_what_a_store_keeps) {
  BlobMetadata metadata = data();
  metadata.group = std::string(256, 'g');
  metadata.topic = std::string(249, 't');
  metadata.attempt = std::string(32, 'a');
  metadata.records = UINT64_MAX;
  metadata.bytes = UINT64_MAX;
  metadata.ranges.assign(k_partitions_per_batch_max,
                         {Partition{4999}, {Position{INT64_MAX - 1}, Position{INT64_MAX}}});
  std::size_t bytes = 0;
  for (const auto& [key, value] : to_metadata(metadata)) {
    bytes += key.size() + value.size();
  }
  EXPECT_LT(bytes, 8192U);
}

}  // namespace
}  // namespace penstock::format
