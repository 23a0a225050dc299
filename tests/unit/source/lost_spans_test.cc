#include "source/lost_spans.h"

#include <gtest/gtest.h>

namespace penstock::source {
namespace {

TEST(LostSpansTest, each_loss_is_offered_until_it_is_taken) {
  LostSpans lost;
  EXPECT_EQ(lost.front(), nullptr);
  EXPECT_FALSE(lost.offered());
  lost.add(PartitionSlot{1}, Position{50});
  lost.add(PartitionSlot{2}, Position{70});
  for (int i = 0; i < 2; ++i) {
    const RecordSpan* span = lost.front();
    ASSERT_NE(span, nullptr);
    EXPECT_EQ(span->slot, PartitionSlot{1});
    EXPECT_TRUE(span->lost);
    EXPECT_TRUE(span->records.empty());
    EXPECT_EQ(span->next, Position{50});
  }
  EXPECT_TRUE(lost.offered());
  const auto taken = lost.take();
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->next, Position{50});
  EXPECT_FALSE(lost.contains(PartitionSlot{1}));
  EXPECT_EQ(lost.front()->slot, PartitionSlot{2});
}

TEST(LostSpansTest, a_loss_that_is_dropped_between_offer_and_taking_is_not_taken) {
  LostSpans lost;
  lost.add(PartitionSlot{1}, Position{50});
  lost.add(PartitionSlot{2}, Position{70});
  ASSERT_NE(lost.front(), nullptr);
  lost.drop(PartitionSlot{1});
  EXPECT_TRUE(lost.offered()) << "so that it is not taken for a span of records";
  EXPECT_FALSE(lost.take().has_value());
  EXPECT_TRUE(lost.contains(PartitionSlot{2})) << "it was not the one that was offered";
}

TEST(LostSpansTest, a_later_loss_of_a_partition_takes_the_place_of_its_first) {
  LostSpans lost;
  lost.add(PartitionSlot{1}, Position{50});
  lost.add(PartitionSlot{1}, Position{90});
  ASSERT_NE(lost.front(), nullptr);
  EXPECT_EQ(lost.take()->next, Position{90});
  EXPECT_EQ(lost.front(), nullptr);
}

}  // namespace
}  // namespace penstock::source
