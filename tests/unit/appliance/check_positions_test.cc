#include "appliance/check_positions.h"

#include <gtest/gtest.h>

#include "base/concat.h"
#include "ledger/claim_text.h"

namespace penstock::appliance {
namespace {

rdkafka::ProbeReport cluster(std::int64_t position, std::int64_t log_start, std::int64_t log_end,
                             const std::string& metadata = "", std::int32_t partitions = 1) {
  rdkafka::ProbeReport report;
  for (std::int32_t i = 0; i < partitions; ++i) {
    const TopicPartition id{"orders", Partition{i}};
    report.committed[id] = GroupEntry{Position{position}, metadata};
    report.logs[id] = {.start = Position{log_start}, .end = Position{log_end}};
  }
  return report;
}

TEST(CheckPositions, those_that_the_log_has_are_not_spoken_of) {
  EXPECT_TRUE(check_positions(cluster(0, 0, 0), source::OnDataLoss::stop).empty());
  EXPECT_TRUE(check_positions(cluster(5, 5, 9), source::OnDataLoss::stop).empty());
  EXPECT_TRUE(check_positions(cluster(9, 5, 9), source::OnDataLoss::stop).empty());
}

TEST(CheckPositions, a_position_outside_of_the_log_is_a_fault_with_both_offsets) {
  const auto below = check_positions(cluster(100, 150, 200), source::OnDataLoss::stop);
  ASSERT_EQ(below.size(), 1U);
  EXPECT_EQ(below[0].severity, CheckSeverity::fault);
  EXPECT_EQ(below[0].text.rfind(
                "topic orders, partition 0: the group's position 100 is below the log's start 150", 0),
            0U)
      << below[0].text;
  EXPECT_NE(below[0].text.find("will not start"), std::string::npos);

  const auto above = check_positions(cluster(100, 0, 30), source::OnDataLoss::stop);
  ASSERT_EQ(above.size(), 1U);
  EXPECT_NE(above[0].text.find("position 100 is above the log's end 30"), std::string::npos) << above[0].text;
}

TEST(CheckPositions, where_the_service_goes_on_it_is_a_warning) {
  const auto rows = check_positions(cluster(100, 150, 200), source::OnDataLoss::go_on);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].severity, CheckSeverity::warning);
  EXPECT_EQ(rows[0].text.find("will not start"), std::string::npos) << rows[0].text;
}

TEST(CheckPositions, a_claim_may_already_be_in_a_blob_up_to_its_end) {
  const auto claim = [](std::int64_t next) {
    return ledger::format_claim({.next = Position{next}, .sink = "0123abcd", .blob = "x.txt"});
  };
  EXPECT_TRUE(check_positions(cluster(100, 150, 200, claim(150)), source::OnDataLoss::stop).empty());
  EXPECT_EQ(check_positions(cluster(100, 150, 200, claim(149)), source::OnDataLoss::stop).size(), 1U);
}

TEST(CheckPositions, of_many_ten_are_named) {
  const auto rows = check_positions(cluster(100, 150, 200, "", 40), source::OnDataLoss::stop);
  ASSERT_EQ(rows.size(), 11U);
  EXPECT_EQ(rows[10].text, "the same of 30 more partitions");
}

}  // namespace
}  // namespace penstock::appliance
