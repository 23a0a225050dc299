#include "appliance/requeue.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::appliance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const TopicPartition k_orders{"orders", Partition{0}};

Range range(std::int64_t first, std::int64_t next) {
  return {Position{first}, Position{next}};
}

// Offsets 5, 9, 40 and 60 are in quarantine.
class RequeueTest : public ::testing::Test {
 protected:
  RequeueTest() {
    for (const std::int64_t offset : {60, 5, 40, 9}) {
      quarantined.add(range(offset, offset + 1));
    }
    plan.settings.source.on_data_loss = source::OnDataLoss::stop;
  }

  Result<RequeuedPartition> found(std::int64_t settled, std::optional<std::int64_t> landed,
                                  std::int64_t log_start = 0) {
    notes.clear();
    RequeueFacts facts{.log = {Position{log_start}, Position{100}}, .settled = Position{settled}};
    if (landed) {
      facts.landed = Position{*landed};
    }
    return requeue_partition(plan, k_orders, quarantined, facts, notes);
  }

  verify::IntervalSet quarantined;
  ReplayPlan plan;
  std::vector<std::string> notes;
};

TEST_F(RequeueTest, only_what_lies_below_the_position_of_the_service_is_wanted) {
  const auto first = found(30, std::nullopt);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->range, range(5, 10));
  EXPECT_THAT(first->wanted, ElementsAre(range(5, 6), range(9, 10)));
  EXPECT_EQ(first->waiting, 2u);
  EXPECT_THAT(notes, IsEmpty());
  EXPECT_EQ(found(40, std::nullopt)->waiting, 2u);
  EXPECT_EQ(found(41, std::nullopt)->range, range(5, 41));
}

TEST_F(RequeueTest, what_is_below_the_position_of_the_replay_is_done) {
  const auto later = found(90, 10);
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(later->range, range(5, 61));
  EXPECT_THAT(later->wanted, ElementsAre(range(40, 41), range(60, 61)));
  EXPECT_EQ(later->waiting, 0u);
  const auto done = found(90, 61);
  EXPECT_EQ(done->range, range(5, 61));
  EXPECT_THAT(done->wanted, IsEmpty());
}

TEST_F(RequeueTest, a_service_that_has_committed_nothing_has_nothing_to_give) {
  const auto none = found(0, std::nullopt);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->range, range(0, 0));
  EXPECT_THAT(none->wanted, IsEmpty());
  EXPECT_EQ(none->waiting, 4u);
}

TEST_F(RequeueTest, what_has_left_the_log_is_an_error_or_a_note) {
  const auto refused = found(90, 10, 50);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message,
              HasSubstr("topic orders, partition 0: 1 records in quarantine, of offsets "
                        "40 to 40, have left the log (retention)"));
  plan.settings.source.on_data_loss = source::OnDataLoss::go_on;
  const auto rest = found(90, 10, 50);
  ASSERT_TRUE(rest.ok());
  EXPECT_THAT(rest->wanted, ElementsAre(range(60, 61)));
  EXPECT_EQ(rest->range, range(5, 61));
  EXPECT_THAT(notes, ElementsAre(HasSubstr("the quarantine files still have them")));
}

TEST_F(RequeueTest, what_was_landed_before_it_left_the_log_is_no_loss) {
  const auto done = found(90, 61, 95);
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->range, range(5, 61));
}

TEST(RequeueRanges, are_found_anew_and_keep_what_is_landed) {
  const auto joined = [](Range written, std::optional<Range> found, std::optional<std::int64_t> landed) {
    std::map<TopicPartition, GroupEntry> entries;
    if (landed) {
      entries.emplace(k_orders, GroupEntry{.position = Position{*landed}, .metadata = ""});
    }
    return joined_ranges({{k_orders, written}},
                         found ? std::map<TopicPartition, Range>{{k_orders, *found}}
                               : std::map<TopicPartition, Range>(),
                         entries)
        .at(k_orders);
  };
  EXPECT_EQ(joined(range(5, 10), range(5, 61), 10), range(5, 61));
  EXPECT_EQ(joined(range(5, 10), range(9, 61), 10), range(5, 61)) << "the file of 5 is gone";
  EXPECT_EQ(joined(range(5, 61), range(5, 10), 10), range(5, 10)) << "those of 40 and 60 are";
  EXPECT_EQ(joined(range(5, 61), std::nullopt, 20), range(5, 20));
  EXPECT_EQ(joined(range(5, 10), range(9, 61), std::nullopt), range(9, 61)) << "nothing is landed";
  EXPECT_EQ(joined(range(5, 10), std::nullopt, std::nullopt), range(10, 10));
  EXPECT_EQ(joined_ranges({}, {{k_orders, range(5, 10)}}, {}).at(k_orders), range(5, 10));
}

}  // namespace
}  // namespace penstock::appliance
