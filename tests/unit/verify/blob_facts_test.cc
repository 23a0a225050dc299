#include "verify/blob_facts.h"

#include <gtest/gtest.h>

namespace penstock::verify {
namespace {

using Kind = BlobFacts::Kind;

Metadata metadata(Metadata changes = {}) {
  Metadata rows{{"penstock", "1"}, {"topic", "orders"}, {"ranges", "0:5-9,11:0-2"},
                {"records", "6"},  {"bytes", "60"},     {"attempt", "a"},
                {"group", "g"}};
  for (const auto& [key, value] : changes) {
    std::erase_if(rows, [&](const auto& row) { return row.first == key; });
    if (!value.empty()) {
      rows.emplace_back(key, value);
    }
  }
  return rows;
}

BlobFacts facts(Metadata rows) {
  return facts_of({.name = "a.txt", .properties = {.bytes = 60, .metadata = std::move(rows)}});
}

TEST(BlobFacts, reads_what_a_batch_writes) {
  const BlobFacts found = facts(metadata({{"lost", "0:6-7"}}));
  EXPECT_EQ(found.kind, Kind::data);
  EXPECT_EQ(found.metadata.topic, "orders");
  EXPECT_EQ(found.metadata.group, "g");
  EXPECT_EQ(found.metadata.records, 6U);
  EXPECT_EQ(found.metadata.bytes, 60U);
  EXPECT_EQ(found.stored_bytes, 60U);
  ASSERT_EQ(found.metadata.ranges.size(), 2U);
  EXPECT_EQ(found.metadata.ranges[1], (PartitionRange{Partition{11}, {Position{0}, Position{2}}}));
  ASSERT_EQ(found.metadata.lost.size(), 1U);
}

TEST(BlobFacts, a_tombstone_holds_nothing) {
  const BlobFacts found = facts({{"penstock", "1"}, {"tombstone", "1"}, {"group", "g"}});
  EXPECT_EQ(found.kind, Kind::tombstone);
  EXPECT_EQ(found.metadata.group, "g");
}

TEST(BlobFacts, what_is_not_exactly_ours_is_foreign_and_says_why) {
  const Metadata cases[] = {
      {},
      {{"topic", "orders"}},
      metadata({{"penstock", "2"}}),
      metadata({{"topic", ""}}),
      metadata({{"ranges", ""}}),
      metadata({{"ranges", "0:9-5"}}),
      metadata({{"ranges", "0:5-9,"}}),
      metadata({{"ranges", "0:5-9,,1:2-3"}}),
      metadata({{"records", "x"}}),
      metadata({{"ranges", "0:5-9;1:2-3"}}),
      metadata({{"ranges", "0:-5-9"}}),
      metadata({{"ranges", "0:5-99999999999999999999"}}),
      metadata({{"lost", "0"}}),
      metadata({{"records", ""}}),
      metadata({{"records", "-1"}}),
      metadata({{"bytes", "60 "}}),
  };
  for (const Metadata& rows : cases) {
    const BlobFacts found = facts(rows);
    EXPECT_EQ(found.kind, Kind::foreign);
    EXPECT_FALSE(found.fault.empty());
  }
}

}  // namespace
}  // namespace penstock::verify
