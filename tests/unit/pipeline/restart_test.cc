// A worker that goes away in an outage of the lake, and the one that comes after it: what is on the stage is
// not fetched again, and whatever happens, every record lands once.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "pipeline/worker.h"
#include "unit/pipeline/fake_blob_store.h"
#include "unit/pipeline/fake_clock.h"
#include "unit/pipeline/fake_source.h"
#include "unit/pipeline/unpack.h"

namespace penstock::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t k_restart_slab_bytes = 64 << 10;
// With so many no slab is spilled for want of memory, and what is open at a death is the same each time.
constexpr std::size_t k_slabs_for_all = 40;
constexpr std::uint64_t k_restart_segment_bytes = 4096 + 4 * k_restart_slab_bytes;

class RestartTest : public testing::Test {
 protected:
  RestartTest() {
    std::string pattern = testing::TempDir() + "/penstock-restart-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    options_.group = "group";
    options_.protocol.guarantee = ledger::Guarantee::exactly_once;
    options_.protocol.sink = "0123abcd";
    options_.protocol.fence_wait = milliseconds(200);
    options_.slab_count = 24;
    options_.slab_bytes = k_restart_slab_bytes;
    options_.block_bytes = k_restart_slab_bytes - stage::k_chunk_header_bytes;
    options_.connections = 2;
    options_.stage = {.dir = root_ + "/stage",
                      .bytes_max = 64 * k_restart_segment_bytes,
                      .segment_bytes = k_restart_segment_bytes,
                      .slab_bytes = k_restart_slab_bytes,
                      .direct = false};
    options_.loop.choice = io::Choice::portable;
    options_.plan_for = [this](const std::string& topic) -> Result<TopicPlan> {
      TopicPlan plan;
      plan.topic = topic;
      plan.max_age = seconds(1000);
      plan.max_bytes = max_bytes_;
      plan.format = {.rows = rows_, .compression = compression_};
      plan.path = codec::PathTemplate::parse("{topic}").value();
      set_rules(plan, rules_);
      return plan;
    };
    options_.make_store = [this](io::Loop& loop) -> Result<std::unique_ptr<lake::BlobStore>> {
      auto store = std::make_unique<FakeBlobStore>(loop);
      store_ = store.get();
      if (outage_) {
        store_->script.outage = error_of(ErrorKind::unavailable);
      }
      store_->blobs = blobs_;
      store_->script.on_published = [this](const std::string& name) { blobs_[name] = store_->blobs[name]; };
      return std::unique_ptr<lake::BlobStore>(std::move(store));
    };
    options_.make_source = [this](io::Loop& loop) -> Result<std::unique_ptr<source::Source>> {
      loop_ = &loop;
      return std::unique_ptr<source::Source>(std::make_unique<FakeSource>(
          loop, cluster_, [this](FakeSource& source) { every_poll(source); },
          [](const TopicPartition&, Position) {}));
    };
    options_.random = [this] { return random_ += 0x9e3779b97f4a7c15; };
    cluster_.tells_entries = true;
    produce(k_a, 300);
    produce(k_b, 300);
    cluster_.committed = {{k_a, Position{0}}, {k_b, Position{0}}};
  }
  ~RestartTest() override { std::filesystem::remove_all(root_); }

  void produce(const TopicPartition& id, int count) {
    for (int i = 0; i < count; ++i) {
      cluster_.append(id, std::to_string(id.partition.value) + " " +
                              std::to_string(cluster_.logs[id].end.value) + " " + noise());
    }
  }
  // About two kilobytes that do not shrink much.
  std::string noise() {
    std::string text;
    while (text.size() < 2000) {
      noise_ = noise_ * 6364136223846793005 + 1442695040888963407;
      text += static_cast<char>('!' + (noise_ >> 33) % 90);
    }
    return text;
  }

  // One life: until `over`, asked at every poll, then away without a word, or drained.
  enum class End { killed, drained };
  void live(End end, std::function<bool(FakeSource&)> over) {
    over_ = std::move(over);
    end_ = end;
    metrics_ = std::make_unique<obs::WorkerMetrics>(0);
    worker_ = std::make_unique<Worker>(options_, clock_, *metrics_);
    ASSERT_TRUE(worker_->begin().ok());
    while (worker_->turn() && !killed_) {
    }
    killed_ = stopping_ = false;
    worker_->leave_now();  // a killed one has no more turns, in which it would seal what is open
    const auto result = worker_->end();
    EXPECT_TRUE(result.ok()) << result.error().message;
  }
  void every_poll(FakeSource& source) {
    clock_.advance(milliseconds(5));
    loop_->wake();
    if (source.polls == 1) {
      std::vector<TopicPartition> ids;
      for (const auto& [id, log] : cluster_.logs) {
        ids.push_back(id);
      }
      source.assign(ids);
    } else if (system_clock().now() - began_ > std::chrono::minutes(1)) {  // by the machine's clock
      ADD_FAILURE() << "stuck; not ready: " << worker_->not_ready();
      worker_->leave_now();
    } else if (at_poll_) {
      at_poll_(source);
    }
    // The clock is ours, but the disk is a real one: its last write is to end before the drain does.
    std::this_thread::sleep_for(stopping_ ? milliseconds(5) : std::chrono::microseconds(200));
    if (over_ && over_(source)) {
      over_ = nullptr;
      killed_ = end_ == End::killed;
      if (end_ == End::drained) {
        stopping_ = true;
        worker_->stop();
      }
    }
  }

  // An outage of the lake: all there is is read and staged, but for the last slab, and nothing lands.
  void live_through_an_outage_and_die() {
    outage_ = true;
    live(End::killed, [this](FakeSource& source) {
      return source.at_end() && source.polls > 600 &&
             metrics_->stage_written_bytes.value() ==
                 static_cast<std::uint64_t>(metrics_->stage_live_bytes.value());
    });
    EXPECT_EQ(received(), 600U);
    EXPECT_TRUE(blobs_.empty());
    outage_ = false;
  }
  void live_until_all_has_landed() {
    live(End::drained, [this](FakeSource& source) { return published(source); });
  }
  // All is read, and nothing that was sealed is under way.
  bool published(FakeSource& source) {
    return source.polls > 100 && source.at_end() && metrics_->publishing_batches.value() == 0;
  }

  std::uint64_t received() const { return metrics_->records_received.value(); }
  std::uint64_t used_bytes() const { return metrics_->recovered_used_bytes.value(); }

  // Every record from where `from` says lands once, in order within a blob, and as it was produced.
  void expect_landed_once(std::map<TopicPartition, std::int64_t> from = {}) {
    std::map<std::string, int> lines;
    for (const auto& [name, blob] : blobs_) {
      if (blob["tombstone"] == "1") {
        continue;
      }
      if (blob["quarantine"] == "1") {
        count_quarantine(name, blob, lines);
        continue;
      }
      const bool packed = name.ends_with(".gz");
      const std::string text = packed ? unpack(codec::Compression::gzip, blob.bytes).text : blob.bytes;
      std::uint64_t count = 0;
      std::map<std::string, std::int64_t> last;
      for (std::size_t at = 0; at < text.size(); ++count) {
        const std::size_t end = text.find('\n', at);
        ASSERT_NE(end, std::string::npos) << name;
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        ++lines[line];
        const std::string partition = line.substr(0, line.find(' '));
        const std::int64_t offset = std::stoll(line.substr(partition.size() + 1));
        EXPECT_TRUE(!last.contains(partition) || last[partition] < offset) << name;
        last[partition] = offset;
      }
      EXPECT_EQ(blob["records"], std::to_string(count)) << name;
      EXPECT_EQ(blob["bytes"], std::to_string(text.size())) << name;
    }
    std::size_t expected = 0;
    for (const auto& [id, log] : cluster_.logs) {
      for (const FakeCluster::Record& record : log.records) {
        const bool is_due = record.offset.value >= from[id] && !record.value.empty();
        expected += is_due ? 1 : 0;
        EXPECT_EQ(lines[record.value], is_due ? 1 : 0) << record.value.substr(0, 8);
      }
      EXPECT_EQ(cluster_.committed_of(id), log.end);
    }
    std::erase_if(lines, [](const auto& line) { return line.second == 0; });
    EXPECT_EQ(lines.size(), expected);
  }

  // Of a file that is there.
  void count_quarantine(const std::string& name, const FakeBlobStore::Blob& blob,
                        std::map<std::string, int>& lines) {
    const auto file = blobs_.find(std::string(format::file_beside(name)));
    if (file == blobs_.end() || file->second["attempt"] != blob["of"]) {
      return;
    }
    EXPECT_EQ(file->second["quarantined"], blob["records"]) << name;
    constexpr std::string_view k_partition = "\"partition\":";
    constexpr std::string_view k_offset = "\"offset\":";
    for (std::size_t at = 0; (at = blob.bytes.find(k_partition, at)) != std::string::npos; ++at) {
      const std::size_t offset = blob.bytes.find(k_offset, at) + k_offset.size();
      const TopicPartition id{"topic", Partition{std::stoi(blob.bytes.substr(at + k_partition.size(), 9))}};
      const auto record = static_cast<std::size_t>(std::stoll(blob.bytes.substr(offset, 18)));
      ++lines[cluster_.logs[id].records.at(record).value];
    }
  }

  void damage_payload_of(std::uint32_t chunk_index) {
    for (const auto& file : std::filesystem::directory_iterator(options_.stage.dir)) {
      const auto number = stage::segment_number(file.path().filename().string());
      if (!number) {
        continue;
      }
      const auto scan = stage::scan_segment(file.path().string(), *number, stage::Payloads::skipped);
      for (const stage::RecoveredChunk& each : scan->chunks) {
        if (each.chunk.index == chunk_index && !damaged_) {
          std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
          bytes.seekp(static_cast<std::streamoff>(each.extent.offset + stage::k_chunk_header_bytes + 9));
          bytes << "~~~";
          damaged_ = bytes.good();
        }
      }
    }
    ASSERT_TRUE(damaged_);
  }

  inline static const TopicPartition k_a{"topic", Partition{1}};
  inline static const TopicPartition k_b{"topic", Partition{2}};

  std::string root_;
  FakeClock clock_;
  const MonoTime began_ = system_clock().now();
  FakeCluster cluster_;
  std::uint64_t noise_ = 1;
  std::uint64_t random_ = 1;
  std::uint64_t max_bytes_ = 150'000;  // three blocks
  codec::Compression compression_ = codec::Compression::none;
  format::RowFormat rows_ = format::RowFormat::lines;
  format::RecordRules rules_;
  bool outage_ = false;
  bool damaged_ = false;
  bool killed_ = false;
  bool stopping_ = false;
  std::map<std::string, FakeBlobStore::Blob> blobs_;
  WorkerOptions options_;
  FakeBlobStore* store_ = nullptr;
  io::Loop* loop_ = nullptr;
  std::unique_ptr<obs::WorkerMetrics> metrics_;
  std::unique_ptr<Worker> worker_;
  End end_ = End::killed;
  std::function<bool(FakeSource&)> over_;
  std::function<void(FakeSource&)> at_poll_;
};

// The stage does not tell which positions are in the quarantine, nor with which lines.
TEST_F(RestartTest, what_was_staged_of_a_batch_is_used_up_to_its_first_record_in_quarantine) {
  options_.slab_count = k_slabs_for_all;
  rules_.value_bytes_max = 2500;
  max_bytes_ = 1 << 30;
  cluster_.logs[k_a].records[200].value += std::string(1000, '.');
  live_through_an_outage_and_die();
  live_until_all_has_landed();
  EXPECT_GT(used_bytes(), 100 * 2000U);
  EXPECT_GT(received(), 100U);
  EXPECT_LT(received(), 600U);
  expect_landed_once();
  EXPECT_EQ(metrics_->topics.of("topic").quarantined[QuarantineReason::too_large].value(), 1U);
  EXPECT_EQ(metrics_->stage_live_bytes.value(), 0);
}

TEST_F(RestartTest, what_was_staged_under_other_rules_is_fetched_again) {
  options_.slab_count = k_slabs_for_all;
  live_through_an_outage_and_die();
  rules_.value_bytes_max = 2500;
  live_until_all_has_landed();
  EXPECT_EQ(used_bytes(), 0U);
  EXPECT_EQ(received(), 600U);
  expect_landed_once();
}

TEST_F(RestartTest, what_was_staged_is_not_fetched_again) {
  options_.slab_count = k_slabs_for_all;
  live_through_an_outage_and_die();
  live_until_all_has_landed();
  EXPECT_LE(received(), 27U);  // what was in the open slab: 27 records
  EXPECT_GT(used_bytes(), 570 * 2000U);
  EXPECT_EQ(metrics_->records_landed.value(), 600U) << "whoever fetched them";
  expect_landed_once();
  EXPECT_EQ(metrics_->stage_live_bytes.value(), 0);
}

TEST_F(RestartTest, what_makes_no_line_is_still_known) {  // every blob's metadata are held against its bytes
  options_.slab_count = k_slabs_for_all;
  cluster_.logs.clear();
  for (int i = 0; i < 300; ++i) {
    for (const TopicPartition& id : {k_a, k_b}) {
      produce(id, 1);
      cluster_.append(id, "");
    }
  }
  outage_ = true;
  live(End::killed, [this](FakeSource& source) {
    return source.at_end() && source.polls > 600 &&
           metrics_->stage_written_bytes.value() ==
               static_cast<std::uint64_t>(metrics_->stage_live_bytes.value());
  });
  outage_ = false;
  live_until_all_has_landed();
  EXPECT_GT(used_bytes(), 570 * 2000U);
  expect_landed_once();
  std::uint64_t skipped = 0;
  for (const auto& [name, blob] : blobs_) {
    skipped += std::stoull(blob["skipped"]);
  }
  EXPECT_EQ(skipped, 600U);
}

TEST_F(RestartTest, a_batch_that_was_open_is_cut_behind_its_last_whole_record) {
  options_.slab_count = k_slabs_for_all;
  max_bytes_ = 1 << 30;
  live_through_an_outage_and_die();
  live_until_all_has_landed();
  EXPECT_LE(received(), 29U);  // a slab's 28 whole records, and the one that began before it
  EXPECT_GT(used_bytes(), 570 * 2000U);
  EXPECT_NE(used_bytes() % (k_restart_slab_bytes - stage::k_chunk_header_bytes), 0U) << "nothing was cut";
  expect_landed_once();
}

TEST_F(RestartTest, the_outage_may_outlast_several_lives) {
  options_.slab_count = k_slabs_for_all;
  live_through_an_outage_and_die();
  for (int life = 0; life < 3; ++life) {
    produce(k_a, 50);
    outage_ = true;
    live(End::killed, [](FakeSource& source) { return source.at_end() && source.polls > 400; });
    outage_ = false;
    EXPECT_LE(received(), 77U + 27U);
  }
  live_until_all_has_landed();
  EXPECT_LE(received(), 27U * 2);
  expect_landed_once();
}

TEST_F(RestartTest, compressed_batches_that_were_sealed_are_used_again) {
  compression_ = codec::Compression::gzip;
  live_through_an_outage_and_die();
  live_until_all_has_landed();
  EXPECT_LT(received(), 200U);  // an open compressed batch is read again
  EXPECT_GT(used_bytes(), 0U);
  expect_landed_once();
}

TEST_F(RestartTest, a_batch_of_which_one_partition_has_moved_on_is_read_again) {
  live_through_an_outage_and_die();
  cluster_.committed[k_b] = Position{1};  // another process published the first record
  live_until_all_has_landed();
  EXPECT_GT(received(), 500U);  // all but the first batch, which has nothing of it
  expect_landed_once({{k_b, 1}});
  EXPECT_EQ(metrics_->stage_live_bytes.value(), 0);
}

TEST_F(RestartTest, without_an_entry_nothing_is_used_again) {
  cluster_.committed.clear();
  live_through_an_outage_and_die();
  live_until_all_has_landed();
  EXPECT_EQ(received(), 600U);
  expect_landed_once();
}

TEST_F(RestartTest, a_partition_that_went_to_another_process_is_not_waited_for) {
  live_through_an_outage_and_die();
  cluster_.logs.erase(k_b);
  live_until_all_has_landed();
  EXPECT_GT(received(), 200U);  // all but the first batch, which has nothing of it
  expect_landed_once();
}

TEST_F(RestartTest, a_batch_that_was_made_otherwise_is_read_again) {
  live_through_an_outage_and_die();
  compression_ = codec::Compression::gzip;
  live_until_all_has_landed();
  EXPECT_EQ(received(), 600U);
  expect_landed_once();
}

TEST_F(RestartTest, a_batch_of_another_format_is_read_again) {
  rows_ = format::RowFormat::envelope;
  live_through_an_outage_and_die();
  rows_ = format::RowFormat::lines;
  live_until_all_has_landed();
  EXPECT_EQ(received(), 600U);
  expect_landed_once();
}

// Its positions are the same, and its records are not.
TEST_F(RestartTest, a_batch_of_a_topic_that_was_made_anew_meanwhile_is_read_again) {
  cluster_.topic_id = std::string(32, 'a');
  live_through_an_outage_and_die();
  cluster_.topic_id = std::string(32, 'b');
  live_until_all_has_landed();
  EXPECT_EQ(received(), 600U);
  EXPECT_EQ(used_bytes(), 0U);
  expect_landed_once();
}

TEST_F(RestartTest, a_batch_of_the_same_topic_id_is_not_fetched_again) {
  cluster_.topic_id = std::string(32, 'a');
  live_through_an_outage_and_die();
  live_until_all_has_landed();
  EXPECT_GT(used_bytes(), 0U);
  expect_landed_once();
}

TEST_F(RestartTest, damaged_bytes_are_found_and_fetched_again) {
  live_through_an_outage_and_die();
  damage_payload_of(2);
  live_until_all_has_landed();
  EXPECT_GT(received(), 100U);
  expect_landed_once();
}

TEST_F(RestartTest, a_lost_batch_of_one_block_is_found_before_it_is_claimed) {
  max_bytes_ = 40'000;  // one block each
  live_through_an_outage_and_die();
  cluster_.metadata.clear();  // the claims that a life with small batches makes at once
  damage_payload_of(0);
  live_until_all_has_landed();
  EXPECT_GT(received(), 0U);
  expect_landed_once();
}

// A former owner published after the assignment: the fence sees it, and what was used again is dropped like
// anything else.
TEST_F(RestartTest, what_was_used_again_is_dropped_after_a_changed_fence) {
  live_through_an_outage_and_die();
  at_poll_ = [this](FakeSource& source) {
    if (source.polls == 10) {
      cluster_.committed[k_a] = Position{7};
    }
  };
  live_until_all_has_landed();
  EXPECT_GT(used_bytes(), 0U);
  expect_landed_once({{k_a, 7}});
}

TEST_F(RestartTest, a_revoke_forgets_what_was_used_again_and_the_next_owner_reads_it) {
  live_through_an_outage_and_die();
  outage_ = true;
  options_.drain_timeout = milliseconds(100);
  at_poll_ = [this](FakeSource& source) {
    if (source.polls == 10) {
      source.revoke(source::RevokeReason::rebalance);
    } else if (source.polls > 10 && !source.held()) {
      store_->script.outage.reset();
      source.assign({k_a, k_b});
    }
  };
  live(End::drained,
       [this](FakeSource& source) { return source.polls > 200 && source.held() && published(source); });
  expect_landed_once();
}

TEST_F(RestartTest, a_full_stage_of_leftovers_does_not_stop_the_worker) {
  options_.stage.bytes_max = 8 * k_restart_segment_bytes;
  max_bytes_ = 400'000;
  produce(k_a, 2000);
  outage_ = true;
  live(End::killed, [](FakeSource& source) { return source.polls > 1500; });
  EXPECT_LT(received(), 2600U);  // the stage is full
  outage_ = false;
  live_until_all_has_landed();
  expect_landed_once();
}

}  // namespace
}  // namespace penstock::pipeline
