// Records that do not go into their topic's file. Whatever happens, each record is either a line of a file or
// a line of the quarantine file beside one, and once. What lies beside no file counts for nothing.
#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "format/quarantine.h"
#include "ledger/claim_text.h"
#include "unit/pipeline/unpack.h"
#include "unit/pipeline/worker_fixture.h"

namespace penstock::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WorkerQuarantineTest : public WorkerTest {
 protected:
  WorkerQuarantineTest() {
    options_.protocol.guarantee = ledger::Guarantee::exactly_once;
    options_.protocol.sink = "0badcafe";
    options_.protocol.fence_wait = milliseconds(500);
    cluster_.tells_entries = true;
    max_age_ = milliseconds(200);
    options_.plan_for = [this](const std::string& topic) -> Result<TopicPlan> {
      TopicPlan plan;
      plan.topic = topic;
      plan.max_age = max_age_;
      plan.max_bytes = max_bytes_;
      plan.format.compression = compression_;
      plan.path = codec::PathTemplate::parse("{topic}/{HH}").value();
      plan.name_clock = NameClock::record;
      set_rules(plan, rules_);
      return plan;
    };
    options_.make_store = [this](io::Loop& loop) -> Result<std::unique_ptr<lake::BlobStore>> {
      auto store = std::make_unique<FakeBlobStore>(loop);
      store_ = store.get();
      store_->blobs = lake_;
      store_->script.refuses = refuses_;
      store_->script.on_published = [this](const std::string& name) {
        lake_[name] = store_->blobs[name];
        order_.push_back(name);
      };
      return std::unique_ptr<lake::BlobStore>(std::move(store));
    };
    options_.make_source = [this](io::Loop& loop) -> Result<std::unique_ptr<source::Source>> {
      loop_ = &loop;
      return std::unique_ptr<source::Source>(std::make_unique<FakeSource>(
          loop, cluster_, [this](FakeSource& at) { every_poll(at); },
          [](const TopicPartition&, Position) {}));
    };
  }

  void good(const TopicPartition& id, std::size_t padding = 0) {
    cluster_.append(id, "{\"at\":\"" + coordinates(id) + "\",\"p\":\"" + std::string(padding, '.') + "\"}");
  }
  void junk(const TopicPartition& id, std::size_t padding = 0) {
    cluster_.append(id, coordinates(id) + " is no JSON" + std::string(padding, '.'));
  }
  std::string coordinates(const TopicPartition& id) {
    return id.topic + " " + std::to_string(id.partition.value) + " " +
           std::to_string(cluster_.logs[id].end.value);
  }

  static bool is_beside(const std::string& name) { return !format::file_beside(name).empty(); }
  std::size_t files_beside() const {
    return static_cast<std::size_t>(
        std::count_if(lake_.begin(), lake_.end(), [](const auto& blob) { return is_beside(blob.first); }));
  }

  // Each record once, in the place that it belongs to.
  void expect_exact() {
    std::map<std::string, int> lines;
    std::map<TopicPartition, std::map<std::int64_t, int>> quarantined;
    for (const auto& [name, blob] : lake_) {
      if (blob["tombstone"] == "1") {
        continue;
      }
      if (is_beside(name)) {
        count_quarantine(name, blob, quarantined);
        continue;
      }
      const auto text =
          compression_ == codec::Compression::none ? blob.bytes : unpack(compression_, blob.bytes).text;
      for (const std::string& line : lines_of(text)) {
        ++lines[line];
      }
    }
    for (const auto& [id, log] : cluster_.logs) {
      for (const FakeCluster::Record& record : log.records) {
        const bool is_good = record.value.empty() || record.value.front() == '{';
        const bool fits = rules_.value_bytes_max == 0 || record.value.size() <= rules_.value_bytes_max;
        EXPECT_EQ(lines[record.value], is_good && fits && !record.value.empty() ? 1 : 0)
            << record.value.substr(0, 40);
        EXPECT_EQ(quarantined[id][record.offset.value], is_good && fits ? 0 : 1)
            << record.value.substr(0, 40);
      }
      EXPECT_EQ(cluster_.committed_of(id), log.end) << id.topic << " " << id.partition.value;
    }
  }
  void count_quarantine(const std::string& name, const FakeBlobStore::Blob& blob,
                        std::map<TopicPartition, std::map<std::int64_t, int>>& quarantined) {
    const auto file = lake_.find(std::string(format::file_beside(name)));
    if (file == lake_.end() || file->second["tombstone"] == "1") {
      ++orphans_;
      return;
    }
    EXPECT_EQ(blob["of"], file->second["attempt"]);
    EXPECT_EQ(blob["records"], file->second["quarantined"]);
    for (const std::string& line : lines_of(blob.bytes)) {
      const TopicPartition id{text_of(line, "\"topic\":\""),
                              Partition{std::stoi(text_of(line, "\"partition\":"))}};
      ++quarantined[id][std::stoll(text_of(line, "\"offset\":"))];
      ++reasons_[text_of(line, "{\"reason\":\"")];
    }
  }
  static std::string text_of(const std::string& line, std::string_view name) {
    const std::size_t at = line.find(name);
    EXPECT_NE(at, std::string::npos) << name << " " << line.substr(0, 80);
    return line.substr(at + name.size(), line.find_first_of("\",", at + name.size()) - at - name.size());
  }
  static std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      EXPECT_NE(end, std::string::npos);
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }

  bool all_finished() {
    return all_committed() &&
           std::all_of(cluster_.logs.begin(), cluster_.logs.end(), [this](const auto& log) {
             return ledger::holds_no_claim(cluster_.metadata[log.first]);
           });
  }

  format::RecordRules rules_{.json = true};
  codec::Compression compression_ = codec::Compression::none;
  std::map<std::string, FakeBlobStore::Blob> lake_;
  std::vector<std::string> order_;
  std::function<std::optional<Error>(const std::string&, Call)> refuses_;
  std::map<std::string, int> reasons_;
  int orphans_ = 0;
};

TEST_F(WorkerQuarantineTest, each_record_is_in_its_file_or_in_the_quarantine_beside_it) {
  for (const codec::Compression compression :
       {codec::Compression::none, codec::Compression::gzip, codec::Compression::zstd}) {
    SCOPED_TRACE(static_cast<int>(compression));
    compression_ = compression;
    rules_ = {.json = true, .value_bytes_max = 100'000};
    for (int i = 0; i < 200; ++i) {
      good(at("t", i % 3), static_cast<std::size_t>(i) * 10);
      if (i % 7 == 0) {
        junk(at("t", i % 3), static_cast<std::size_t>(i) * 10);
        cluster_.append(at("t", i % 3), "");
        cluster_.append_hole(at("t", i % 3), 2);
      }
    }
    good(at("t", 1), 200'000);
    assign_all();
    then_stop([this](FakeSource&) { return all_finished(); });
    ASSERT_TRUE(run().ok());
    expect_exact();
    EXPECT_EQ(orphans_, 0);
    cluster_ = {};
    cluster_.tells_entries = true;
    lake_.clear();
  }
  EXPECT_EQ(reasons_, (std::map<std::string, int>{{"not-json", 3 * 29}, {"too-large", 3}}));
  obs::TopicMetrics& topic = metrics_.topics.of("t");
  EXPECT_EQ(topic.quarantined[QuarantineReason::not_json].value(), 3 * 29U);
  EXPECT_EQ(topic.quarantined[QuarantineReason::too_large].value(), 3U);
  EXPECT_EQ(metrics_.records_skipped.value(), 3 * 29U);
}

TEST_F(WorkerQuarantineTest, a_stream_of_junk_alone_makes_empty_files_that_say_so) {
  for (const codec::Compression compression : {codec::Compression::none, codec::Compression::gzip}) {
    compression_ = compression;
    lake_.clear();
    cluster_ = {};
    cluster_.tells_entries = true;
    for (int i = 0; i < 50; ++i) {
      junk(at("t", 0), 500);
    }
    assign_all();
    then_stop([this](FakeSource&) { return all_finished(); });
    ASSERT_TRUE(run().ok());
    expect_exact();
    ASSERT_EQ(lake_.size(), 2U);
    const FakeBlobStore::Blob& file = lake_.rbegin()->second;
    EXPECT_EQ(file["records"], "0");
    EXPECT_EQ(file["bytes"], "0");
    EXPECT_EQ(file["quarantined"], "50");
    EXPECT_EQ(file["ranges"], "0:0-50");
    EXPECT_EQ(file.bytes.empty(), compression == codec::Compression::none) << "of gzip an empty member";
  }
}

TEST_F(WorkerQuarantineTest, good_records_alone_make_no_quarantine) {
  for (int i = 0; i < 50; ++i) {
    good(at("t", 0));
  }
  cluster_.append(at("t", 0), "");
  assign_all();
  then_stop([this](FakeSource&) { return all_finished(); });
  ASSERT_TRUE(run().ok());
  expect_exact();
  EXPECT_EQ(files_beside(), 0U);
  EXPECT_EQ(lake_.begin()->second["quarantined"], "") << "the row is there only if it says something";
}

TEST_F(WorkerQuarantineTest, nothing_is_claimed_before_the_quarantine_is_durable) {
  good(at("t", 0));
  junk(at("t", 0));
  bool refusing = true;
  refuses_ = [&](const std::string& name, Call) {
    return refusing && is_beside(name) ? std::optional(error_of(ErrorKind::unavailable)) : std::nullopt;
  };
  assign_all();
  then([polls = 0](FakeSource&) mutable { return ++polls > 600; },
       [&](FakeSource& source) {
         EXPECT_EQ(source.commits, 0U) << "a claim";
         EXPECT_TRUE(lake_.empty());
         refusing = false;
       });
  then_stop([this](FakeSource&) { return all_finished(); });
  ASSERT_TRUE(run().ok());
  expect_exact();
  ASSERT_EQ(order_.size(), 2U);
  EXPECT_TRUE(is_beside(order_[0]));
}

TEST_F(WorkerQuarantineTest, a_quarantine_whose_file_is_never_made_counts_for_nothing) {
  for (int i = 0; i < 20; ++i) {
    good(at("t", 0));
    junk(at("t", 0));
  }
  first([](FakeSource& source) { source.next_commit_loses_membership = true; });
  assign_all();
  then([](FakeSource& source) { return source.commits == 1; },
       [](FakeSource& source) { source.revoke(source::RevokeReason::lost); });
  then([](FakeSource& source) { return !source.held(); },
       [this](FakeSource& source) {
         EXPECT_EQ(files_beside(), 1U);
         EXPECT_EQ(lake_.size(), 1U);
         EXPECT_EQ(metrics_.topics.of("t").quarantined[QuarantineReason::not_json].value(), 0U)
             << "counted when it is sure";
         source.assign({at("t", 0)});
       });
  then_stop([this](FakeSource&) { return all_finished(); });
  ASSERT_TRUE(run().ok());
  expect_exact();
  EXPECT_EQ(orphans_, 1);
  EXPECT_EQ(metrics_.topics.of("t").quarantined[QuarantineReason::not_json].value(), 20U);
}

TEST_F(WorkerQuarantineTest, a_batch_that_is_dropped_before_its_quarantine_is_there_takes_it_along) {
  for (int i = 0; i < 60; ++i) {
    junk(at("t", 0), 20'000);
  }
  bool refusing = true;
  refuses_ = [&](const std::string& name, Call) {
    return refusing && is_beside(name) ? std::optional(error_of(ErrorKind::unavailable)) : std::nullopt;
  };
  assign_all();
  then([this](FakeSource&) { return metrics_.publishing_batches.value() > 0; },
       [](FakeSource& source) { source.revoke(source::RevokeReason::lost); });
  then([](FakeSource& source) { return !source.held(); },
       [&](FakeSource& source) {
         EXPECT_TRUE(std::ranges::any_of(store_->discarded, is_beside));
         refusing = false;
         source.assign({at("t", 0)});
       });
  // A file may land before the write of its last chunk to the stage has ended.
  then_stop([this](FakeSource&) { return all_finished() && metrics_.stage_live_bytes.value() == 0; });
  ASSERT_TRUE(run().ok());
  expect_exact();
}

TEST_F(WorkerQuarantineTest, a_successor_of_a_worker_that_died_at_any_poll_is_exact) {
  for (int polls = 20; polls <= 400; polls += 20) {
    SCOPED_TRACE(polls);
    lake_.clear();
    cluster_ = {};
    cluster_.tells_entries = true;
    script_.clear();
    for (int i = 0; i < 60; ++i) {
      i % 3 == 0 ? junk(at("t", i % 2), 20'000) : good(at("t", i % 2), 20'000);
    }
    cluster_.committed = {{at("t", 0), Position{0}}, {at("t", 1), Position{0}}};
    assign_all();
    then([at = 0, polls](FakeSource&) mutable { return ++at > polls; },
         [this](FakeSource&) { worker_->leave_now(); });
    ASSERT_TRUE(run().ok());
    assign_all();
    then_stop([this](FakeSource&) { return all_finished(); });
    ASSERT_TRUE(run().ok());
    expect_exact();
  }
}

// Each open batch holds a slab for its lines, and one for its quarantine: more than there are.
TEST_F(WorkerQuarantineTest, many_topics_with_junk_and_few_slabs_all_land) {
  max_age_ = seconds(3600);
  for (int topic = 0; topic < 12; ++topic) {
    const TopicPartition id = at("t" + std::to_string(topic), 0);
    for (int i = 0; i < 40; ++i) {
      good(id, 9'000);
      junk(id, 9'000);
    }
  }
  assign_all();
  then_stop([](FakeSource& source) { return source.at_end(); });
  ASSERT_TRUE(run().ok());
  expect_exact();
}

TEST_F(WorkerQuarantineTest, junk_ends_a_file_at_the_size_that_lines_end_it) {
  max_age_ = seconds(3600);
  max_bytes_ = 300'000;
  for (int i = 0; i < 100; ++i) {
    junk(at("t", 0), 20'000);
  }
  assign_all();
  then_stop([](FakeSource& source) { return source.at_end(); });
  ASSERT_TRUE(run().ok());
  expect_exact();
  EXPECT_GE(files_beside(), 8U);
  for (const auto& [name, blob] : lake_) {
    EXPECT_LE(blob.bytes.size(), max_bytes_) << name;
  }
}

TEST_F(WorkerQuarantineTest, blocks_of_a_quarantine_that_the_store_has_lost_are_put_again) {
  max_age_ = seconds(3600);
  for (int i = 0; i < 60; ++i) {
    junk(at("t", 0), 20'000);
  }
  bool losing = true;
  refuses_ = [&](const std::string& name, Call call) -> std::optional<Error> {
    if (losing && is_beside(name) && call == Call::commit_blocks) {
      losing = false;
      store_->lose_blocks();
    }
    return std::nullopt;
  };
  assign_all();
  then_stop([](FakeSource& source) { return source.at_end(); });
  ASSERT_TRUE(run().ok());
  EXPECT_FALSE(losing) << "the quarantine has several blocks";
  expect_exact();
}

// The name has the time of its first record, wherever that went. A quarantine may have blocks in the store
// when the first line comes.
TEST_F(WorkerQuarantineTest, a_batch_that_begins_with_junk_keeps_its_name_when_a_line_comes) {
  max_age_ = seconds(3600);
  max_bytes_ = 1 << 30;
  int asked = 0;
  refuses_ = [&](const std::string&, Call call) -> std::optional<Error> {
    asked += call == Call::get_properties ? 1 : 0;
    return std::nullopt;
  };
  for (int i = 0; i < 60; ++i) {
    junk(at("t", 0), 20'000);
  }
  assign_all();
  then([this](FakeSource& source) { return source.at_end() && metrics_.blocks_uploaded.value() > 0; },
       [this](FakeSource&) {
         cluster_.record_time_ms += 7'200'000;
         good(at("t", 0));
       });
  then_stop([](FakeSource& source) { return source.at_end(); });
  ASSERT_TRUE(run().ok());
  expect_exact();
  EXPECT_EQ(lake_.size(), 2U);
  EXPECT_EQ(asked, 0) << "its blocks were put under another name";
}

TEST_F(WorkerQuarantineTest, a_record_that_can_never_be_kept_is_refused_by_its_coordinates) {
  good(at("t", 0));
  junk(at("t", 0), 3'000'000);
  assign_all();
  const Result<void> outcome = run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_NE(outcome.error().message.find("offset 1: the record's value"), std::string::npos)
      << outcome.error().message;
}

TEST_F(WorkerQuarantineTest, a_strangers_file_at_the_name_of_a_quarantine_ends_it) {
  junk(at("t", 0));
  first([this](FakeSource&) {
    store_->script.stranger = true;
    store_->fail_next(Call::put_blob, ErrorKind::already_exists);
  });
  assign_all();
  const Result<void> outcome = run();
  ASSERT_FALSE(outcome.ok());
  EXPECT_NE(outcome.error().message.find("_quarantine/"), std::string::npos) << outcome.error().message;
  EXPECT_TRUE(lake_.empty());
}

}  // namespace
}  // namespace penstock::pipeline
