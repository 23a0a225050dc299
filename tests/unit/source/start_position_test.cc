#include "source/start_position.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/error_gate.h"

namespace penstock::source {
namespace {

using ::testing::HasSubstr;

constexpr LogBounds k_log{Position{100}, Position{200}};

TEST(StartPosition, follows_the_group_then_the_option_and_never_resets_in_silence) {
  const auto committed = [](std::int64_t position) {
    return StartFacts{.committed = Position{position}, .log = k_log, .at_time = {}};
  };
  const StartFacts nothing{.committed = {}, .log = k_log, .at_time = {}};
  const StartFacts timed{.committed = {}, .log = k_log, .at_time = Position{150}};
  const struct {
    StartFacts facts;
    StartAt start;
    OnDataLoss on_data_loss;
    StartDecision expected;
  } rows[] = {
      {nothing, StartAt::earliest, OnDataLoss::stop, {Position{100}, false, false}},
      {nothing, StartAt::latest, OnDataLoss::stop, {Position{200}, false, false}},
      {timed, StartAt::timestamp, OnDataLoss::stop, {Position{150}, false, false}},
      {nothing, StartAt::timestamp, OnDataLoss::stop, {Position{200}, false, false}},
      {committed(150), StartAt::latest, OnDataLoss::stop, {Position{150}, true, false}},
      {committed(100), StartAt::latest, OnDataLoss::stop, {Position{100}, true, false}},
      {committed(200), StartAt::earliest, OnDataLoss::stop, {Position{200}, true, false}},
      {committed(99), StartAt::earliest, OnDataLoss::stop, {Position{99}, true, true}},
      {committed(99), StartAt::earliest, OnDataLoss::go_on, {Position{100}, true, true}},
      {committed(201), StartAt::earliest, OnDataLoss::stop, {Position{201}, true, true}},
      {committed(201), StartAt::earliest, OnDataLoss::go_on, {Position{200}, true, true}},
  };
  int i = 0;
  for (const auto& row : rows) {
    EXPECT_EQ(decide_start(row.facts, row.start, row.on_data_loss), row.expected) << "row " << i++;
  }
}

TEST(StartPosition, a_stop_names_the_partition_both_ends_and_the_way_out) {
  const Error error = data_loss_stop({"orders", Partition{3}}, Position{42}, k_log);
  for (const char* part : {"orders", "partition 3", "42", "100", "200", "on_data_loss: continue"}) {
    EXPECT_THAT(error.message, HasSubstr(part));
  }
  const Error warning = data_loss_warning({"orders", Partition{3}}, Position{42}, k_log, Position{100});
  EXPECT_EQ(warning.action, Action::retry);
  EXPECT_THAT(warning.message, HasSubstr("going on at 100"));
}

TEST(StartPosition, while_reading_a_lost_position_stops_or_goes_on_at_the_start_and_never_back) {
  const TopicPartition id{"orders", Partition{3}};
  const Recovery fine = recover_position(id, Position{150}, k_log, OnDataLoss::stop);
  EXPECT_FALSE(fine.stop || fine.warning) << "a new leader has it again";
  EXPECT_EQ(fine.next, Position{150});
  EXPECT_TRUE(recover_position(id, Position{42}, k_log, OnDataLoss::stop).stop.has_value());
  const Recovery deleted = recover_position(id, Position{42}, k_log, OnDataLoss::go_on);
  EXPECT_FALSE(deleted.stop.has_value());
  ASSERT_TRUE(deleted.warning.has_value());
  EXPECT_EQ(deleted.next, Position{100});
  EXPECT_TRUE(recover_position(id, Position{201}, k_log, OnDataLoss::go_on).stop.has_value());
}

TEST(ErrorGate, lets_each_name_through_once_a_pause) {
  ErrorGate gate;
  const MonoTime start{};
  EXPECT_TRUE(gate.passes("_TRANSPORT", start));
  EXPECT_FALSE(gate.passes("_TRANSPORT", start + ErrorGate::k_pause / 2));
  EXPECT_TRUE(gate.passes("_RESOLVE", start + ErrorGate::k_pause / 2));
  EXPECT_TRUE(gate.passes("_TRANSPORT", start + ErrorGate::k_pause));
}

}  // namespace
}  // namespace penstock::source
