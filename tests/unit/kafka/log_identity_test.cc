#include "kafka/log_identity.h"

#include <string>

#include <gtest/gtest.h>

#include "kafka/epoch_history.h"

namespace penstock::kafka {
namespace {

TEST(LogIdentity, signs_are_weighed_together_where_no_record_proves) {
  const source::LogBounds now{Position{0}, Position{150}};
  const struct {
    const char* what;
    LogEvidence evidence;
    Verdict expected;
  } rows[] = {
      {"nothing was seen of it before", {.now = now}, Verdict::same},
      {"it grew", {.start_seen = Position{0}, .end_seen = Position{100}, .now = now}, Verdict::same},
      {"it ends earlier, told for seconds", {.end_seen = Position{151}, .now = now}, Verdict::anew},
      {"a leader's epoch went back", {.epoch_went_back = true, .now = now}, Verdict::anew},
      {"it begins earlier: a follower that lags", {.start_seen = Position{10}, .now = now}, Verdict::same},
      {"it was unknown, and begins earlier",
       {.was_unknown = true, .start_seen = Position{10}, .now = now},
       Verdict::anew},
      {"it was unknown, and nothing else speaks against it",
       {.was_unknown = true, .start_seen = Position{0}, .end_seen = Position{100}, .now = now},
       Verdict::unproven},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(row.expected, judge(row.evidence)) << row.what;
  }
}

TEST(LogIdentity, a_record_is_known_again_by_offset_time_key_and_value) {
  const std::string key = "key";
  const std::string value(10'000, 'v');
  const RecordView record{
      .offset = Offset{7}, .timestamp_ms = 1, .key = as_bytes(key), .value = as_bytes(value), .headers = {}};
  const RecordMark mark = RecordMark::of(record);
  EXPECT_EQ(mark, RecordMark::of(record));
  RecordView other = record;
  other.offset = Offset{8};
  EXPECT_NE(mark, RecordMark::of(other));
  other = record;
  other.timestamp_ms = 2;
  EXPECT_NE(mark, RecordMark::of(other));
  other = record;
  other.key = as_bytes(std::string_view("kez"));
  EXPECT_NE(mark, RecordMark::of(other));
  other = record;
  other.value = other.value.first(9'999);
  EXPECT_NE(mark, RecordMark::of(other));
}

TEST(EpochHistory, tells_the_epoch_of_the_record_before_a_position) {
  EpochHistory history;
  EXPECT_EQ(history.before(Position{5}), -1);
  history.begin(3);
  EXPECT_EQ(history.before(Position{100}), 3) << "of the entry";
  history.read(Position{100}, 4);
  history.read(Position{150}, 4);
  history.read(Position{200}, 6);
  EXPECT_EQ(history.before(Position{100}), 3);
  EXPECT_EQ(history.before(Position{101}), 4);
  EXPECT_EQ(history.before(Position{200}), 4);
  EXPECT_EQ(history.before(Position{201}), 6);
  history.read(Position{120}, 5);  // read again
  EXPECT_EQ(history.before(Position{120}), 4);
  EXPECT_EQ(history.before(Position{300}), 5);
}

TEST(EpochHistory, what_is_not_read_has_no_known_epoch) {
  EpochHistory history;
  history.begin(3);
  history.skip(Position{100});
  EXPECT_EQ(history.before(Position{100}), 3);
  EXPECT_EQ(history.before(Position{101}), -1);
  EXPECT_EQ(history.before(Position{200}), -1);
  EXPECT_EQ(history.last_known(Position{200}).end, Position{100});
  EXPECT_EQ(history.last_known(Position{200}).epoch, 3);
  history.read(Position{200}, 5);
  EXPECT_EQ(history.before(Position{200}), -1);
  EXPECT_EQ(history.before(Position{201}), 5);
  EXPECT_EQ(history.last_known(Position{250}).end, Position{250});
  EXPECT_EQ(history.last_known(Position{250}).epoch, 5);
  EXPECT_EQ(history.last_known(Position{90}).end, Position{90});
}

TEST(EpochHistory, what_is_too_old_is_not_known) {
  EpochHistory history;
  history.begin(0);
  for (std::int32_t i = 1; i <= 17; ++i) {
    history.read(Position{i * 10}, i);
  }
  EXPECT_EQ(history.before(Position{15}), -1);
  EXPECT_EQ(history.before(Position{25}), 2);
  EXPECT_EQ(history.before(Position{175}), 17);
}

}  // namespace
}  // namespace penstock::kafka
