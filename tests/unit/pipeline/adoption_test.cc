#include "pipeline/adoption.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::pipeline {
namespace {

using stage::RecoveredChunk;

// sort_out()

struct ChunkOf {
  std::uint64_t batch = 1;
  std::uint32_t index = 0;
  std::int64_t first = 0;
  std::int64_t next = 10;
  std::uint32_t payload_bytes = 100;
  std::uint32_t whole_record_bytes = 100;
  std::uint64_t raw_bytes = 100;
  std::uint64_t recipe_hash = 5;
};

RecoveredChunk chunk(const ChunkOf& of) {
  RecoveredChunk made;
  made.extent = {.segment = 1, .offset = of.batch * 1000 + of.index, .payload_bytes = of.payload_bytes};
  made.chunk.batch = {7, of.batch};
  made.chunk.index = of.index;
  made.chunk.topic = "topic";
  if (of.first < of.next) {
    made.chunk.ranges = {{Partition{3}, {Position{of.first}, Position{of.next}}}};
    made.chunk.records = static_cast<std::uint64_t>(of.next - of.first);
  }
  made.chunk.raw_bytes = of.raw_bytes;
  made.chunk.whole_record_bytes = of.whole_record_bytes;
  made.chunk.recipe_hash = of.recipe_hash;
  made.chunk.place.payload_bytes = of.payload_bytes;
  return made;
}

TEST(SortOut, chunks_that_follow_each_other_are_a_batch_whatever_their_order) {
  const SortedOut sorted =
      sort_out({chunk({.index = 1, .first = 10, .next = 30}), chunk({.batch = 2}), chunk({.index = 0})});
  ASSERT_EQ(sorted.batches.size(), 2U);
  EXPECT_TRUE(sorted.unusable.empty());
  const RecoveredBatch& batch = sorted.batches[0];
  EXPECT_EQ(batch.id, (BatchId{7, 1}));
  EXPECT_EQ(batch.topic, "topic");
  EXPECT_EQ(batch.ranges, (std::vector<PartitionRange>{{Partition{3}, {Position{0}, Position{30}}}}));
  EXPECT_EQ(batch.records, 30U);
  EXPECT_EQ(batch.raw_bytes, 200U);
  EXPECT_EQ(batch.payload_bytes(), 200U);
}

TEST(SortOut, a_batch_ends_before_a_hole) {
  const SortedOut sorted = sort_out({chunk({}), chunk({.index = 2, .first = 10, .next = 20})});
  ASSERT_EQ(sorted.batches.size(), 1U);
  EXPECT_EQ(sorted.batches[0].chunks.size(), 1U);
  EXPECT_EQ(sorted.unusable.size(), 1U);
  EXPECT_TRUE(sort_out({chunk({.index = 1})}).batches.empty());
}

TEST(SortOut, a_plain_batch_is_cut_behind_its_last_whole_record) {
  const SortedOut sorted =
      sort_out({chunk({.payload_bytes = 100, .whole_record_bytes = 90, .raw_bytes = 90}),
                chunk({.index = 1,
                       .first = 10,
                       .next = 12,
                       .payload_bytes = 100,
                       .whole_record_bytes = 40,
                       .raw_bytes = 50}),
                chunk({.index = 2, .first = 0, .next = 0, .whole_record_bytes = 0, .raw_bytes = 0})});
  ASSERT_EQ(sorted.batches.size(), 1U);
  EXPECT_EQ(sorted.batches[0].chunks.size(), 2U);
  EXPECT_EQ(sorted.batches[0].payload_bytes(), 140U);
  EXPECT_EQ(sorted.batches[0].ranges[0].range.next, Position{12});
  EXPECT_EQ(sorted.unusable.size(), 1U);
}

TEST(SortOut, a_compressed_batch_is_used_up_to_a_chunk_that_is_whole) {
  const ChunkOf member_in_a_record{.payload_bytes = 100, .whole_record_bytes = 0, .raw_bytes = 500};
  const ChunkOf spilled{.index = 1, .first = 10, .next = 20, .raw_bytes = 700};
  const ChunkOf open{.index = 2, .first = 20, .next = 30, .whole_record_bytes = 0, .raw_bytes = 300};
  EXPECT_TRUE(sort_out({chunk(member_in_a_record)}).batches.empty());
  const SortedOut sorted = sort_out({chunk(member_in_a_record), chunk(spilled), chunk(open)});
  ASSERT_EQ(sorted.batches.size(), 1U);
  EXPECT_EQ(sorted.batches[0].ranges[0].range.next, Position{20});
  EXPECT_EQ(sorted.batches[0].raw_bytes, 1200U);
}

TEST(SortOut, ranges_that_do_not_join_end_a_batch) {
  for (const ChunkOf& second :
       {ChunkOf{.index = 1, .first = 11, .next = 20}, ChunkOf{.index = 1, .first = 9, .next = 20},
        ChunkOf{.index = 1, .first = 10, .next = 20, .recipe_hash = 6},
        ChunkOf{.index = 1, .first = 10, .next = 20, .whole_record_bytes = 101}}) {
    const SortedOut sorted = sort_out({chunk({}), chunk(second)});
    ASSERT_EQ(sorted.batches.size(), 1U);
    EXPECT_EQ(sorted.batches[0].ranges[0].range.next, Position{10});
    EXPECT_EQ(sorted.unusable.size(), 1U);
  }
}

TEST(SortOut, what_says_that_it_is_not_to_be_used_again_is_not) {
  const SortedOut sorted = sort_out({chunk({.recipe_hash = 0})});
  EXPECT_TRUE(sorted.batches.empty());
  EXPECT_EQ(sorted.unusable.size(), 1U);
}

TEST(SortOut, of_a_chunk_that_was_written_twice_the_later_one_counts) {
  RecoveredChunk again = chunk({});
  again.extent.offset = 77;
  const SortedOut sorted = sort_out({chunk({}), again});
  ASSERT_EQ(sorted.batches.size(), 1U);
  EXPECT_EQ(sorted.batches[0].chunks[0].extent.offset, 77U);
  EXPECT_EQ(sorted.unusable.size(), 1U);
}

// Adoption

class AdoptionTest : public testing::Test {
 protected:
  using Ranges = std::map<std::int32_t, std::pair<std::int64_t, std::int64_t>>;

  void leave(std::uint64_t counter, const Ranges& ranges) {
    RecoveredBatch batch;
    batch.id = {7, counter};
    batch.topic = "topic";
    for (const auto& [partition, range] : ranges) {
      batch.ranges.push_back({Partition{partition}, {Position{range.first}, Position{range.second}}});
    }
    std::vector<RecoveredBatch> batches;
    batches.push_back(std::move(batch));
    adoption_.recovered(std::move(batches));
  }
  // Partition n has slot n, and an entry at `entries[n]`.
  void begin(const std::vector<std::int64_t>& entries, const std::string& metadata = {}) {
    std::vector<source::Assigned> assigned;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      assigned.push_back({.id = {"topic", Partition{static_cast<std::int32_t>(i)}},
                          .start = Position{entries[i]},
                          .entry = GroupEntry{Position{entries[i]}, metadata}});
    }
    adoption_.begin_epoch(assigned);
  }
  void start(std::uint32_t slot, std::int64_t position) {
    adoption_.start(PartitionSlot{slot}, Position{position});
  }
  std::string settle() {
    adoption_.settle();
    return std::exchange(log_, {});
  }

  std::string log_;
  bool adopts_ = true;
  Adoption adoption_{
      {.adopt =
           [this](const RecoveredBatch& batch, std::span<const PartitionSlot>) {
             log_ += (adopts_ ? "adopt " : "refuse ") + std::to_string(batch.id.counter) + "; ";
             return adopts_;
           },
       .give_up =
           [this](const RecoveredBatch& batch) {
             log_ += "give up " + std::to_string(batch.id.counter) + "; ";
           },
       .fetch =
           [this](PartitionSlot slot, Position position) {
             log_ += "fetch " + std::to_string(slot.value) + " from " + std::to_string(position.value) + "; ";
           },
       .read_elsewhere =
           [this](PartitionSlot slot, Position from) {
             log_ += "elsewhere " + std::to_string(slot.value) + " from " + std::to_string(from.value) + "; ";
           }}};
};

TEST_F(AdoptionTest, a_chain_is_taken_and_the_rest_is_fetched) {
  leave(1, {{0, {10, 20}}});
  leave(2, {{0, {20, 30}}});
  leave(3, {{0, {31, 40}}});
  begin({10});
  start(0, 10);
  EXPECT_EQ(settle(), "adopt 1; adopt 2; elsewhere 0 from 10; fetch 0 from 30; give up 3; ");
  EXPECT_EQ(settle(), "");
}

TEST_F(AdoptionTest, a_partition_waits_for_those_that_share_a_batch_with_it_and_for_no_others) {
  leave(1, {{0, {10, 20}}, {1, {5, 9}}});
  begin({10, 5, 100});
  start(0, 10);
  start(2, 100);
  EXPECT_EQ(settle(), "fetch 2 from 100; ");
  start(1, 5);
  EXPECT_EQ(settle(), "adopt 1; elsewhere 0 from 10; fetch 0 from 20; elsewhere 1 from 5; fetch 1 from 9; ");
}

TEST_F(AdoptionTest, one_that_is_stopped_or_begins_elsewhere_frees_the_others) {
  leave(1, {{0, {10, 20}}, {1, {5, 9}}});
  begin({10, 5});
  start(0, 10);
  EXPECT_EQ(settle(), "");
  adoption_.take_back(PartitionSlot{1});
  EXPECT_EQ(settle(), "give up 1; fetch 0 from 10; ");

  leave(2, {{0, {10, 20}}, {1, {5, 9}}});
  begin({10, 4});
  start(0, 10);
  start(1, 4);
  EXPECT_EQ(settle(), "fetch 1 from 4; give up 2; fetch 0 from 10; ");
}

TEST_F(AdoptionTest, a_later_batch_may_have_more_partitions) {
  leave(2, {{0, {20, 30}}, {1, {5, 9}}});
  leave(1, {{0, {10, 20}}});
  begin({10, 5});
  start(1, 5);
  start(0, 10);
  EXPECT_EQ(settle(),
            "adopt 1; adopt 2; elsewhere 0 from 10; fetch 0 from 30; elsewhere 1 from 5; fetch 1 from 9; ");
}

TEST_F(AdoptionTest, batches_that_wait_for_each_other_are_given_up) {
  leave(1, {{0, {10, 20}}, {1, {7, 9}}});
  leave(2, {{0, {20, 30}}, {1, {5, 7}}});
  begin({10, 5});
  start(0, 10);
  start(1, 5);
  EXPECT_EQ(settle(), "fetch 0 from 10; fetch 1 from 5; give up 1; give up 2; ");
}

TEST_F(AdoptionTest, an_entry_that_is_a_claim_or_none_allows_nothing) {
  leave(1, {{0, {10, 20}}});
  begin({10}, "p1;20;0123abcd;blob");
  start(0, 10);
  EXPECT_EQ(settle(), "fetch 0 from 10; give up 1; ");
}

TEST_F(AdoptionTest, reading_again_is_from_kafka) {
  leave(1, {{0, {10, 20}}, {1, {5, 9}}});
  begin({10, 5});
  start(0, 10);
  adoption_.take_back(PartitionSlot{0});
  start(0, 10);
  start(1, 5);
  EXPECT_EQ(settle(), "fetch 0 from 10; give up 1; fetch 1 from 5; ");
}

TEST_F(AdoptionTest, what_cannot_be_used_is_fetched) {
  adopts_ = false;
  leave(1, {{0, {10, 20}}});
  begin({10});
  start(0, 10);
  EXPECT_EQ(settle(), "refuse 1; give up 1; fetch 0 from 10; ");
}

TEST_F(AdoptionTest, an_epoch_that_ends_before_it_is_decided_leaves_them_for_the_next) {
  leave(1, {{0, {10, 20}}, {1, {5, 9}}});
  begin({10, 5});
  start(0, 10);
  EXPECT_EQ(settle(), "");
  adoption_.end_epoch();
  EXPECT_EQ(settle(), "");
  begin({10, 5});
  start(0, 10);
  start(1, 5);
  EXPECT_EQ(settle(), "adopt 1; elsewhere 0 from 10; fetch 0 from 20; elsewhere 1 from 5; fetch 1 from 9; ");
}

TEST_F(AdoptionTest, an_assignment_without_its_partitions_gives_it_up) {
  leave(1, {{4, {10, 20}}});
  begin({});
  EXPECT_EQ(settle(), "give up 1; ");
}

}  // namespace
}  // namespace penstock::pipeline
