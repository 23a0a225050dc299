// The worker whole, over a fake broker and a fake lake. The script runs on the worker's own thread, at every
// poll; the clock goes on by a few milliseconds each time.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "pipeline/worker.h"
#include "unit/pipeline/fake_blob_store.h"
#include "unit/pipeline/fake_clock.h"
#include "unit/pipeline/fake_source.h"

namespace penstock::pipeline {

inline constexpr std::size_t k_worker_slab_bytes = 256 << 10;

class WorkerTest : public testing::Test {
 protected:
  using milliseconds = std::chrono::milliseconds;
  using seconds = std::chrono::seconds;

  WorkerTest() {
    std::string pattern = testing::TempDir() + "/penstock-worker-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    options_.group = "group";
    options_.protocol.guarantee = ledger::Guarantee::at_least_once;  // with claims: worker_claims_test
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
      if (topic == "unplanned" && !has_plan_for_all_) {
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
    // By the machine's clock, as its disk takes its time: a minute and more where others write.
    if (system_clock().now() - began_ > std::chrono::minutes(4)) {
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

  std::uint64_t value_bytes_of(const TopicPartition& id) {
    std::uint64_t bytes = 0;
    for (const FakeCluster::Record& record : cluster_.logs[id].records) {
      bytes += record.value.size();
    }
    return bytes;
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
  const MonoTime began_ = system_clock().now();
  Duration turn_ = milliseconds(5);
  Duration max_age_ = seconds(1);
  std::uint64_t max_bytes_ = 1 << 20;
  bool has_plan_for_all_ = false;
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

}  // namespace penstock::pipeline
