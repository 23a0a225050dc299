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
  const StartFacts named{.committed = {}, .log = k_log, .at_time = {}, .given = Position{170}};
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
      {named, StartAt::given, OnDataLoss::stop, {Position{170}, false, false}},
      {nothing, StartAt::given, OnDataLoss::stop, {Position{100}, false, false}},
      {committed(180), StartAt::given, OnDataLoss::stop, {Position{180}, true, false}},
      {committed(150), StartAt::latest, OnDataLoss::stop, {Position{150}, true, false}},
      {committed(100), StartAt::latest, OnDataLoss::stop, {Position{100}, true, false}},
      {committed(200), StartAt::earliest, OnDataLoss::stop, {Position{200}, true, false}},
      {committed(99), StartAt::earliest, OnDataLoss::stop, {Position{99}, true, true}},
      {committed(99), StartAt::earliest, OnDataLoss::go_on, {Position{100}, true, true}},
      {committed(201), StartAt::earliest, OnDataLoss::stop, {Position{201}, true, true}},
      {committed(201), StartAt::earliest, OnDataLoss::go_on, {Position{100}, true, true}},
  };
  int i = 0;
  for (const auto& row : rows) {
    EXPECT_EQ(decide_start(row.facts, row.start, row.on_data_loss), row.expected) << "row " << i++;
  }
}

TEST(StartPosition, latest_is_for_a_new_group) {
  const struct {
    const char* what;
    StartAt option;
    NewcomerFacts facts;
    StartAt expected;
  } rows[] = {
      {"a new group", StartAt::latest, {}, StartAt::latest},
      {"a partition that was added", StartAt::latest, {.group_has_its_topic = true}, StartAt::earliest},
      {"another topic, by its name", StartAt::latest, {.group_has_any_topic = true}, StartAt::latest},
      {"another topic, found by an expression",
       StartAt::latest,
       {.group_has_any_topic = true, .topics_by_pattern = true},
       StartAt::earliest},
      {"an expression of a new group", StartAt::latest, {.topics_by_pattern = true}, StartAt::latest},
      {"it appeared while this process was reading, and nothing is committed yet",
       StartAt::latest,
       {.appeared_later = true},
       StartAt::earliest},
      {"a time is as right for it", StartAt::timestamp, {.group_has_its_topic = true}, StartAt::timestamp},
      {"so is the beginning", StartAt::earliest, {.group_has_its_topic = true}, StartAt::earliest},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(start_without_entry(row.option, row.facts), row.expected) << row.what;
  }
  const StartFacts added{
      .committed = {}, .log = k_log, .at_time = {}, .newcomer = {.group_has_its_topic = true}};
  EXPECT_EQ(decide_start(added, StartAt::latest, OnDataLoss::stop).start, Position{100});
  EXPECT_THAT(newcomers_begin_at_start({"orders", Partition{3}}, 2).message,
              HasSubstr("topic orders, partition 3 and 1 others are new to a group"));
}

TEST(StartPosition, a_loss_has_a_kind_and_a_place_to_go_on_at) {
  EXPECT_EQ(loss_of(Position{100}, k_log), std::nullopt);
  EXPECT_EQ(loss_of(Position{200}, k_log), std::nullopt) << "a new leader has it again";
  EXPECT_EQ(loss_of(Position{99}, k_log), LossKind::deleted);
  EXPECT_EQ(loss_of(Position{201}, k_log), LossKind::end_lost);
  const auto place = [](LossKind kind, std::int64_t cut_at) {
    return resumed_at({.kind = kind, .wanted = Position{150}, .log = k_log, .cut_at = Position{cut_at}})
        .value;
  };
  EXPECT_EQ(place(LossKind::deleted, 0), 100);
  EXPECT_EQ(place(LossKind::end_lost, 0), 100) << "who knows whether the topic was made anew";
  EXPECT_EQ(place(LossKind::made_anew, 0), 100);
  EXPECT_EQ(place(LossKind::cut, 120), 120) << "what lies before was read";
  EXPECT_EQ(place(LossKind::cut, 80), 100);
}

TEST(StartPosition, a_stop_names_the_partition_what_happened_and_the_way_out) {
  const TopicPartition id{"orders", Partition{3}};
  const struct {
    LossKind kind;
    const char* what;
  } rows[] = {
      {LossKind::deleted, "position 42 is not in the log, which has 100 to 200: records were deleted"},
      {LossKind::end_lost,
       "position 42 is not in the log, which has 100 to 200: the topic was made anew, or"},
      {LossKind::cut, "position 42 is not in this history of the log, which was cut at 120"},
      {LossKind::made_anew, "position 42 belongs to a former topic of this name"},
  };
  for (const auto& row : rows) {
    const Loss loss{.kind = row.kind, .wanted = Position{42}, .log = k_log, .cut_at = Position{120}};
    const Error stop = data_loss_stop(id, loss);
    EXPECT_EQ(stop.action, Action::fatal);
    EXPECT_THAT(stop.message, HasSubstr("topic orders, partition 3: "));
    EXPECT_THAT(stop.message, HasSubstr(row.what));
    EXPECT_THAT(stop.message, HasSubstr("Set source.on_data_loss: continue to go on at 1"));
    const Error warning = data_loss_warning(id, loss);
    EXPECT_EQ(warning.action, Action::retry);
    EXPECT_THAT(warning.message, HasSubstr(row.what));
    EXPECT_THAT(warning.message, HasSubstr("going on at 1"));
    EXPECT_THAT(warning.message, ::testing::Not(HasSubstr("Set "))) << "advice that is followed already";
  }
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
