#include "appliance/offsets.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appliance/fault_at.h"
#include "appliance/wiring.h"
#include "unit/appliance/settings_text.h"

namespace penstock::appliance {
namespace {

using ::testing::HasSubstr;

OffsetRow row(std::int32_t partition, std::optional<GroupEntry> entry, const std::string& blob = {}) {
  return {.id = {"orders", Partition{partition}},
          .log = {Position{100}, Position{200}},
          .entry = std::move(entry),
          .claimed_blob = blob};
}

GroupEntry entry_at(std::int64_t position) {
  return {.position = Position{position}, .metadata = {}};
}

const std::vector<OffsetRow>& rows() {
  static const std::vector<OffsetRow> all{row(0, entry_at(150)), row(1, entry_at(120)),
                                          row(2, entry_at(150), "orders/x"), row(3, std::nullopt)};
  return all;
}

Result<OffsetsPlan> plan(const OffsetsRequest& request, const std::vector<Position>& at_time = {}) {
  return plan_offsets(settings_of(yaml("")).details(), request, *read_log_place("--to", request.to), rows(),
                      at_time);
}

std::vector<std::pair<int, std::int64_t>> moves_of(const Result<OffsetsPlan>& planned) {
  EXPECT_TRUE(planned.ok()) << (planned.ok() ? "" : planned.error().message);
  std::vector<std::pair<int, std::int64_t>> moves;
  for (const OffsetsMove& move : planned->moves) {
    moves.emplace_back(move.row.id.partition.value, move.to.value);
  }
  return moves;
}

using Moves = std::vector<std::pair<int, std::int64_t>>;

TEST(Offsets, what_is_there_already_is_left_alone_unless_a_claim_is_pending) {
  EXPECT_EQ(moves_of(plan({.topic = "orders", .to = "150", .partitions = {}})),
            (Moves{{1, 150}, {2, 150}, {3, 150}}));
  EXPECT_EQ(moves_of(plan({.topic = "orders", .to = "latest", .partitions = {1}})), (Moves{{1, 200}}));
  EXPECT_EQ(moves_of(plan({.topic = "orders", .to = "2026-01-31T00:00:00Z", .partitions = {0, 3}},
                          {Position{110}, Position{111}, Position{112}, Position{113}})),
            (Moves{{0, 110}, {3, 113}}));
}

TEST(Offsets, an_offset_that_a_log_does_not_have_is_refused_with_what_it_has) {
  for (const char* to : {"99", "201"}) {
    const auto planned = plan({.topic = "orders", .to = to, .partitions = {}});
    ASSERT_FALSE(planned.ok());
    EXPECT_THAT(planned.error().message, HasSubstr("has offsets from 100 on, and ends at 200"));
    EXPECT_EQ(planned.error().code, k_configuration_fault);
  }
  EXPECT_THAT(plan({.topic = "orders", .to = "150", .partitions = {4}}).error().message,
              HasSubstr("has 4 partitions"));
}

TEST(Offsets, the_run_is_a_member_of_the_same_group_with_a_stage_of_its_own) {
  const auto planned = plan({.topic = "orders", .to = "earliest", .partitions = {1}});
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->settings.source.group, "penstock-test");
  EXPECT_EQ(planned->settings.source.instance, "none");
  EXPECT_EQ(planned->settings.name, "test-offsets");
  EXPECT_EQ(admin_address(planned->settings), "none");
  ASSERT_TRUE(planned->settings.source.moves.has_value());
  EXPECT_EQ(planned->settings.source.moves->size(), 1u);
}

TEST(Offsets, lag_is_what_the_log_has_behind_the_position) {
  EXPECT_EQ(row(0, entry_at(150)).lag(), 50u);
  EXPECT_EQ(row(0, std::nullopt).lag(), 100u);
  EXPECT_EQ(row(0, entry_at(20)).lag(), 100u);
  EXPECT_EQ(row(0, entry_at(900)).lag(), 0u);
}

}  // namespace
}  // namespace penstock::appliance
