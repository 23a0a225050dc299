#include "kafka/fetch_order.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::kafka {
namespace {

using Slots = std::vector<std::uint32_t>;

Slots slots_of(const FetchOrder& order) {
  Slots slots;
  order.for_each([&](PartitionSlot slot) { slots.push_back(slot.value); });
  return slots;
}

TEST(FetchOrder, a_topics_partitions_stand_together) {
  FetchOrder order;
  order.add("a", PartitionSlot{0});
  order.add("b", PartitionSlot{1});
  order.add("a", PartitionSlot{2});
  EXPECT_EQ(slots_of(order), (Slots{0, 2, 1}));
}

TEST(FetchOrder, who_was_served_goes_to_the_back_and_its_topic_too) {
  FetchOrder order;
  for (std::uint32_t i = 0; i < 3; ++i) {
    order.add("a", PartitionSlot{i});
  }
  order.add("b", PartitionSlot{3});
  order.served("a", PartitionSlot{0});
  EXPECT_EQ(slots_of(order), (Slots{3, 1, 2, 0}));
  order.served("a", PartitionSlot{2});
  EXPECT_EQ(slots_of(order), (Slots{3, 1, 0, 2}));
}

TEST(FetchOrder, nobody_starves) {
  // A response has room for two of six partitions, each of which always has more. In every three rounds all
  // are served.
  FetchOrder order;
  std::map<std::uint32_t, std::string> topics;
  for (std::uint32_t i = 0; i < 6; ++i) {
    topics[i] = i == 5 ? "small" : "large";
    order.add(topics[i], PartitionSlot{i});
  }
  std::map<std::uint32_t, int> served;
  for (int round = 0; round < 30; ++round) {
    const Slots asked = slots_of(order);
    std::set<std::string> seen;  // together, or a request would name a topic twice
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (i == 0 || topics[asked[i]] != topics[asked[i - 1]]) {
        EXPECT_TRUE(seen.insert(topics[asked[i]]).second);
      }
    }
    for (std::size_t i = 0; i < 2; ++i) {
      order.served(topics[asked[i]], PartitionSlot{asked[i]});
      ++served[asked[i]];
    }
  }
  for (std::uint32_t i = 0; i < 6; ++i) {
    EXPECT_GE(served[i], 5) << i;
  }
}

TEST(FetchOrder, what_is_removed_is_not_asked_for_and_not_served) {
  FetchOrder order;
  order.add("a", PartitionSlot{0});
  order.add("a", PartitionSlot{1});
  order.remove("a", PartitionSlot{0});
  order.served("a", PartitionSlot{0});
  order.remove("b", PartitionSlot{1});
  EXPECT_EQ(slots_of(order), (Slots{1}));
  order.remove("a", PartitionSlot{1});
  EXPECT_TRUE(order.empty());
  order.served("a", PartitionSlot{1});
  EXPECT_TRUE(order.empty());
}

}  // namespace
}  // namespace penstock::kafka
