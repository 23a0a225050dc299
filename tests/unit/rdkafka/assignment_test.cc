#include "rdkafka/assignment.h"

#include <gtest/gtest.h>

namespace penstock::rdkafka {
namespace {

TEST(Assignment, finds_slots_of_this_assignment_only) {
  Assignment assignment;
  const std::vector<source::Assigned> first{{{"a", Partition{0}}, Position{1}},
                                            {{"b", Partition{0}}, Position{2}}};
  assignment.start(first);
  EXPECT_EQ(assignment.find("b", Partition{0}), PartitionSlot{1});
  EXPECT_EQ(assignment.find("b", Partition{1}), std::nullopt);
  const std::vector<source::Assigned> second{{{"b", Partition{1}}, Position{7}}};
  assignment.start(second);
  EXPECT_EQ(assignment.find("b", Partition{0}), std::nullopt);
  EXPECT_EQ(assignment[*assignment.find("b", Partition{1})].position, Position{7});
}

}  // namespace
}  // namespace penstock::rdkafka
