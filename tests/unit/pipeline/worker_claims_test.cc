// The worker with claims, as it runs by default, and each answer that a broker may give to one partition of a
// commit. Every schedule of these is tried in tests/sim; here each has its plain case.
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "ledger/claim_text.h"
#include "unit/pipeline/worker_fixture.h"

namespace penstock::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WorkerClaimsTest : public WorkerTest {
 protected:
  WorkerClaimsTest() {
    options_.protocol.guarantee = ledger::Guarantee::exactly_once;
    options_.protocol.sink = "0badcafe";
    options_.protocol.fence_wait = milliseconds(500);
    cluster_.tells_entries = true;
    max_age_ = milliseconds(200);
    produce(good_, 30);
    produce(other_, 30);
  }

  bool is_finished(const TopicPartition& id) {
    return cluster_.committed_of(id) == cluster_.logs[id].end &&
           ledger::holds_no_claim(cluster_.metadata[id]);
  }
  bool all_finished() { return is_finished(good_) && is_finished(other_); }

  // Of one partition: each of its records is in the lake so often.
  void expect_landed_times(const TopicPartition& id, int times) {
    for (const FakeCluster::Record& record : cluster_.logs[id].records) {
      EXPECT_EQ(landed_[id][record.offset.value], times) << id.partition.value << " " << record.offset.value;
    }
  }

  const TopicPartition good_ = at("t", 0);
  const TopicPartition other_ = at("t", 1);
};

TEST_F(WorkerClaimsTest, every_batch_is_claimed_before_its_blob_and_finished_behind_it) {
  assign_all();
  then_stop([this](FakeSource&) { return all_finished(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  EXPECT_EQ(blobs_, 1);
  EXPECT_EQ(metrics_.commit_failures.value(), 0U);
}

TEST_F(WorkerClaimsTest, nothing_is_published_before_the_fence) {
  options_.protocol.fence_wait = seconds(10);
  assign_all();
  MonoTime assigned{};
  first([&](FakeSource&) { assigned = clock_.now(); });
  then_stop([this](FakeSource&) { return blobs_ > 0; });
  ASSERT_TRUE(run().ok());
  EXPECT_GE(clock_.now() - assigned, seconds(10));
}

TEST_F(WorkerClaimsTest, a_partition_whose_claim_is_rejected_stops_and_the_other_one_lands) {
  first([this](FakeSource& source) { source.outcomes[other_] = {CommitOutcome::rejected}; });
  assign_all();
  then([this](FakeSource&) { return is_finished(good_); },
       [this](FakeSource&) {
         EXPECT_NE(worker_->not_ready().find("not this partition"), std::string::npos)
             << worker_->not_ready();
         worker_->stop();
       });
  static_cast<void>(run());
  expect_landed_times(good_, 1);
  expect_landed_times(other_, 0);
  EXPECT_EQ(cluster_.committed_of(other_), Position{0});
}

TEST_F(WorkerClaimsTest, a_claim_that_one_partition_refuses_for_the_moment_is_dropped_and_read_again) {
  first([this](FakeSource& source) { source.outcomes[other_] = {CommitOutcome::refused}; });
  assign_all();
  then_stop([this](FakeSource&) { return all_finished(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  EXPECT_GT(metrics_.records_received.value(), 60U);
}

TEST_F(WorkerClaimsTest, a_claim_that_was_not_looked_at_is_made_again_and_nothing_is_read_twice) {
  first([this](FakeSource& source) {
    source.outcomes[good_] = {CommitOutcome::not_done, CommitOutcome::not_done};
    source.outcomes[other_] = {CommitOutcome::not_done, CommitOutcome::not_done};
  });
  assign_all();
  then_stop([this](FakeSource&) { return all_finished(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  EXPECT_EQ(metrics_.records_received.value(), 60U);
}

TEST_F(WorkerClaimsTest, a_claim_of_unknown_outcome_lands_once_whether_it_was_taken_or_not) {
  for (const bool was_taken : {true, false}) {
    SCOPED_TRACE(was_taken);
    landed_.clear();
    cluster_.committed.clear();
    cluster_.metadata.clear();
    first([&](FakeSource& source) {
      source.commit_errors.push_back(error_of(ErrorKind::timed_out));
      source.unknown_takes_effect = was_taken;
    });
    assign_all();
    then_stop([this](FakeSource&) { return all_finished(); });
    ASSERT_TRUE(run().ok());
    expect_all_landed();
  }
}

TEST_F(WorkerClaimsTest, a_finish_that_is_rejected_is_left_to_the_next_owner) {
  first([this](FakeSource& source) {
    source.outcomes[other_] = {CommitOutcome::done, CommitOutcome::rejected};
  });
  assign_all();
  then([this](FakeSource&) { return is_finished(good_); }, [this](FakeSource&) { worker_->stop(); });
  EXPECT_FALSE(run().ok()) << "it says what it leaves";
  expect_all_landed();
  EXPECT_FALSE(ledger::holds_no_claim(cluster_.metadata[other_]))
      << "whoever comes next finds the claim and its blob";
  EXPECT_EQ(cluster_.committed_of(other_), Position{0});
}

TEST_F(WorkerClaimsTest, membership_that_is_lost_with_the_claim_publishes_nothing_of_it) {
  first([](FakeSource& source) { source.next_commit_loses_membership = true; });
  assign_all();
  then([](FakeSource& source) { return source.commits == 1; },
       [](FakeSource& source) { source.revoke(source::RevokeReason::lost); });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource& source) {
         EXPECT_EQ(source.commits, 1U) << "a commit after membership was lost";
         EXPECT_EQ(blobs_, 0);
         source.assign({good_, other_});
       });
  then_stop([this](FakeSource&) { return all_finished(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
}

TEST_F(WorkerClaimsTest, a_strangers_blob_ends_it_and_its_claim_stays_unfinished) {
  first([this](FakeSource&) {
    store_->script.stranger = true;
    store_->fail_next(Call::put_blob, ErrorKind::already_exists);
  });
  assign_all();
  const Result<void> outcome = run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::already_exists) << outcome.error().message;
  EXPECT_EQ(blobs_, 0);
  EXPECT_EQ(cluster_.committed_of(good_), Position{0}) << "a finish of what was not published";
}

}  // namespace
}  // namespace penstock::pipeline
