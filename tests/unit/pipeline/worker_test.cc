// The worker whole, over a fake broker and a fake lake. The script runs on the worker's own thread, at every
// poll; the clock goes on by a few milliseconds each time.
#include "pipeline/worker.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "unit/pipeline/fake_blob_store.h"
#include "unit/pipeline/fake_clock.h"
#include "unit/pipeline/fake_source.h"

namespace penstock::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using Effect = FakeBlobStore::Effect;

constexpr std::size_t k_worker_slab_bytes = 256 << 10;

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() {
    std::string pattern = testing::TempDir() + "/penstock-worker-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    options_.group = "group";
    options_.protocol.guarantee = ledger::Guarantee::at_least_once;  // claims are tried in tests/sim
    options_.slab_count = 12;
    options_.slab_bytes = k_worker_slab_bytes;
    options_.block_bytes = k_worker_slab_bytes - stage::k_chunk_header_bytes;
    options_.connections = 2;
    options_.stage = {.dir = root_ + "/stage",
                      .bytes_max = 4 * k_segment_bytes,
                      .segment_bytes = k_segment_bytes,
                      .slab_bytes = k_worker_slab_bytes};
    options_.loop.choice = io::Choice::portable;
    options_.plan_for = [this](const std::string& topic) -> Result<TopicPlan> {
      if (topic == "unplanned") {
        return error_of(ErrorKind::invalid_input, Action::fatal);
      }
      TopicPlan plan;
      plan.topic = topic;
      plan.max_age = max_age_;
      plan.max_bytes = max_bytes_;
      plan.path = codec::PathTemplate::parse("{topic}").value();
      return plan;
    };
    options_.make_store = [this](io::Loop& loop) -> Result<std::unique_ptr<lake::BlobStore>> {
      auto store = std::make_unique<FakeBlobStore>(loop);
      store_ = store.get();
      store_->script.on_published = [this](const std::string& name) { read_blob(name); };
      return std::unique_ptr<lake::BlobStore>(std::move(store));
    };
    options_.make_source = [this](io::Loop& loop) -> Result<std::unique_ptr<source::Source>> {
      loop_ = &loop;
      auto source = std::make_unique<FakeSource>(
          loop, cluster_, [this](FakeSource& at) { every_poll(at); },
          [this](const TopicPartition& id, Position position) { expect_landed(id, position); });
      source->end_marks = end_marks_;
      return std::unique_ptr<source::Source>(std::move(source));
    };
    options_.random = [this] { return random_ += 0x9e3779b97f4a7c15; };
  }
  ~WorkerTest() override { std::filesystem::remove_all(root_); }

  static constexpr std::uint64_t k_segment_bytes = 4096 + 4 * k_worker_slab_bytes;

  Result<void> run() {
    worker_ = std::make_unique<Worker>(options_, clock_, metrics_);
    return worker_->run([] {});
  }

  // A step of the script runs once its condition holds; then the next is waited for.
  struct Step {
    std::function<bool(FakeSource&)> when;
    std::function<void(FakeSource&)> act;
  };
  void then(std::function<bool(FakeSource&)> when, std::function<void(FakeSource&)> act) {
    script_.push_back({std::move(when), std::move(act)});
  }
  void first(std::function<void(FakeSource&)> act) {
    then([](FakeSource&) { return true; }, std::move(act));
  }
  void assign_all() {
    first([this](FakeSource& source) {
      std::vector<TopicPartition> ids;
      for (const auto& [id, log] : cluster_.logs) {
        ids.push_back(id);
      }
      source.assign(ids);
    });
  }
  void then_stop(std::function<bool(FakeSource&)> when) {
    then(std::move(when), [this](FakeSource&) { worker_->stop(); });
  }

  void every_poll(FakeSource& source) {
    clock_.advance(turn_);
    loop_->wake();
    if (source.polls > 20'000) {
      ADD_FAILURE() << "stuck; " << script_.size() << " steps left; not ready: " << worker_->not_ready();
      worker_->leave_now();
      return;
    }
    if (!script_.empty() && script_.front().when(source)) {
      const Step step = std::move(script_.front());
      script_.pop_front();
      step.act(source);
    }
  }

  // Every value is unique: its partition and its offset.
  void produce(const TopicPartition& id, int count, std::size_t padding = 0) {
    for (int i = 0; i < count; ++i) {
      const std::int64_t offset = cluster_.logs[id].end.value;
      cluster_.append(id, id.topic + " " + std::to_string(id.partition.value) + " " + std::to_string(offset) +
                              " " + std::string(padding, '.'));
    }
  }

  // Reads what became visible; each line must be a record that is in the log there.
  void read_blob(const std::string& name) {
    const std::string& bytes = store_->blobs[name].bytes;
    EXPECT_FALSE(bytes.empty()) << "an empty file";
    std::map<TopicPartition, std::int64_t> last;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t end = bytes.find('\n', at);
      ASSERT_NE(end, std::string::npos);
      const std::string line = bytes.substr(at, end - at);
      at = end + 1;
      const std::size_t first = line.find(' ');
      const std::size_t second = line.find(' ', first + 1);
      const TopicPartition id{line.substr(0, first), Partition{std::stoi(line.substr(first + 1))}};
      const std::int64_t offset = std::stoll(line.substr(second + 1));
      EXPECT_TRUE(last.find(id) == last.end() || last[id] < offset) << "out of order: " << line.substr(0, 40);
      last[id] = offset;
      ++landed_[id][offset];
    }
    ++blobs_;
  }

  // Never a commit ahead of what is visible in the lake.
  void expect_landed(const TopicPartition& id, Position position) {
    for (const FakeCluster::Record& record : cluster_.logs[id].records) {
      if (record.offset.value < position.value && !record.value.empty()) {
        EXPECT_GE(landed_[id][record.offset.value], 1)
            << "committed and not landed: offset " << record.offset.value;
      }
    }
  }

  enum class Doubles { none, allowed };
  void expect_all_landed(Doubles doubles = Doubles::none) {
    for (const auto& [id, log] : cluster_.logs) {
      for (const FakeCluster::Record& record : log.records) {
        const int times = landed_[id][record.offset.value];
        if (record.value.empty()) {
          EXPECT_EQ(times, 0);
        } else if (doubles == Doubles::none) {
          EXPECT_EQ(times, 1) << id.topic << " " << id.partition.value << " " << record.offset.value;
        } else {
          EXPECT_GE(times, 1) << id.topic << " " << id.partition.value << " " << record.offset.value;
        }
      }
    }
  }
  void expect_all_committed() {
    for (const auto& [id, log] : cluster_.logs) {
      EXPECT_EQ(cluster_.committed_of(id), log.end) << id.topic << " " << id.partition.value;
    }
  }
  bool all_committed() {
    return std::all_of(cluster_.logs.begin(), cluster_.logs.end(), [this](const auto& log) {
      return cluster_.committed_of(log.first) == log.second.end;
    });
  }

  static TopicPartition at(const std::string& topic, std::int32_t partition) {
    return {topic, Partition{partition}};
  }

  std::string root_;
  FakeClock clock_;
  Duration turn_ = milliseconds(5);
  Duration max_age_ = seconds(1);
  std::uint64_t max_bytes_ = 1 << 20;
  FakeCluster cluster_;
  std::map<TopicPartition, Position> end_marks_;
  std::deque<Step> script_;
  std::map<TopicPartition, std::map<std::int64_t, int>> landed_;
  int blobs_ = 0;
  std::uint64_t random_ = 0;
  obs::WorkerMetrics metrics_{0};
  WorkerOptions options_;
  std::unique_ptr<Worker> worker_;
  FakeBlobStore* store_ = nullptr;
  io::Loop* loop_ = nullptr;
};

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
    EXPECT_NE(worker_->not_ready().find("no room on the stage"), std::string::npos) << worker_->not_ready();
    EXPECT_GT(metrics_.backpressure_events.value(), 0U);
    EXPECT_GT(metrics_.stage_full_ns.value(), 0U);
    store_->script.outage.reset();
  });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
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

TEST_F(WorkerTest, a_topic_without_a_plan_ends_the_worker_though_its_partitions_go_on_talking) {
  produce(at("unplanned", 0), 5);
  first([this](FakeSource& source) {
    source.assign({at("unplanned", 0)});
    source.fail_partition(0, error_of(ErrorKind::corrupt));
  });
  const Result<void> outcome = run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::invalid_input);
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
  then([this](FakeSource&) { return worker_->at_end(); },
       [this](FakeSource&) {
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
