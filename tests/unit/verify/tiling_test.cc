#include "verify/tiling.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/concat.h"
#include "unit/verify/range.h"

namespace penstock::verify {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

BlobFacts blob(std::string name, std::int64_t first, std::int64_t next, std::int32_t partition = 0) {
  BlobFacts facts;
  facts.kind = BlobFacts::Kind::data;
  facts.name = std::move(name);
  facts.metadata.topic = "orders";
  facts.metadata.ranges = {{Partition{partition}, range(first, next)}};
  return facts;
}

BlobFacts of_id(std::string topic_id, BlobFacts facts) {
  facts.metadata.topic_id = std::move(topic_id);
  return facts;
}

TEST(IntervalSet, merges_what_touches_and_tells_what_was_there) {
  IntervalSet set;
  EXPECT_THAT(set.add(range(10, 20)), IsEmpty());
  EXPECT_THAT(set.add(range(30, 40)), IsEmpty());
  EXPECT_THAT(set.add(range(20, 30)), IsEmpty());
  EXPECT_EQ(set.interval_count(), 1U);
  EXPECT_THAT(set.add(range(50, 60)), IsEmpty());
  EXPECT_THAT(set.add(range(35, 55)), ElementsAre(range(35, 40), range(50, 55)));
  EXPECT_THAT(set.intervals(), ElementsAre(range(10, 60)));
  EXPECT_THAT(set.add(range(5, 5)), IsEmpty());
  EXPECT_EQ(set.first(), Position{10});
  EXPECT_EQ(set.next(), Position{60});
}

TEST(IntervalSet, tells_what_is_missing_in_two_sets) {
  IntervalSet set;
  set.add(range(0, 10));
  set.add(range(20, 30));
  IntervalSet other;
  other.add(range(8, 12));
  other.add(range(15, 20));
  EXPECT_THAT(set.missing(range(5, 40), other), ElementsAre(range(12, 15), range(30, 40)));
}

TEST(IntervalSet, tells_what_is_missing) {
  IntervalSet set;
  EXPECT_THAT(set.missing(range(0, 3)), ElementsAre(range(0, 3)));
  set.add(range(10, 20));
  set.add(range(30, 40));
  EXPECT_THAT(set.missing(range(5, 50)), ElementsAre(range(5, 10), range(20, 30), range(40, 50)));
  EXPECT_THAT(set.missing(range(12, 18)), IsEmpty());
  EXPECT_THAT(set.missing(range(20, 30)), ElementsAre(range(20, 30)));
  EXPECT_THAT(set.missing(range(15, 25)), ElementsAre(range(20, 25)));
  EXPECT_THAT(set.present(range(15, 35)), ElementsAre(range(15, 20), range(30, 35)));
  EXPECT_THAT(set.present(range(20, 30)), IsEmpty());
}

// Against one bit a position, over random ranges.
TEST(IntervalSet, agrees_with_a_set_of_positions) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    IntervalSet set;
    std::vector<bool> held(64);
    for (int i = 0; i < 12; ++i) {
      const int first = static_cast<int>(random() % 60);
      const int next = first + static_cast<int>(random() % (64 - static_cast<unsigned>(first)));
      std::vector<bool> told(64);
      for (const Range& part : set.add(range(first, next))) {
        std::fill(told.begin() + part.first.value, told.begin() + part.next.value, true);
      }
      for (int at = 0; at < 64; ++at) {
        ASSERT_EQ(told[static_cast<std::size_t>(at)],
                  at >= first && at < next && held[static_cast<std::size_t>(at)]);
      }
      std::fill(held.begin() + first, held.begin() + next, true);
    }
    for (const Range& gap : set.missing(range(0, 64))) {
      for (std::int64_t at = gap.first.value; at < gap.next.value; ++at) {
        ASSERT_FALSE(held[static_cast<std::size_t>(at)]);
        held[static_cast<std::size_t>(at)] = true;
      }
    }
    ASSERT_THAT(held, testing::Each(true));
  }
}

TEST(Tiling, blobs_in_any_order_tile) {
  Tiling tiling;
  for (const std::int64_t first : {20, 0, 30, 10}) {
    tiling.add(blob("b", first, first + 10));
  }
  const Tiles* tiles = tiling.find({"orders", Partition{0}});
  ASSERT_NE(tiles, nullptr);
  EXPECT_THAT(tiles->held.intervals(), ElementsAre(range(0, 40)));
  EXPECT_EQ(tiles->blob_count, 4U);
  EXPECT_FALSE(tiling.any_twice());
  EXPECT_EQ(tiling.find({"orders", Partition{1}}), nullptr);
  EXPECT_EQ(tiling.find({"other", Partition{0}}), nullptr);
}

TEST(Tiling, a_second_look_names_the_blobs_that_overlap_and_no_others) {
  const std::vector<BlobFacts> blobs = {blob("a", 0, 10),  blob("b", 10, 20), blob("c", 20, 30),
                                        blob("d", 18, 22), blob("e", 30, 40), blob("d", 18, 22, 1)};
  Tiling tiling;
  for (const BlobFacts& each : blobs) {
    tiling.add(each);
  }
  ASSERT_TRUE(tiling.any_twice());
  Overlaps overlaps(tiling);
  for (const BlobFacts& each : blobs) {
    overlaps.look(each);
  }
  const auto found = std::move(overlaps).take();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, (TopicPartition{"orders", Partition{0}}));
  EXPECT_EQ(found[0].range, range(18, 22));
  EXPECT_THAT(found[0].names, ElementsAre("b", "c", "d"));
  EXPECT_EQ(found[0].blob_count, 3U);
}

TEST(Tiling, names_of_overlaps_are_bounded) {
  Tiling tiling;
  std::vector<BlobFacts> blobs;
  for (std::int64_t i = 0; i < 1500; ++i) {
    for (int copy = 0; copy < 12; ++copy) {
      blobs.push_back(blob(concat(i, "-", copy), i * 10, i * 10 + 5));
      tiling.add(blobs.back());
    }
  }
  Overlaps overlaps(tiling);
  for (const BlobFacts& each : blobs) {
    overlaps.look(each);
  }
  const auto found = std::move(overlaps).take();
  ASSERT_EQ(found.size(), 1500U);
  EXPECT_EQ(found[0].names.size(), Overlaps::k_names_max);
  EXPECT_EQ(found[0].blob_count, 12U);
  EXPECT_EQ(std::count_if(found.begin(), found.end(), [](const auto& each) { return !each.names.empty(); }),
            static_cast<std::ptrdiff_t>(Overlaps::k_overlaps_max));
}

std::vector<std::int32_t> shuffled_in_windows(std::int32_t count, std::int32_t window) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(1);
  for (auto at = order.begin(); at != order.end();) {
    const auto end = at + std::min<std::ptrdiff_t>(window, order.end() - at);
    std::shuffle(at, end, random);
    at = end;
  }
  return order;
}

// Blobs of 100 positions each, dealt to 8 partitions. Returns the most intervals that were held at a time.
std::size_t most_intervals(const std::vector<std::int32_t>& order) {
  constexpr std::int32_t k_partitions = 8;
  Tiling tiling;
  std::size_t most = 0;
  BlobFacts facts = blob("x", 0, 1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int64_t first = std::int64_t{order[i]} / k_partitions * 100;
    facts.metadata.ranges[0] = {Partition{order[i] % k_partitions}, range(first, first + 100)};
    tiling.add(facts);
    if (i % 1000 == 500) {
      std::size_t intervals = 0;
      for (const auto& [partition, incarnations] : tiling.topics().at("orders")) {
        const Tiles& tiles = incarnations.at("");
        intervals += tiles.held.interval_count() + tiles.twice.interval_count();
      }
      most = std::max(most, intervals);
    }
  }
  const auto end = static_cast<std::int64_t>(order.size()) / k_partitions * 100;
  for (std::int32_t partition = 0; partition < k_partitions; ++partition) {
    EXPECT_THAT(tiling.find({"orders", Partition{partition}})->held.intervals(), ElementsAre(range(0, end)));
  }
  return most;
}

// What grows is the number of intervals, at some 64 bytes each. Names are in the order of time but for what
// lands within a second or so: a thousand blobs in no order, then the next thousand.
TEST(Tiling, a_million_blobs_take_the_memory_of_their_disorder) {
  EXPECT_LT(most_intervals(shuffled_in_windows(1'000'000, 1000)), 1000U);
}

// No order at all: 64 bytes for each third blob or so, which would be 20 MB for a million.
TEST(Tiling, blobs_in_no_order_take_less_than_an_interval_each) {
  constexpr std::int32_t k_blobs = 100'000;
  const std::size_t most = most_intervals(shuffled_in_windows(k_blobs, k_blobs));
  EXPECT_GT(most, k_blobs / 5U) << "the order was meant to be none";
  EXPECT_LT(most, k_blobs / 3U);
}

TEST(Tiling, each_incarnation_of_a_topic_is_a_log_of_its_own) {
  const BlobFacts blobs[] = {of_id("1", blob("a", 0, 100)), of_id("2", blob("b", 0, 30)),
                             of_id("2", blob("c", 20, 40)), blob("d", 0, 10), blob("e", 5, 15)};
  Tiling tiling;
  for (const BlobFacts& each : blobs) {
    tiling.add(each);
  }
  tiling.settle({});
  const TopicPartition id{"orders", Partition{0}};
  EXPECT_TRUE(tiling.made_anew("orders"));
  EXPECT_EQ(tiling.current(id), "2") << "of the blob with the greatest name that says it";
  ASSERT_NE(tiling.find(id), nullptr);
  EXPECT_THAT(tiling.find(id)->held.intervals(), ElementsAre(range(0, 40)));

  Overlaps overlaps(tiling);
  for (const BlobFacts& each : blobs) {
    overlaps.look(each);
  }
  const auto found = std::move(overlaps).take();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].range, range(5, 10));
  EXPECT_THAT(found[0].names, ElementsAre("d", "e"));
  EXPECT_TRUE(found[0].maybe_two_topics);
  EXPECT_EQ(found[1].range, range(20, 30));
  EXPECT_THAT(found[1].names, ElementsAre("b", "c"));
  EXPECT_FALSE(found[1].maybe_two_topics);
}

TEST(Tiling, blobs_without_an_id_overlap_those_of_the_only_one) {
  const BlobFacts blobs[] = {blob("a", 0, 20), of_id("1", blob("b", 10, 30))};
  Tiling tiling;
  for (const BlobFacts& each : blobs) {
    tiling.add(each);
  }
  EXPECT_FALSE(tiling.any_twice());
  tiling.settle({});
  EXPECT_TRUE(tiling.any_twice());
  EXPECT_FALSE(tiling.made_anew("orders"));
  Overlaps overlaps(tiling);
  for (const BlobFacts& each : blobs) {
    overlaps.look(each);
  }
  const auto found = std::move(overlaps).take();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].range, range(10, 20));
  EXPECT_THAT(found[0].names, ElementsAre("a", "b"));
}

}  // namespace
}  // namespace penstock::verify
