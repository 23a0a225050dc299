// A store that asks to slow down, and one that refuses the files of some topics for good.
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "pipeline/uploader.h"
#include "unit/pipeline/pipeline_fixture.h"

namespace penstock::pipeline {
namespace {

class UploaderRefusalsTest : public PipelineTest {
 protected:
  using milliseconds = std::chrono::milliseconds;
  using seconds = std::chrono::seconds;

  UploaderRefusalsTest() {
    uploading_ = true;
    for (const char* topic : {"bad", "worse", "good"}) {
      plans_.emplace(topic, plan(topic));
    }
  }

  BatchPtr publish(const std::string& topic, std::size_t bytes = 1000) {
    const BatchPtr batch = open_batch(++counter_);
    batch->plan = &plans_.at(topic);
    batch->name = topic + "/blob-" + std::to_string(counter_);
    EXPECT_EQ(append(batch, std::string(bytes - 1, 'x')), BatchWriter::Taken::Stop::end);
    writer_->seal(batch);
    uploader_->seal(batch);
    return batch;
  }
  void refuse(std::set<std::string> topics) {
    store_->script.refuses = [this, topics = std::move(topics)](const std::string& name,
                                                                Call) -> std::optional<Error> {
      const std::string topic = name.substr(0, name.find('/'));
      ++asked_[topic];
      last_asked_[topic] = clock_.now();
      Error error = error_of(ErrorKind::forbidden, Action::fatal);
      return topics.contains(topic) ? std::optional(error) : std::nullopt;
    };
  }
  // By steps that are short beside any pause, and as many turns as a step may need.
  void pass(Duration time, Duration step = milliseconds(100)) {
    for (const MonoTime end = clock_.now() + time; clock_.now() < end; clock_.advance(step)) {
      for (int turn = 0; turn < 3; ++turn) {
        loop_->run_once(Duration::zero());
      }
    }
    settle();
  }
  std::size_t published(const std::string& topic) const {
    return static_cast<std::size_t>(
        std::count_if(store_->order.begin(), store_->order.end(),
                      [&](const std::string& name) { return name.starts_with(topic + "/"); }));
  }
  Error busy(std::optional<milliseconds> asked = std::nullopt) const {
    Error error = error_of(ErrorKind::throttled);
    error.code = "503 ServerBusy";
    error.retry_after = asked;
    return error;
  }

  std::map<std::string, TopicPlan> plans_;
  std::map<std::string, int> asked_;
  std::map<std::string, MonoTime> last_asked_;
  std::uint64_t counter_ = 0;
};

TEST_F(UploaderRefusalsTest, a_store_that_is_busy_gets_fewer_at_a_time_and_then_all_lands) {
  connections_ = 4;
  build(60);
  store_->script.outage = busy();
  for (int i = 0; i < 6; ++i) {
    publish("good");
  }
  pass(seconds(60));
  EXPECT_EQ(uploader_->places(), 1U);
  EXPECT_EQ(uploader_->trouble()->error.kind, ErrorKind::throttled);
  const std::size_t asked = store_->count(Call::put_blob);
  EXPECT_GE(asked, 8U);
  EXPECT_LE(asked, 30U) << "the pause of the process grows to 10 s";
  EXPECT_EQ(metrics_.throttled.totals().at("503 ServerBusy"), asked);
  store_->script.outage.reset();
  run_until([&] { return tickets_.size() == 6; });
  EXPECT_EQ(published("good"), 6U);
  EXPECT_FALSE(uploader_->trouble().has_value());
}

TEST_F(UploaderRefusalsTest, the_servers_pause_holds_for_whatever_else_there_is_to_send) {
  build(40);
  store_->script.faults[Call::put_blob].emplace_back(busy(seconds(90)), FakeBlobStore::Effect::none);
  publish("good");
  pass(seconds(1));
  publish("good");
  publish("bad");
  pass(seconds(85));
  EXPECT_EQ(store_->count(Call::put_blob), 1U);
  EXPECT_FALSE(uploader_->idle());
  pass(seconds(90) / 8 + seconds(6));
  EXPECT_EQ(published("good") + published("bad"), 3U);
}

TEST_F(UploaderRefusalsTest, workers_of_a_process_slow_down_together) {
  build(60);
  RequestLimit limit({.workers = 2, .connections = 4});
  FakeBlobStore others_store(*loop_);
  Uploader other(
      {.connections = 4, .retry = {}, .group = "g", .random_seed = 2, .limit = &limit, .worker = 1},
      others_store, *chunks_, *loop_, clock_, metrics_, {});
  EXPECT_EQ(other.places(), 4U);
  other.throttled_elsewhere(busy());
  EXPECT_EQ(other.places(), 2U);
  EXPECT_EQ(limit.places(0), 2U);
}

TEST_F(UploaderRefusalsTest, a_refused_topic_is_tried_alone_and_others_have_the_connections) {
  build(60);
  refuse({"bad"});
  for (int i = 0; i < 6; ++i) {
    publish("bad");
    publish("good");
  }
  pass(seconds(5));
  EXPECT_EQ(published("good"), 6U) << "behind refused ones";
  pass(std::chrono::minutes(20), seconds(2));
  EXPECT_LE(asked_["bad"], 2 + 10 + 20) << "two at first, then one a pause, which grows to two minutes";
  EXPECT_GE(asked_["bad"], 2 + 8 + 9);
  const auto refused = uploader_->refused_topics();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused.at("bad").error.kind, ErrorKind::forbidden);
  EXPECT_TRUE(refused.at("bad").blob.starts_with("bad/"));
  EXPECT_GT(refused.at("bad").next_try, clock_.now() - seconds(1));
  EXPECT_FALSE(uploader_->trouble().has_value()) << "that is for what passes";
  EXPECT_FALSE(uploader_->idle());

  store_->script.refuses = nullptr;
  pass(std::chrono::minutes(2) + seconds(1));
  EXPECT_EQ(published("bad"), 6U) << "all of them with the one that was taken";
  EXPECT_TRUE(uploader_->refused_topics().empty());
  EXPECT_TRUE(uploader_->idle());
  EXPECT_EQ(tickets_.size(), 12U);
}

TEST_F(UploaderRefusalsTest, what_comes_later_of_a_refused_topic_waits_unasked) {
  build(60);
  refuse({"bad"});
  publish("bad");
  pass(std::chrono::minutes(5), seconds(2));
  const int asked = asked_["bad"];
  for (int i = 0; i < 5; ++i) {
    publish("bad", k_chunk_bytes + 10);
  }
  pass(seconds(5));
  EXPECT_LE(asked_["bad"], asked + 1);
  store_->script.refuses = nullptr;
  pass(std::chrono::minutes(2) + seconds(1));
  EXPECT_EQ(published("bad"), 6U);
}

TEST_F(UploaderRefusalsTest, when_one_topic_is_taken_the_other_refused_ones_are_tried_at_once) {
  build(40);
  refuse({"bad", "worse"});
  publish("bad");
  publish("worse");
  pass(std::chrono::minutes(10), seconds(2));
  store_->script.refuses = nullptr;
  run_until([&] { return published("bad") + published("worse") > 0; });
  pass(seconds(1));
  EXPECT_EQ(published("bad") + published("worse"), 2U);
}

TEST_F(UploaderRefusalsTest, a_batch_that_is_dropped_leaves_its_turn_to_the_next) {
  build(40);
  refuse({"bad"});
  const BatchPtr first = publish("bad");
  const BatchPtr second = publish("bad");
  pass(seconds(20));
  uploader_->abandon(*first);
  store_->script.refuses = nullptr;
  pass(std::chrono::minutes(2));
  EXPECT_EQ(published("bad"), 1U);
  uploader_->abandon(*publish("bad"));
  EXPECT_TRUE(uploader_->refused_topics().empty());
}

TEST_F(UploaderRefusalsTest, a_topic_of_which_nothing_is_left_is_not_refused_any_more) {
  build(40);
  refuse({"bad"});
  const BatchPtr first = publish("bad");
  const BatchPtr second = publish("bad");
  pass(seconds(20));
  uploader_->abandon(*first);
  uploader_->abandon(*second);
  EXPECT_TRUE(uploader_->refused_topics().empty());
  EXPECT_TRUE(uploader_->idle());
  pass(std::chrono::minutes(3));
}

// A right to write blocks and none to make the file of them: each block that is stored says nothing of that.
TEST_F(UploaderRefusalsTest, a_stored_block_does_not_clear_a_list_that_is_refused) {
  build(60);
  store_->script.refuses = [this](const std::string&, Call call) {
    ++asked_[call == Call::commit_blocks ? "list" : "block"];
    return call == Call::commit_blocks ? std::optional(error_of(ErrorKind::forbidden, Action::fatal))
                                       : std::nullopt;
  };
  publish("bad", 5 * k_chunk_bytes);
  pass(seconds(30));
  publish("bad", 5 * k_chunk_bytes);
  pass(std::chrono::minutes(10), seconds(2));
  EXPECT_LE(asked_["list"] + asked_["block"], 4 + 10 + 15);
  EXPECT_EQ(uploader_->refused_topics().size(), 1U);
  store_->script.refuses = nullptr;
  pass(std::chrono::minutes(2) + seconds(1));
  EXPECT_EQ(published("bad"), 2U);
}

// Each of them took a pause of its own: of an hour's blocks the last came after days.
TEST_F(UploaderRefusalsTest, blocks_that_wait_before_a_refused_list_take_no_pause_each) {
  build(120);
  store_->script.refuses = [this](const std::string&, Call call) {
    ++asked_[call == Call::commit_blocks ? "list" : "block"];
    return call == Call::commit_blocks ? std::optional(error_of(ErrorKind::forbidden, Action::fatal))
                                       : std::nullopt;
  };
  publish("bad", 5 * k_chunk_bytes);
  pass(std::chrono::minutes(10), seconds(2));
  const int lists = asked_["list"];
  publish("bad", 30 * k_chunk_bytes);
  pass(std::chrono::minutes(5), seconds(2));
  EXPECT_GE(asked_["block"], 2 + 8) << "all are there when the list is taken";
  EXPECT_LE(asked_["list"], lists + 6) << "and the list has its pauses";
  store_->script.refuses = nullptr;
  pass(std::chrono::minutes(2) + seconds(1));
  EXPECT_EQ(published("bad"), 2U);
}

TEST_F(UploaderRefusalsTest, what_a_new_credential_mends_is_tried_within_seconds) {
  build(40);
  store_->script.outage = error_of(ErrorKind::unauthenticated, Action::give_up);
  publish("good");
  pass(std::chrono::minutes(10), seconds(2));
  EXPECT_TRUE(uploader_->refused_topics().empty());
  EXPECT_EQ(uploader_->trouble()->error.kind, ErrorKind::unauthenticated);
  store_->script.outage.reset();
  pass(seconds(11));
  EXPECT_EQ(published("good"), 1U);
}

TEST(IsToBeWithheld, once_others_are_taken_or_need_the_room) {
  const MonoTime since{std::chrono::hours(1)};
  const Refusal refusal{.error = {}, .blob = {}, .since = since, .next_try = {}};
  const auto after = [since](int s) { return since + std::chrono::seconds(s); };
  EXPECT_FALSE(is_to_be_withheld(refusal, after(60), since, false)) << "perhaps all are refused";
  EXPECT_FALSE(is_to_be_withheld(refusal, after(5), after(1), false)) << "it may pass";
  EXPECT_TRUE(is_to_be_withheld(refusal, after(15), after(1), false));
  EXPECT_TRUE(is_to_be_withheld(refusal, after(1), since, true));
}

}  // namespace
}  // namespace penstock::pipeline
