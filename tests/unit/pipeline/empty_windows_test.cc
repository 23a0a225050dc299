// Files without records for silent partitions: one a window, none for a partition that has records, and
// nothing waits for them.
#include "pipeline/empty_windows.h"

#include <chrono>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "unit/pipeline/worker_fixture.h"

namespace penstock::pipeline {
namespace {

class EmptyWindowsTest : public WorkerTest {
 protected:
  EmptyWindowsTest() {
    max_age_ = seconds(60);
    turn_ = seconds(1);
    options_.plan_for = [this](const std::string& topic) -> Result<TopicPlan> {
      TopicPlan plan;
      plan.topic = topic;
      plan.max_age = max_age_;
      plan.max_bytes = max_bytes_;
      plan.by_partition = true;
      plan.empty_files = empty_files_;
      plan.format = {.rows = format::RowFormat::capture};
      plan.path = codec::PathTemplate::parse("{topic}/{partition}/{HH}").value();
      return plan;
    };
    options_.make_store = [this](io::Loop& loop) -> Result<std::unique_ptr<lake::BlobStore>> {
      auto store = std::make_unique<FakeBlobStore>(loop);
      store_ = store.get();
      store_->script.refuses = [this](const std::string&, Call call) -> std::optional<Error> {
        return refused_ && call == Call::put_blob
                   ? std::optional(error_of(ErrorKind::unavailable, Action::retry))
                   : std::nullopt;
      };
      store_->script.on_published = [this](const std::string& name) { lake_[name] = store_->blobs[name]; };
      return std::unique_ptr<lake::BlobStore>(std::move(store));
    };
    options_.make_source = [this](io::Loop& loop) -> Result<std::unique_ptr<source::Source>> {
      loop_ = &loop;
      return std::unique_ptr<source::Source>(std::make_unique<FakeSource>(
          loop, cluster_,
          [this](FakeSource& at) {
            ++turns_;
            every_poll(at);
          },
          [](const TopicPartition&, Position) {}));
    };
    cluster_.logs[at("orders", 0)];
    cluster_.logs[at("orders", 1)];
  }

  // By the worker's clock, of which each turn takes a second.
  static std::function<bool(FakeSource&)> after(int turns) {
    return [turns](FakeSource&) mutable { return turns-- == 0; };
  }
  std::size_t empty_files_of(int partition) const {
    std::size_t count = 0;
    const std::string begin = "orders/" + std::to_string(partition) + "/";
    for (const auto& [name, blob] : lake_) {
      const auto said = format::read_blob_metadata(blob.metadata);
      if (name.starts_with(begin) && said.ok() && said->is_empty) {
        EXPECT_EQ(blob.bytes.size(), 508U);
        EXPECT_EQ(said->topic, "orders");
        EXPECT_EQ(said->group, "group");
        ++count;
      }
    }
    return count;
  }

  bool empty_files_ = true;
  bool refused_ = false;
  int turns_ = 0;
  std::map<std::string, FakeBlobStore::Blob> lake_;
};

TEST_F(EmptyWindowsTest, a_silent_partition_gets_one_a_window_under_a_name_of_its_own) {
  assign_all();
  then_stop(after(200));
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(empty_files_of(0), 3U);
  EXPECT_EQ(empty_files_of(1), 3U);
  EXPECT_EQ(lake_.size(), 6U);
  EXPECT_EQ(metrics_.empty_files.value(), 6U);
  EXPECT_EQ(metrics_.blobs_published.value(), 0U);
  EXPECT_EQ(cluster_.committed.size(), 0U) << "no position depends on them";
}

TEST_F(EmptyWindowsTest, none_are_put_unless_it_is_asked_for) {
  empty_files_ = false;
  assign_all();
  then_stop(after(200));
  ASSERT_TRUE(run().ok());
  EXPECT_TRUE(lake_.empty());
}

// A record at second 50 opens a batch, which is sealed at 110. So the window ends at 170, and no earlier.
TEST_F(EmptyWindowsTest, a_window_begins_anew_with_a_batch_and_with_its_end) {
  assign_all();
  then(after(50), [this](FakeSource&) { produce(at("orders", 1), 1); });
  then(after(110), [this](FakeSource&) {
    EXPECT_EQ(empty_files_of(0), 2U);
    EXPECT_EQ(empty_files_of(1), 0U);
  });
  then_stop(after(20));
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(empty_files_of(0), 3U);
  EXPECT_EQ(empty_files_of(1), 1U);
  EXPECT_EQ(metrics_.blobs_published.value(), 1U);
}

TEST_F(EmptyWindowsTest, a_partition_that_is_not_read_is_not_silent) {
  assign_all();
  then(after(10), [](FakeSource& source) {
    source.fail_partition(1, error_of(ErrorKind::invalid_input, Action::give_up));
  });
  then_stop(after(100));
  static_cast<void>(run());
  EXPECT_EQ(empty_files_of(0), 1U);
  EXPECT_EQ(empty_files_of(1), 0U);
}

TEST_F(EmptyWindowsTest, what_fails_is_repeated_while_the_next_window_lasts_and_then_given_up) {
  refused_ = true;
  assign_all();
  then(after(100), [this](FakeSource&) {
    EXPECT_TRUE(lake_.empty());
    EXPECT_GT(store_->count(Call::put_blob), 2U);
    EXPECT_EQ(metrics_.empty_files_given_up.value(), 0U);
  });
  then(after(50), [this](FakeSource&) {
    EXPECT_EQ(metrics_.empty_files_given_up.value(), 2U);
    refused_ = false;
  });
  then_stop(after(20));
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(lake_.size(), 2U) << "those of the second window";
  EXPECT_EQ(metrics_.empty_files.value(), 2U);
}

TEST_F(EmptyWindowsTest, an_answer_that_is_lost_makes_no_second_file) {
  assign_all();
  then(after(10), [this](FakeSource&) {
    store_->fail_next(Call::put_blob, ErrorKind::unavailable, FakeBlobStore::Effect::lost_reply);
  });
  then(after(70), [this](FakeSource&) { EXPECT_EQ(store_->count(Call::put_blob), 3U); });
  then_stop(after(20));
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(lake_.size(), 2U);
  EXPECT_EQ(metrics_.empty_files.value(), 2U);
}

TEST_F(EmptyWindowsTest, neither_a_revoke_nor_a_stop_waits_for_one_and_nothing_is_put_behind_them) {
  refused_ = true;
  assign_all();
  then(after(70), [](FakeSource& source) { source.revoke(source::RevokeReason::rebalance); });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource&) {
         EXPECT_LT(turns_, 80);
         refused_ = false;
       });
  then_stop(after(100));
  ASSERT_TRUE(run().ok());
  EXPECT_TRUE(lake_.empty());
  EXPECT_LT(turns_, 190);
}

TEST_F(EmptyWindowsTest, a_new_assignment_begins_its_windows_anew) {
  assign_all();
  then(after(50), [](FakeSource& source) { source.revoke(source::RevokeReason::rebalance); });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource& source) { source.assign({at("orders", 1)}); });
  then(after(50), [this](FakeSource&) { EXPECT_TRUE(lake_.empty()); });
  then_stop(after(20));
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(empty_files_of(0), 0U);
  EXPECT_EQ(empty_files_of(1), 1U);
}

}  // namespace
}  // namespace penstock::pipeline
