#include "pipeline/record_ages.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include <gtest/gtest.h>

#include "unit/pipeline/fake_clock.h"

namespace penstock::pipeline {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr PartitionSlot k_slot{0};
constexpr Position k_end_unknown{-1};

class RecordAgesTest : public testing::Test {
 protected:
  RecordAgesTest() { ages_.begin_epoch(2); }

  std::int64_t now_ms() const {
    return std::chrono::duration_cast<milliseconds>(clock_.wall_now().time_since_epoch()).count();
  }
  void read(std::uint64_t batch, std::int64_t offset, std::int64_t timestamp_ms) {
    RecordView record;
    record.offset = Offset{offset};
    record.timestamp_ms = timestamp_ms;
    ages_.read(k_slot, ledger::BatchKey{batch}, record);
  }
  std::optional<Duration> lag(std::int64_t durable, std::int64_t end) {
    return ages_.lag(k_slot, Position{durable}, Position{end});
  }

  std::optional<WallTime> landed_until(std::int64_t durable, std::int64_t end,
                                       std::optional<MonoTime> at = {}) {
    return ages_.landed_until(k_slot, Position{durable}, Position{end}, at);
  }

  FakeClock clock_;
  RecordAges ages_{clock_};
};

TEST_F(RecordAgesTest, the_lag_is_the_age_of_the_first_record_that_is_not_durable) {
  read(7, 100, now_ms() - 5000);
  read(7, 150, now_ms());
  EXPECT_EQ(lag(100, 200), seconds(5)) << "of a batch the first record counts";
  clock_.advance(seconds(60));
  read(8, 180, now_ms() - 1000);
  EXPECT_EQ(lag(100, 200), seconds(65)) << "it grows while the batch waits";
  EXPECT_EQ(lag(180, 200), seconds(1)) << "the first batch is durable";
  EXPECT_EQ(lag(200, 200), Duration::zero());
}

TEST_F(RecordAgesTest, a_hole_before_a_batch_changes_nothing) {
  read(7, 110, now_ms() - 5000);
  EXPECT_EQ(lag(100, 200), seconds(5));
}

TEST_F(RecordAgesTest, an_end_that_is_not_known_hides_no_record_that_was_read) {
  EXPECT_EQ(ages_.lag(k_slot, Position{100}, k_end_unknown), std::nullopt);
  read(7, 100, now_ms() - 5000);
  EXPECT_EQ(ages_.lag(k_slot, Position{100}, k_end_unknown), seconds(5));
}

TEST_F(RecordAgesTest, times_that_cannot_be_count_from_the_reading) {
  const std::int64_t times[] = {-1,
                                0,
                                1'700'000'000,  // seconds for milliseconds
                                std::numeric_limits<std::int64_t>::min(),
                                std::numeric_limits<std::int64_t>::max(),
                                now_ms() + 3'600'000};
  std::uint64_t batch = 0;
  std::int64_t offset = 0;
  for (const std::int64_t time : times) {
    read(++batch, ++offset, time);
    EXPECT_EQ(lag(offset, 1000), Duration::zero()) << time;
    clock_.advance(seconds(3));
    EXPECT_EQ(lag(offset, 1000), seconds(3)) << time;
  }
}

TEST_F(RecordAgesTest, what_was_never_read_counts_from_when_it_was_seen) {
  EXPECT_EQ(lag(100, 100), Duration::zero());
  clock_.advance(hours(24));  // an idle topic
  EXPECT_EQ(lag(100, 130), Duration::zero());
  clock_.advance(seconds(20));
  EXPECT_EQ(lag(100, 140), seconds(20));
  read(7, 100, now_ms() - 25'000);
  EXPECT_EQ(lag(100, 140), seconds(25)) << "now its own time is known";
  EXPECT_EQ(lag(140, 140), Duration::zero());
  clock_.advance(seconds(20));
  EXPECT_EQ(lag(140, 150), Duration::zero()) << "and the time before is forgotten";
}

TEST_F(RecordAgesTest, records_that_are_read_again_take_the_place_of_those_before) {
  read(7, 100, now_ms() - 5000);
  read(8, 180, now_ms() - 4000);
  EXPECT_EQ(lag(100, 200), seconds(5)) << "both are dropped, and nothing of them is durable";
  read(9, 100, now_ms() - 5000);
  EXPECT_EQ(lag(180, 200), Duration::zero()) << "batch 9 is durable, and of batch 8 nothing is left";
}

TEST_F(RecordAgesTest, a_clock_that_is_set_back_gives_no_negative_lag) {
  read(7, 100, now_ms());
  clock_.set_wall(clock_.wall_now() - hours(1));
  EXPECT_EQ(lag(100, 200), Duration::zero());
}

TEST_F(RecordAgesTest, landed_until_is_the_time_of_the_first_record_that_is_not_durable) {
  read(7, 100, now_ms() - 5000);
  read(8, 180, now_ms() - 1000);
  const WallTime now = clock_.wall_now();
  EXPECT_EQ(landed_until(100, 200), now - seconds(5));
  clock_.advance(seconds(60));
  EXPECT_EQ(landed_until(100, 200), now - seconds(5)) << "it stands still while the batch waits";
  EXPECT_EQ(landed_until(150, 200), now - seconds(1));
  EXPECT_EQ(landed_until(100, 200), now - seconds(5)) << "to ask changes nothing";
}

TEST_F(RecordAgesTest, with_everything_durable_it_is_the_moment_of_the_end) {
  const MonoTime asked = clock_.now();
  clock_.advance(seconds(3));
  EXPECT_EQ(landed_until(200, 200, asked), clock_.wall_now() - seconds(3));
  clock_.advance(hours(1));
  EXPECT_EQ(landed_until(200, 200, asked), clock_.wall_now() - hours(1) - seconds(3))
      << "brokers that do not answer move nothing";
  EXPECT_EQ(landed_until(200, 200), std::nullopt) << "the source does not tell";
}

TEST_F(RecordAgesTest, a_record_whose_time_cannot_be_one_vouches_for_nothing) {
  for (const std::int64_t time : {std::int64_t{-1}, std::int64_t{0}, now_ms() + 365L * 24 * 3'600'000}) {
    ages_.begin_epoch(1);
    read(7, 100, time);
    clock_.advance(seconds(60));
    EXPECT_EQ(landed_until(100, 200), std::nullopt) << time;
    EXPECT_EQ(lag(100, 200), seconds(60)) << "its age is that of the reading";
    const WallTime first = clock_.wall_now() - seconds(5);
    read(8, 150, now_ms() - 5000);
    EXPECT_EQ(landed_until(150, 200), first);
    read(9, 180, time);
    clock_.advance(seconds(60));
    EXPECT_EQ(lag(180, 200), seconds(60));
    EXPECT_EQ(landed_until(180, 200), first) << "it stands, and is still true";
    EXPECT_EQ(landed_until(200, 200, clock_.now()), clock_.wall_now()) << "all of it is there";
  }
}

TEST_F(RecordAgesTest, a_record_that_was_ahead_of_the_clock_for_a_moment_has_a_time_soon) {
  const WallTime its_time = clock_.wall_now() + seconds(2);
  read(7, 100, now_ms() + 2000);
  EXPECT_EQ(landed_until(100, 200), std::nullopt);
  clock_.advance(seconds(3));
  EXPECT_EQ(landed_until(100, 200), its_time);
}

TEST_F(RecordAgesTest, of_records_that_wait_unread_the_time_is_not_known) {
  EXPECT_EQ(landed_until(100, 200, clock_.now()), std::nullopt);
  EXPECT_EQ(landed_until(100, -1, clock_.now()), std::nullopt);
}

TEST_F(RecordAgesTest, an_epoch_knows_nothing_of_the_one_before) {
  read(7, 100, now_ms() - 5000);
  ages_.begin_epoch(1);
  EXPECT_EQ(ages_.lag(k_slot, Position{100}, k_end_unknown), std::nullopt);
  EXPECT_EQ(ages_.lag(PartitionSlot{1}, Position{0}, Position{5}), std::nullopt);
}

}  // namespace
}  // namespace penstock::pipeline
