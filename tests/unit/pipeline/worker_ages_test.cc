// What a worker tells in its numbers: the lag in seconds, how old records are when they land, what calls
// take, and what keeps it from landing.
#include <chrono>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "unit/pipeline/worker_fixture.h"

namespace penstock::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WorkerAgesTest : public WorkerTest {
 protected:
  std::int64_t now_ms() const {
    return std::chrono::duration_cast<milliseconds>(clock_.wall_now().time_since_epoch()).count();
  }
  // As the board has it; -1 where there is no row.
  std::int64_t lag_ms() const {
    const std::vector<obs::PartitionRow> rows = metrics_.partitions.rows();
    return rows.empty() ? -1 : rows.front().lag_ms;
  }
  // One partition with records of this time, all of which land.
  void land_records_of(std::int64_t time_ms) {
    cluster_.record_time_ms = time_ms;
    produce(at("t", 0), 10);
    assign_all();
    then_stop([this](FakeSource&) { return all_committed(); });
    ASSERT_TRUE(run().ok());
  }
  std::uint64_t without_age(obs::NoAge reason) const { return metrics_.without_age[reason].value(); }
};

TEST_F(WorkerAgesTest, the_lag_grows_while_the_store_is_away_and_ends_with_it) {
  turn_ = milliseconds(500);
  produce(at("t", 0), 10);
  cluster_.record_time_ms = now_ms() - 7000;
  first([this](FakeSource& source) {
    store_->script.outage = error_of(ErrorKind::unavailable);
    source.assign({at("t", 0)});
  });
  then([this](FakeSource& source) { return source.at_end() && lag_ms() > 60'000; },
       [this](FakeSource&) {
         EXPECT_LE(lag_ms(), now_ms() - cluster_.record_time_ms);
         EXPECT_GT(metrics_.uploads_fail.value(), 0);
         EXPECT_GT(metrics_.store_errors.totals().at("unavailable"), 0U);
         store_->script.outage.reset();
       });
  then_stop([this](FakeSource&) { return lag_ms() == 0 && all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  EXPECT_EQ(metrics_.uploads_fail.value(), 0);
  EXPECT_EQ(metrics_.produced_to_durable.count(), 1U);
  EXPECT_GT(metrics_.produced_to_durable.sum_seconds(), 60.0);
  EXPECT_EQ(metrics_.publish_latency.count(), 1U);
  EXPECT_GT(metrics_.publish_latency.sum_seconds(), 0.5) << "the repeats are in it";
}

TEST_F(WorkerAgesTest, records_of_1970_are_counted_apart) {
  land_records_of(0);
  EXPECT_EQ(metrics_.produced_to_durable.count(), 0U);
  EXPECT_EQ(without_age(obs::NoAge::undated), 1U);
  EXPECT_EQ(metrics_.undated_records.value(), 10U);
}

TEST_F(WorkerAgesTest, records_of_the_future_are_counted_apart) {
  land_records_of(now_ms() + 86'400'000);
  EXPECT_EQ(metrics_.produced_to_durable.count(), 0U);
  EXPECT_EQ(without_age(obs::NoAge::future), 1U);
  EXPECT_EQ(metrics_.undated_records.value(), 0U);
}

TEST_F(WorkerAgesTest, each_commit_is_timed_by_its_purpose) {
  options_.protocol.guarantee = ledger::Guarantee::exactly_once;
  options_.protocol.sink = "0badcafe";
  options_.protocol.fence_wait = milliseconds(500);
  cluster_.tells_entries = true;
  land_records_of(now_ms() - 1000);
  using obs::CommitPurpose;
  EXPECT_EQ(metrics_.commit_latency[CommitPurpose::claim].count(), 1U);
  EXPECT_GE(metrics_.commit_latency[CommitPurpose::finish].count(), 1U);
  EXPECT_EQ(without_age(obs::NoAge::undated) + without_age(obs::NoAge::future), 0U);
}

TEST_F(WorkerAgesTest, what_stops_and_what_waits_is_counted) {
  for (int partition = 0; partition < 3; ++partition) {
    produce(at("t", partition), 5);
  }
  assign_all();
  then([this](FakeSource&) { return worker_->not_ready().empty(); },
       [](FakeSource& source) {
         source.fail_partition(0, error_of(ErrorKind::corrupt));
         source.wait_for_partition(1, error_of(ErrorKind::unavailable));
         source.wait_for_partition(2, error_of(ErrorKind::unavailable));
         source.told.errors = 7;
       });
  then_stop([this](FakeSource&) {
    return metrics_.stopped_partitions.value() == 1 && metrics_.waiting_partitions.value() == 2;
  });
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(metrics_.source_errors.value(), 7U);
}

TEST_F(WorkerAgesTest, a_membership_that_is_lost_is_counted_with_what_is_dropped) {
  max_age_ = seconds(3600);
  produce(at("t", 0), 5);
  assign_all();
  then([](FakeSource& source) { return source.at_end(); },
       [](FakeSource& source) { source.revoke(source::RevokeReason::lost); });
  then([](FakeSource& source) { return !source.held(); },
       [](FakeSource& source) { source.assign({at("t", 0)}); });
  then_stop([](FakeSource& source) { return source.at_end(); });
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(metrics_.memberships_lost.value(), 1U);
  EXPECT_EQ(metrics_.dropped_batches.value(), 1U);
  expect_all_landed();
}

}  // namespace
}  // namespace penstock::pipeline
