#include "rdkafka/scratch_group.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "rdkafka/mock_cluster.h"

namespace penstock::rdkafka {
namespace {

TEST(ScratchGroup, its_name_begins_with_the_groups_and_is_not_too_long) {
  EXPECT_EQ(scratch_group("penstock-orders"), "penstock-orders.check");
  const std::string longest(256, 'g');
  EXPECT_EQ(scratch_group(longest), std::string(250, 'g') + ".check");
}

TEST(ScratchGroup, a_static_member_is_known_by_its_member_id) {
  const GroupMember member{
      .member_id = "gateway-node-7-w0-6f2c1a00-1111-2222-3333-444455556666", .client_id = {}, .host = {}};
  EXPECT_TRUE(is_instance(member, "gateway-node-7-w0"));
  EXPECT_FALSE(is_instance(member, "gateway-node-8-w0"));
  EXPECT_FALSE(is_instance(member, "")) << "a dynamic member is nobody's instance";
}

// With the library's admin API the process ended here.
TEST(ScratchGroup, a_broker_that_does_not_tell_the_members_is_an_error) {
  const auto cluster = MockCluster::start(1);
  ASSERT_TRUE(cluster.ok());
  source::ConsumerOptions options;
  options.brokers = {(*cluster)->brokers()};
  options.group = "orders";
  options.topics = {"orders"};
  EXPECT_FALSE(group_members(options, std::chrono::seconds(2)).ok());
}

}  // namespace
}  // namespace penstock::rdkafka
