// The store refuses the files of one topic until a person acts: the others go on as if it were not there.
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "pipeline/worker.h"
#include "unit/pipeline/worker_fixture.h"

namespace penstock::pipeline {
namespace {

class WorkerRefusedTopicTest : public WorkerTest {
 protected:
  WorkerRefusedTopicTest() {
    turn_ = milliseconds(50);
    assign_all();
    first([this](FakeSource&) {
      store_->script.refuses = [this](const std::string& name, Call) -> std::optional<Error> {
        Error error = error_of(ErrorKind::forbidden, Action::fatal);
        error.message = "no right to " + name;
        return refused_.contains(name.substr(0, name.find('-'))) ? std::optional(error) : std::nullopt;
      };
    });
  }
  // The disk is a real one.
  static std::function<bool(FakeSource&)> unhurried(std::function<bool()> reached) {
    return [reached = std::move(reached)](FakeSource&) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      return reached();
    };
  }
  static std::function<bool(FakeSource&)> after_polls(int count) {
    return unhurried([count]() mutable { return count-- == 0; });
  }
  bool committed(const TopicPartition& id) { return cluster_.committed_of(id) == cluster_.logs[id].end; }
  bool is_refused(const std::string& topic) const {
    for (const obs::TopicTotals& totals : metrics_.topics.totals()) {
      if (totals.topic == topic) {
        return totals.refused;
      }
    }
    return false;
  }

  std::set<std::string> refused_;
};

// Each has more than the stage and the memory hold together.
TEST_F(WorkerRefusedTopicTest, others_land_all_that_they_have_and_it_fills_no_more_than_its_share) {
  refused_ = {"bad"};
  produce(at("bad", 0), 600, 30'000);
  produce(at("bad", 1), 600, 30'000);
  produce(at("good", 0), 600, 30'000);
  then(unhurried([this] { return committed(at("good", 0)); }), [this](FakeSource& source) {
    EXPECT_TRUE(source.held());
    EXPECT_EQ(cluster_.committed_of(at("bad", 0)), Position{0});
    produce(at("good", 0), 100, 30'000);
  });
  then(unhurried([this] { return committed(at("good", 0)); }), [](FakeSource&) {});
  then(after_polls(100), [this](FakeSource&) {
    EXPECT_NE(worker_->not_ready().find("uploads fail for topic bad: no right to bad-"), std::string::npos)
        << worker_->not_ready();
    EXPECT_TRUE(is_refused("bad"));
    EXPECT_FALSE(is_refused("good"));
    refused_.clear();
  });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  EXPECT_FALSE(is_refused("bad"));
  expect_all_landed();
  expect_all_committed();
}

TEST_F(WorkerRefusedTopicTest, a_new_assignment_begins_without_what_was_withheld) {
  refused_ = {"bad"};
  produce(at("bad", 0), 300, 30'000);
  produce(at("good", 0), 300, 30'000);
  then(unhurried([this] { return committed(at("good", 0)) && is_refused("bad"); }),
       [](FakeSource& source) { source.revoke(source::RevokeReason::lost); });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource& source) {
         refused_.clear();
         source.assign({at("good", 0), at("bad", 0)});  // what was slot 0 is another
       });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
}

// Nothing tells that one topic is to blame: what the stage can hold is read of all.
TEST_F(WorkerRefusedTopicTest, where_all_are_refused_all_are_staged) {
  refused_ = {"a", "b"};
  produce(at("a", 0), 300, 30'000);
  produce(at("b", 0), 300, 30'000);
  then(after_polls(800), [this](FakeSource& source) {
    EXPECT_GT(metrics_.stage_live_bytes.value(), static_cast<std::int64_t>(options_.stage.bytes_max * 3 / 4));
    EXPECT_TRUE(source.held());
    EXPECT_NE(worker_->not_ready().find("for topic a"), std::string::npos);
    EXPECT_NE(worker_->not_ready().find("for topic b"), std::string::npos);
    refused_.clear();
  });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
  expect_all_committed();
}

TEST_F(WorkerRefusedTopicTest, many_refused_topics_are_counted) {
  for (const char* topic : {"a", "b", "c", "d", "e"}) {
    refused_.insert(topic);
    produce(at(topic, 0), 3);
  }
  then(after_polls(200), [this](FakeSource&) {
    EXPECT_NE(worker_->not_ready().find("and for 2 more topics"), std::string::npos) << worker_->not_ready();
    refused_.clear();
  });
  then_stop([this](FakeSource&) { return all_committed(); });
  ASSERT_TRUE(run().ok());
  expect_all_landed();
}

}  // namespace
}  // namespace penstock::pipeline
