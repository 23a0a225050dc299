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

TEST(BlobFacts, a_quarantine_file_is_told_by_its_metadata_and_by_its_place) {
  const Metadata of_data = metadata();
  const Metadata of_quarantine = metadata({{"quarantine", "1"}, {"of", "9f86"}, {"ranges", ""}});
  const auto kind_of = [](const std::string& name, const Metadata& rows) {
    return facts_of({.name = name, .properties = {.bytes = 60, .metadata = rows}}).kind;
  };
  EXPECT_EQ(kind_of("_quarantine/a.txt.json", of_quarantine), Kind::quarantine);
  EXPECT_EQ(kind_of("a.txt", of_data), Kind::data);
  EXPECT_EQ(kind_of("a.txt", of_quarantine), Kind::foreign) << "somebody has moved it";
  EXPECT_EQ(kind_of("_quarantine/a.txt.json", of_data), Kind::foreign);
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

TEST(BlobFacts, an_empty_file_is_neither_data_nor_a_tombstone) {
  lake::BlobEntry entry;
  entry.name = "a.avro";
  entry.properties.bytes = 508;
  entry.properties.metadata = format::to_metadata(format::empty_file_of("g", "orders", {}));
  const BlobFacts facts = facts_of(entry);
  EXPECT_EQ(facts.kind, BlobFacts::Kind::empty);
  EXPECT_EQ(facts.metadata.topic, "orders");
}

}  // namespace
}  // namespace penstock::verify
