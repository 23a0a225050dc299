#include "pipeline/worker.h"

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "unit/pipeline/worker_fixture.h"

namespace penstock::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using Effect = FakeBlobStore::Effect;

TEST_F(WorkerTest, everything_lands_once_and_is_committed_while_it_runs) {
  for (int partition = 0; partition < 3; ++partition) {
    produce(at("small", partition), 200);
    produce(at("large", partition), 40, 60'000);
    cluster_.append(at("small", partition), "");
    cluster_.append_hole(at("small", partition), 5);
  }
  cluster_.append(at("tombstones", 0), "");
  assign_all();
  then_stop([this](FakeSource&) { return all_committed(); });
  const Result<void> outcome = run();
  EXPECT_TRUE(outcome.ok());
  EXPECT_TRUE(worker_->drained());
  expect_all_landed();
  expect_all_committed();
  EXPECT_EQ(metrics_.records_received.value(), 3 * 241U + 1);
  EXPECT_EQ(metrics_.records_skipped.value(), 4U);
  EXPECT_GT(metrics_.blocks_uploaded.value(), 0U);
}

TEST_F(WorkerTest, stop_publishes_and_commits_what_was_taken_and_takes_no_more) {
  max_age_ = seconds(3600);
  produce(at("t", 0), 50);
  assign_all();
  then_stop([](FakeSource& source) { return source.at_end(); });
  first([this](FakeSource&) { produce(at("t", 0), 10); });
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(cluster_.committed_of(at("t", 0)), Position{50});
  EXPECT_EQ(landed_[at("t", 0)].size(), 50U);
  EXPECT_EQ(blobs_, 1);
  EXPECT_EQ(metrics_.batches_sealed[obs::SealReason::drain].value(), 1U);
}

TEST_F(WorkerTest, stop_waits_for_a_store_that_is_down) {
  max_age_ = seconds(3600);
  produce(at("t", 0), 50);
  assign_all();
  then([](FakeSource& source) { return source.at_end(); },
       [this](FakeSource&) {
         store_->script.outage = error_of(ErrorKind::unavailable);
         worker_->stop();
       });
  then([polls = 0](FakeSource&) mutable { return ++polls > 1000; },
       [this](FakeSource&) {
         EXPECT_FALSE(worker_->drained());
         EXPECT_NE(worker_->not_ready().find("uploads fail"), std::string::npos) << worker_->not_ready();
         store_->script.outage.reset();
       });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
}

TEST_F(WorkerTest, leave_now_commits_nothing_more_and_loses_nothing) {
  max_age_ = seconds(3600);
  produce(at("t", 0), 30, 50'000);
  assign_all();
  then([](FakeSource& source) { return source.at_end(); }, [this](FakeSource&) { worker_->leave_now(); });
  ASSERT_TRUE(run().ok());
  EXPECT_FALSE(worker_->drained());
  EXPECT_EQ(cluster_.committed_of(at("t", 0)), Position{0});
  assign_all();  // a successor reads from the committed position
  then_stop([](FakeSource& source) { return source.at_end(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
}

TEST_F(WorkerTest, stop_before_the_start_ends_at_once) {
  produce(at("t", 0), 5);
  worker_ = std::make_unique<Worker>(options_, clock_, metrics_);
  worker_->stop();
  EXPECT_TRUE(worker_->run([] {}).ok());
  EXPECT_TRUE(worker_->drained());
  EXPECT_TRUE(landed_.empty());
}

// stop() and leave_now() from another thread, at any moment of build, start and end.
TEST_F(WorkerTest, stop_races_with_every_moment_of_a_run) {
  produce(at("t", 0), 100);
  const std::vector<Duration> moments = {milliseconds(0), milliseconds(1), milliseconds(5), milliseconds(20)};
  for (int round = 0; round < 12; ++round) {
    script_.clear();
    assign_all();
    worker_ = std::make_unique<Worker>(options_, clock_, metrics_);
    std::thread other([&] {
      std::this_thread::sleep_for(moments[static_cast<std::size_t>(round) % moments.size()]);
      round % 3 == 0 ? worker_->leave_now() : worker_->stop();
    });
    EXPECT_TRUE(worker_->run([] {}).ok());
    other.join();
    worker_->stop();
  }
  expect_landed(at("t", 0), cluster_.committed_of(at("t", 0)));
}

TEST_F(WorkerTest, revoked_partitions_are_drained_before_they_are_let_go) {
  max_age_ = seconds(3600);
  produce(at("t", 0), 50);
  produce(at("t", 1), 50);
  assign_all();
  then([](FakeSource& source) { return source.at_end(); },
       [](FakeSource& source) { source.revoke(source::RevokeReason::rebalance); });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource& source) {
         expect_all_landed();
         expect_all_committed();
         produce(at("t", 0), 20);
         source.assign({at("t", 1), at("t", 0)});  // other slots
       });
  then_stop([](FakeSource& source) { return source.at_end(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
  EXPECT_EQ(metrics_.batches_sealed[obs::SealReason::revoke].value(), 1U);
}

TEST_F(WorkerTest, a_drain_that_takes_too_long_lets_the_partitions_go_and_the_next_owner_reads_again) {
  max_age_ = seconds(3600);
  produce(at("t", 0), 50, 10'000);
  assign_all();
  MonoTime asked{};
  then([](FakeSource& source) { return source.at_end(); },
       [&](FakeSource& source) {
         store_->script.outage = error_of(ErrorKind::unavailable);
         source.revoke(source::RevokeReason::rebalance);
         asked = clock_.now();
       });
  then([](FakeSource& source) { return !source.held(); },
       [&](FakeSource& source) {
         EXPECT_GE(clock_.now() - asked, options_.drain_timeout);
         EXPECT_LT(clock_.now() - asked, options_.drain_timeout + seconds(2));
         EXPECT_EQ(cluster_.committed_of(at("t", 0)), Position{0});
         store_->script.outage.reset();
         source.assign({at("t", 0)});
       });
  then_stop([](FakeSource& source) { return source.at_end(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
}

TEST_F(WorkerTest, a_commit_under_way_at_the_end_of_the_drain_does_not_touch_the_next_assignment) {
  produce(at("t", 0), 20);
  assign_all();
  first([](FakeSource& source) { source.hold_commits = true; });
  then([](FakeSource& source) { return source.commits == 1; },
       [](FakeSource& source) { source.revoke(source::RevokeReason::rebalance); });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource& source) {
         produce(at("t", 1), 5);
         source.assign({at("t", 1), at("t", 0)});  // what was slot 0 is another
       });
  then([polls = 0](FakeSource&) mutable { return ++polls > 400; },
       [](FakeSource& source) {
         EXPECT_EQ(source.commits, 1U) << "one at a time";
         source.hold_commits = false;
         source.answer_commit();
       });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
}

TEST_F(WorkerTest, lost_membership_drops_what_is_not_published_and_commits_nothing) {
  max_age_ = seconds(3600);
  produce(at("t", 0), 40, 20'000);
  assign_all();
  std::size_t commits = 0;
  then([](FakeSource& source) { return source.at_end(); },
       [&](FakeSource& source) {
         commits = source.commits;
         source.revoke(source::RevokeReason::lost);
       });
  then([](FakeSource&) { return true; },
       [](FakeSource& source) { EXPECT_FALSE(source.held()) << "released within the turn"; });
  then([polls = 0](FakeSource&) mutable { return ++polls > 200; },
       [&](FakeSource& source) {
         EXPECT_EQ(source.commits, commits);
         source.assign({at("t", 0)});
       });
  then_stop([](FakeSource& source) { return source.at_end(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed(Doubles::allowed);
  expect_all_committed();
}

TEST_F(WorkerTest, lost_while_draining_for_a_revoke_is_ended_by_the_deadline_at_the_latest) {
  produce(at("t", 0), 20);
  assign_all();
  then([](FakeSource& source) { return source.at_end(); },
       [](FakeSource& source) {
         for (int i = 0; i < 1000; ++i) {
           source.commit_errors.push_back(error_of(ErrorKind::forbidden, Action::give_up));
         }
         source.revoke(source::RevokeReason::rebalance);
       });
  then([](FakeSource& source) { return !source.held(); },
       [](FakeSource& source) {
         source.commit_errors.clear();
         source.assign({{"t", Partition{0}}});
       });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed(Doubles::allowed);
}

TEST_F(WorkerTest, commits_that_fail_are_made_again_after_a_wait) {
  produce(at("t", 0), 20);
  assign_all();
  first([](FakeSource& source) {
    source.commit_errors = {error_of(ErrorKind::unavailable), error_of(ErrorKind::timed_out),
                            error_of(ErrorKind::forbidden, Action::give_up)};
  });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
  EXPECT_EQ(metrics_.commit_failures.value(), 3U);
  EXPECT_EQ(metrics_.commits.value(), 1U) << "of those that succeeded";
}

// An outage fills the stage and the memory; then no records are taken, though the group is served; then all
// lands.
TEST_F(WorkerTest, an_outage_fills_the_stage_and_stops_the_taking_until_it_ends) {
  turn_ = milliseconds(50);
  produce(at("t", 0), 600, 30'000);  // 18 MB; the stage has 4 MiB, the slabs 3 MiB
  assign_all();
  first([this](FakeSource&) { store_->script.outage = error_of(ErrorKind::unavailable); });
  std::uint64_t taken = 0;
  const auto after_polls = [](int count) {
    return [count](FakeSource&) mutable {
      std::this_thread::sleep_for(std::chrono::microseconds(200));  // the disk is a real one
      return count-- == 0;
    };
  };
  then(after_polls(600), [&](FakeSource&) { taken = metrics_.records_received.value(); });
  then(after_polls(200), [&](FakeSource& source) {
    EXPECT_EQ(metrics_.records_received.value(), taken) << "nothing is taken any more";
    EXPECT_LT(taken, 300U);
    EXPECT_TRUE(source.held());
    EXPECT_NE(worker_->not_ready().find("/stage is full ("), std::string::npos) << worker_->not_ready();
    EXPECT_GT(metrics_.backpressure_events.value(), 0U);
    EXPECT_GT(metrics_.stage_full_ns.value(), 0U);
    store_->script.outage.reset();
  });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
}

// A file a record, and a storage that is away: 50,000 batches wait in Kafka and not in memory.
TEST_F(WorkerTest, a_long_outage_leaves_a_bounded_number_of_batches_and_each_turn_costs_what_it_did) {
  constexpr std::size_t k_batches_max = 500;
  constexpr int k_window = 200;
  turn_ = milliseconds(50);
  max_bytes_ = 1;
  options_.backlog_bytes = k_batches_max * (k_sealed_batch_bytes + k_sealed_share_bytes);
  options_.stage.bytes_max = 64 * k_segment_bytes;
  for (int partition = 0; partition < 8; ++partition) {
    produce(at("t", partition), 50'000 / 8);
  }
  assign_all();
  first([this](FakeSource&) { store_->script.outage = error_of(ErrorKind::unavailable); });
  const auto calls = [this] { return store_->count(Call::put_block) + store_->count(Call::put_blob); };
  const auto after_polls = [](int count) {
    return [count](FakeSource&) mutable {
      std::this_thread::sleep_for(std::chrono::microseconds(200));  // the disk is a real one
      return count-- == 0;
    };
  };
  std::size_t calls_before = 0;
  std::size_t calls_of_few = 0;
  std::uint64_t taken = 0;
  first([&](FakeSource&) { calls_before = calls(); });
  then(after_polls(k_window), [&](FakeSource&) {
    calls_of_few = calls() - calls_before;
    calls_before = calls();
  });
  then(after_polls(2 * k_window), [&](FakeSource&) {
    taken = metrics_.records_received.value();
    calls_before = calls();
  });
  then(after_polls(k_window), [&](FakeSource& source) {
    EXPECT_EQ(metrics_.records_received.value(), taken) << "nothing is taken any more";
    EXPECT_LE(metrics_.publishing_batches.value(), static_cast<std::int64_t>(k_batches_max));
    EXPECT_GT(metrics_.publishing_batches.value(), static_cast<std::int64_t>(k_batches_max) - 10);
    EXPECT_TRUE(source.held());
    EXPECT_EQ(worker_->not_ready().find("no room on the stage"), std::string::npos) << worker_->not_ready();
    EXPECT_LT(calls() - calls_before, 2 * calls_of_few);
    store_->script.outage.reset();
  });
  then_stop([this](FakeSource&) { return metrics_.blobs_published.value() >= 1000; });
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(metrics_.publishing_batches.value(), 0);
  std::int64_t committed = 0;
  for (const auto& [id, log] : cluster_.logs) {
    committed += cluster_.committed_of(id).value;
    expect_landed(id, cluster_.committed_of(id));
  }
  EXPECT_EQ(committed, static_cast<std::int64_t>(metrics_.records_received.value()));
  EXPECT_GE(committed, 1000);
}

TEST_F(WorkerTest, ready_only_when_records_are_taken_and_shipped) {
  produce(at("t", 0), 5);
  first([this](FakeSource& source) {
    EXPECT_NE(worker_->not_ready(), "");
    source.fail(error_of(ErrorKind::unavailable));
    EXPECT_EQ(worker_->not_ready(), "unavailable");
  });
  assign_all();
  then([this](FakeSource&) { return all_committed() && worker_->not_ready().empty(); },
       [](FakeSource& source) { source.fail_partition(0, error_of(ErrorKind::corrupt)); });
  then([this](FakeSource&) { return worker_->not_ready() == "corrupt"; },
       [this](FakeSource&) { worker_->stop(); });
  EXPECT_TRUE(run().ok()) << "one partition that stopped does not end the others";
}

TEST_F(WorkerTest, a_fatal_error_of_the_source_ends_the_worker_with_it) {
  produce(at("t", 0), 5);
  assign_all();
  then([](FakeSource& source) { return source.at_end(); },
       [](FakeSource& source) { source.fail(error_of(ErrorKind::unauthenticated, Action::fatal)); });
  const Result<void> outcome = run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::unauthenticated);
  EXPECT_EQ(cluster_.committed_of(at("t", 0)), Position{0});
}

TEST_F(WorkerTest, is_not_ready_from_an_error_of_the_source_until_a_broker_answers) {
  produce(at("t", 0), 5);
  assign_all();
  then([this](FakeSource&) { return worker_->not_ready().empty(); },
       [this](FakeSource& source) {
         source.told.last_answer = clock_.now();
         source.fail(make_error(ErrorKind::unavailable, Action::retry, "no broker is reached"));
       });
  MonoTime failed_at{};
  then([this](FakeSource&) { return !worker_->not_ready().empty(); },
       [&](FakeSource&) {
         EXPECT_EQ(worker_->not_ready(), "no broker is reached");
         failed_at = clock_.now();
       });
  then([&](FakeSource&) { return clock_.now() - failed_at > seconds(20); },
       [this](FakeSource& source) {
         EXPECT_EQ(worker_->not_ready(), "no broker is reached");
         source.told.last_answer = clock_.now();
       });
  then_stop([this](FakeSource&) { return worker_->not_ready().empty(); });
  ASSERT_TRUE(run().ok());
  EXPECT_LT(clock_.now() - failed_at, seconds(25));
}

TEST_F(WorkerTest, is_not_ready_when_a_broker_is_silent_for_ten_seconds) {
  produce(at("t", 0), 5);
  assign_all();
  MonoTime since{};
  then([this](FakeSource&) { return worker_->not_ready().empty(); },
       [&](FakeSource& source) {
         since = clock_.now();
         source.told.overdue_since = since;
       });
  then([this](FakeSource&) { return !worker_->not_ready().empty(); },
       [&](FakeSource& source) {
         EXPECT_GE(clock_.now() - since, seconds(10));
         EXPECT_LE(clock_.now() - since, seconds(12));
         EXPECT_NE(worker_->not_ready().find("a broker has not answered for 1"), std::string::npos)
             << worker_->not_ready();
         source.told.overdue_since.reset();
       });
  then_stop([this](FakeSource&) { return worker_->not_ready().empty(); });
  ASSERT_TRUE(run().ok());
}

TEST_F(WorkerTest, is_not_ready_when_the_store_is_silent_for_ten_seconds) {
  produce(at("t", 0), 5);
  assign_all();
  first([this](FakeSource&) { store_->script.hold = true; });
  then([this](FakeSource&) { return worker_->not_ready().find("the store has not answered") == 0; },
       [this](FakeSource&) { store_->answer_held(); });
  then_stop([this](FakeSource&) { return all_committed() && worker_->not_ready().empty(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
}

TEST_F(WorkerTest, a_partition_that_waits_is_named_until_it_goes_on) {
  produce(at("t", 0), 5);
  assign_all();
  then([this](FakeSource&) { return worker_->not_ready().empty(); },
       [](FakeSource& source) {
         source.wait_for_partition(
             0, make_error(ErrorKind::unavailable, Action::retry, "topic t, partition 0: nobody leads it"));
       });
  then([this](FakeSource&) { return !worker_->not_ready().empty(); },
       [this](FakeSource& source) {
         EXPECT_EQ(worker_->not_ready(), "topic t, partition 0: nobody leads it");
         source.go_on_with_partition(0);
       });
  then_stop([this](FakeSource&) { return worker_->not_ready().empty() && all_committed(); });
  ASSERT_TRUE(run().ok());
}

TEST_F(WorkerTest, a_topic_without_a_plan_is_stopped_and_the_others_go_on) {
  produce(at("unplanned", 0), 5);
  produce(at("unplanned", 1), 5);
  produce(at("t", 0), 5);
  assign_all();
  then([this](FakeSource&) { return cluster_.committed_of(at("t", 0)) == Position{5}; },
       [this](FakeSource& source) {
         const std::string said = worker_->not_ready();
         const std::size_t at = said.find("topic unplanned is not read");
         EXPECT_NE(at, std::string::npos) << said;
         EXPECT_EQ(said.find("topic unplanned is not read", at + 1), std::string::npos)
             << "once for both partitions: " << said;
         source.revoke(source::RevokeReason::rebalance);
       });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource& source) {
         has_plan_for_all_ = true;  // it is asked again
         source.assign({at("unplanned", 1), at("unplanned", 0)});
       });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
}

TEST_F(WorkerTest, exit_at_end_fails_when_a_topic_has_no_plan) {
  options_.exit_at_end = true;
  produce(at("unplanned", 0), 5);
  produce(at("t", 0), 5);
  for (const auto& [id, log] : cluster_.logs) {
    end_marks_[id] = log.end;
  }
  assign_all();
  const Result<void> outcome = run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::invalid_input);
  EXPECT_EQ(cluster_.committed_of(at("unplanned", 0)), Position{0});
}

TEST_F(WorkerTest, a_record_too_large_for_the_memory_ends_it_after_everything_before_has_landed) {
  produce(at("t", 0), 5);
  produce(at("t", 0), 1, 13 * k_worker_slab_bytes);
  assign_all();
  const Result<void> outcome = run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_NE(outcome.error().message.find("topic t, partition 0, offset 5"), std::string::npos)
      << outcome.error().message;
  EXPECT_EQ(cluster_.committed_of(at("t", 0)), Position{5});
}

TEST_F(WorkerTest, a_strangers_blob_under_its_name_ends_the_worker) {
  produce(at("t", 0), 5);
  assign_all();
  first([this](FakeSource&) {
    store_->script.stranger = true;
    store_->fail_next(Call::put_blob, ErrorKind::already_exists);
  });
  const Result<void> outcome = run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::already_exists);
  EXPECT_EQ(cluster_.committed_of(at("t", 0)), Position{0});
}

TEST_F(WorkerTest, exit_at_end_reaches_the_marks_and_takes_nothing_behind_them) {
  options_.exit_at_end = true;
  max_age_ = seconds(3600);
  produce(at("t", 0), 30);
  produce(at("t", 1), 10);
  produce(at("empty", 0), 0);
  cluster_.logs[at("empty", 0)];
  for (const auto& [id, log] : cluster_.logs) {
    end_marks_[id] = log.end;
  }
  assign_all();
  int told_at_end = 0;
  options_.look_again = [this, &told_at_end] { told_at_end += worker_->at_end() ? 1 : 0; };
  then([this](FakeSource&) { return worker_->at_end(); },
       [this, &told_at_end](FakeSource&) {
         EXPECT_EQ(told_at_end, 1) << "who waits for the end is woken";
         expect_all_landed();
         expect_all_committed();
         EXPECT_EQ(blobs_, 1);
         produce(at("t", 0), 30);  // the producer goes on
       });
  then([polls = 0](FakeSource&) mutable { return ++polls > 100; },
       [this](FakeSource&) {
         EXPECT_TRUE(worker_->at_end()) << "it waits for the other workers";
         worker_->stop();
       });
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(cluster_.committed_of(at("t", 0)), Position{30});
  EXPECT_EQ(blobs_, 1) << "no small files beside";
}

TEST_F(WorkerTest, exit_at_end_reads_again_what_a_refused_claim_has_dropped) {
  options_.exit_at_end = true;
  options_.protocol.guarantee = ledger::Guarantee::exactly_once;
  options_.protocol.sink = "0badcafe";
  options_.protocol.fence_wait = milliseconds(500);
  cluster_.tells_entries = true;
  max_age_ = seconds(3600);
  produce(at("t", 0), 30);
  end_marks_[at("t", 0)] = Position{30};
  assign_all();
  first([](FakeSource& source) { source.refusals = 1; });
  then([this](FakeSource&) { return worker_->at_end(); },
       [this](FakeSource& source) {
         EXPECT_EQ(source.refusals, 0U);
         expect_all_landed();
         expect_all_committed();
         worker_->stop();
       });
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(metrics_.commit_failures.value(), 1U);
  EXPECT_EQ(metrics_.records_received.value(), 60U);
  EXPECT_EQ(metrics_.records_landed.value(), 30U) << "what was dropped did not land";
  EXPECT_EQ(metrics_.landed_bytes.value(), value_bytes_of(at("t", 0)));
  const std::vector<obs::TopicTotals> totals = metrics_.topics.totals();
  ASSERT_EQ(totals.size(), 1U);
  EXPECT_EQ(totals[0].records, 30U);
  EXPECT_EQ(totals[0].bytes, value_bytes_of(at("t", 0)));
  EXPECT_EQ(totals[0].blobs, 1U);
}

TEST_F(WorkerTest, exit_at_end_reads_on_when_a_rebalance_brings_a_partition_below_its_mark) {
  options_.exit_at_end = true;
  produce(at("t", 0), 30);
  produce(at("t", 1), 20);
  for (const auto& [id, log] : cluster_.logs) {
    end_marks_[id] = log.end;
  }
  first([](FakeSource& source) { source.assign({at("t", 0)}); });
  then([this](FakeSource&) { return worker_->at_end(); },
       [](FakeSource& source) { source.revoke(source::RevokeReason::rebalance); });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource& source) {
         source.assign({at("t", 0), at("t", 1)});
         EXPECT_FALSE(worker_->at_end());
       });
  then([this](FakeSource&) { return worker_->at_end(); },
       [this](FakeSource&) {
         expect_all_landed();
         expect_all_committed();
         worker_->stop();
       });
  ASSERT_TRUE(run().ok());
}

TEST_F(WorkerTest, at_its_end_it_reads_how_far_the_group_is) {
  const TopicPartition other = at("other", 0);  // another process reads it
  GroupEnd end({{at("t", 0), {.log_start = Position{0}, .mark = Position{30}}},
                {other, {.log_start = Position{0}, .mark = Position{20}}}});
  options_.exit_at_end = true;
  options_.group_end = &end;
  produce(at("t", 0), 30);
  end_marks_[at("t", 0)] = Position{30};
  assign_all();
  cluster_.committed[other] = Position{12};
  then([&](FakeSource&) { return worker_->at_end() && end.left().size() == 1 && end.left()[0].at; },
       [&](FakeSource&) {
         EXPECT_EQ(end.left()[0].id, other);
         EXPECT_EQ(end.left()[0].at, Position{12});
         EXPECT_FALSE(end.complete());
         cluster_.committed[other] = Position{20};
       });
  then([&](FakeSource&) { return end.complete(); },
       [this](FakeSource&) {
         EXPECT_TRUE(worker_->at_end());
         worker_->stop();
       });
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(cluster_.committed_of(at("t", 0)), Position{30});
}

TEST_F(WorkerTest, exit_at_end_fails_when_a_partition_cannot_get_there) {
  options_.exit_at_end = true;
  produce(at("t", 0), 5);
  end_marks_[at("t", 0)] = Position{50};
  assign_all();
  then([](FakeSource& source) { return source.at_end(); },
       [](FakeSource& source) { source.fail_partition(0, error_of(ErrorKind::corrupt)); });
  const Result<void> outcome = run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::corrupt);
  expect_all_committed();
}

TEST_F(WorkerTest, parts_that_cannot_be_built_end_it_with_their_error) {
  options_.make_store = [](io::Loop&) -> Result<std::unique_ptr<lake::BlobStore>> {
    return error_of(ErrorKind::invalid_input, Action::fatal);
  };
  EXPECT_FALSE(run().ok());
  options_.stage.dir = "/dev/null/stage";
  EXPECT_FALSE(run().ok());
}

// Faults of every kind at random, with ends of assignments between them: nothing is ever lost, and nothing is
// committed before it has landed (at_commit looks).
class WorkerUnderFaults : public WorkerTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(WorkerUnderFaults, loses_nothing) {
  std::mt19937_64 random(GetParam());
  turn_ = milliseconds(20);
  max_bytes_ = 400'000;
  for (int partition = 0; partition < 4; ++partition) {
    produce(at("t", partition), 150, 4000);
    produce(at("u", partition), 50, 40'000);
  }
  std::vector<TopicPartition> ids;
  for (const auto& [id, log] : cluster_.logs) {
    ids.push_back(id);
  }
  assign_all();
  for (int round = 0; round < 8; ++round) {
    then([wait = random() % 40](FakeSource&) mutable { return wait-- == 0; },
         [this, ids, dice = random()](FakeSource& source) mutable {
           for (const Call call : {Call::put_block, Call::put_blob, Call::commit_blocks}) {
             for (std::uint64_t i = dice % 3; i > 0; --i) {
               store_->fail_next(call, ErrorKind::timed_out,
                                 dice % 2 == 0 ? Effect::lost_reply : Effect::none);
             }
             dice /= 7;
           }
           if (dice % 2 == 0) {
             store_->lose_blocks();
           }
           if (dice % 3 == 0) {
             source.commit_errors.push_back(error_of(ErrorKind::timed_out));
           }
           if (dice % 5 == 0 && source.held()) {
             source.revoke(dice % 2 == 0 ? source::RevokeReason::lost : source::RevokeReason::rebalance);
             script_.push_front(
                 {[](FakeSource& at) { return !at.held(); }, [ids](FakeSource& at) { at.assign(ids); }});
           }
         });
  }
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok()) << GetParam();
  expect_all_landed(Doubles::allowed);
  expect_all_committed();
}

INSTANTIATE_TEST_SUITE_P(Seeds, WorkerUnderFaults, testing::Range<std::uint64_t>(1, 13));

}  // namespace
}  // namespace penstock::pipeline
