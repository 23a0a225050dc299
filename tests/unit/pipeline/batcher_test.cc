#include "pipeline/batcher.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/pipeline/pipeline_fixture.h"
#include "unit/pipeline/unpack.h"

namespace penstock::pipeline {
namespace {

using std::chrono::seconds;

std::vector<TopicPartition> partitions(std::int32_t count, const std::string& topic = "topic") {
  std::vector<TopicPartition> out;
  for (std::int32_t i = 0; i < count; ++i) {
    out.push_back({.topic = topic, .partition = Partition{i}});
  }
  return out;
}

class BatcherTest : public PipelineTest {
 protected:
  std::string bytes_of(const BatchPtr& batch) {
    std::string bytes;
    for (std::uint32_t i = 0; i < batch->cut.blocks.size(); ++i) {
      bytes += unpack(batch->plan->format.compression, read_block(batch, i)).text;
    }
    return bytes;
  }
  Position committable(std::uint32_t slot) const { return ledger_.committable(PartitionSlot{slot}); }
};

TEST_F(BatcherTest, a_batch_is_sealed_by_age_though_no_record_arrives) {
  build(40);
  build_batcher(partitions(2));
  ASSERT_EQ(offer(0, {"a", "b"}), 2U);
  clock_.advance(seconds(30));
  run_turns(3);
  ASSERT_EQ(offer(1, {"c"}), 1U);
  clock_.advance(seconds(29));
  run_turns(3);
  EXPECT_TRUE(sealed_.empty()) << "the age counts from the first record";
  clock_.advance(seconds(1));
  run_turns(3);
  ASSERT_EQ(sealed_.size(), 1U);
  EXPECT_EQ(bytes_of(sealed_[0]), "a\nb\nc\n");
  EXPECT_EQ(metrics_.batches_sealed[obs::SealReason::age].value(), 1U);
  EXPECT_EQ(batcher_->open_count(), 0U);
  clock_.advance(seconds(600));
  run_turns(3);
  EXPECT_EQ(sealed_.size(), 1U) << "no records, no file";
  ASSERT_EQ(offer(0, {"d"}), 1U);
  clock_.advance(seconds(60));
  run_turns(3);
  ASSERT_EQ(sealed_.size(), 2U);
  EXPECT_EQ(sealed_[1]->ranges.shares.size(), 1U);
  EXPECT_EQ(sealed_[1]->ranges.shares[0].range, (Range{Position{2}, Position{3}}));
  EXPECT_NE(sealed_[0]->name, sealed_[1]->name);
  EXPECT_NE(sealed_[0]->attempt, sealed_[1]->attempt);
}

TEST_F(BatcherTest, a_record_that_would_make_the_file_too_large_begins_the_next) {
  plan_.max_bytes = 1000;
  build(40);
  build_batcher(partitions(1));
  const std::string half(499, 'h');
  ASSERT_EQ(offer(0, {half, half, half, std::string(5000, 'L'), half}), 5U);
  ASSERT_EQ(sealed_.size(), 3U);
  EXPECT_EQ(sealed_[0]->cut.raw_bytes, 1000U) << "to the byte";
  EXPECT_EQ(sealed_[1]->cut.raw_bytes, 500U);
  EXPECT_EQ(sealed_[2]->cut.raw_bytes, 5001U) << "alone it may be as large as it is";
  EXPECT_EQ(batcher_->open_count(), 1U);
  EXPECT_EQ(metrics_.batches_sealed[obs::SealReason::size].value(), 3U);
  Position next{0};
  for (const BatchPtr& batch : sealed_) {
    EXPECT_EQ(batch->ranges.shares[0].range.first, next);
    next = batch->ranges.shares[0].range.next;
  }
  EXPECT_EQ(next, Position{4});
}

TEST_F(BatcherTest, every_partition_has_its_own_batch_where_the_plan_says_so) {
  plan_.by_partition = true;
  plan_.path = codec::PathTemplate::parse("{topic}/{partition}").value();
  build(40);
  build_batcher(partitions(3));
  for (std::uint32_t slot : {0U, 1U, 2U, 0U}) {
    ASSERT_EQ(offer(slot, {"p" + std::to_string(slot)}), 1U);
  }
  ASSERT_TRUE(batcher_->seal_all(obs::SealReason::drain));
  ASSERT_EQ(sealed_.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(sealed_[i]->ranges.shares.size(), 1U);
    EXPECT_EQ(sealed_[i]->ranges.shares[0].partition, (Partition{static_cast<std::int32_t>(i)}));
    EXPECT_EQ(sealed_[i]->name.rfind("topic/" + std::to_string(i) + "-", 0), 0U) << sealed_[i]->name;
  }
  EXPECT_EQ(bytes_of(sealed_[0]), "p0\np0\n");
}

TEST_F(BatcherTest, a_path_need_not_name_the_partition_of_its_batches) {
  plan_.by_partition = true;
  build(40);
  build_batcher(partitions(2));
  ASSERT_EQ(offer(0, {"a"}), 1U);
  ASSERT_EQ(offer(1, {"b"}), 1U);
  ASSERT_TRUE(batcher_->seal_all(obs::SealReason::drain));
  ASSERT_EQ(sealed_.size(), 2U);
  EXPECT_NE(sealed_[0]->name, sealed_[1]->name);
}

TEST_F(BatcherTest, more_partitions_than_a_batch_may_hold_are_divided_into_fixed_groups) {
  build(60);
  build_batcher(partitions(401));
  std::map<std::int32_t, std::uint64_t> first;
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t slot = 0; slot < 401; ++slot) {
      ASSERT_EQ(offer(slot, {"r"}), 1U);
    }
    EXPECT_EQ(batcher_->open_count(), 3U);
    ASSERT_TRUE(batcher_->seal_all(obs::SealReason::drain));
    ASSERT_EQ(sealed_.size(), 3U);
    std::map<std::int32_t, std::uint64_t> group;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_LE(sealed_[i]->ranges.shares.size(), k_partitions_per_batch_max);
      for (const Share& share : sealed_[i]->ranges.shares) {
        EXPECT_TRUE(group.emplace(share.partition.value, i).second);
      }
      std::size_t metadata = 0;
      for (const auto& [key, value] : blob_metadata(*sealed_[i], std::string(256, 'g'))) {
        metadata += key.size() + value.size();
      }
      EXPECT_LT(metadata, 8192U);
    }
    EXPECT_EQ(group.size(), 401U);
    EXPECT_TRUE(round == 0 || group == first) << "partitions do not change their group";
    first = group;
    sealed_.clear();
  }
}

TEST_F(BatcherTest, empty_values_and_holes_move_the_position_and_make_no_file) {
  build(40);
  build_batcher(partitions(2));
  ASSERT_EQ(offer(0, {"", "", ""}), 3U);
  EXPECT_EQ(batcher_->take({.slot = PartitionSlot{1}, .records = {}, .next = Position{17}}), 0U);
  EXPECT_EQ(metrics_.records_skipped.value(), 3U);
  clock_.advance(seconds(60));
  run_turns(3);
  ASSERT_EQ(sealed_.size(), 1U);
  EXPECT_TRUE(sealed_[0]->cut.blocks.empty());
  EXPECT_EQ(committable(0), Position{3});
  EXPECT_EQ(committable(1), Position{17});
}

TEST_F(BatcherTest, ranges_cover_holes_between_and_behind_records) {
  build(40);
  build_batcher(partitions(1));
  const std::string value = "v";
  std::vector<RecordView> records;
  for (const std::int64_t offset : {4, 5, 9}) {
    records.push_back({.offset = Offset{offset}, .key = {}, .value = as_bytes(value), .headers = {}});
  }
  EXPECT_EQ(batcher_->take({.slot = PartitionSlot{0}, .records = records, .next = Position{12}}), 3U);
  ASSERT_TRUE(batcher_->seal_all(obs::SealReason::drain));
  EXPECT_EQ(sealed_[0]->ranges.shares[0].range, (Range{Position{0}, Position{12}}));
  EXPECT_EQ(sealed_[0]->cut.records, 3U);
  EXPECT_EQ(bytes_of(sealed_[0]), "v\nv\nv\n");
}

TEST_F(BatcherTest, a_record_that_can_never_be_taken_is_reported_and_not_skipped) {
  build(24);
  build_batcher(partitions(1));
  const std::string large(24 * k_chunk_bytes, 'L');
  EXPECT_EQ(offer(0, {"a", large, "b"}), 1U);
  ASSERT_EQ(refused_.size(), 1U);
  EXPECT_NE(refused_[0].find("topic topic, partition 0, offset 1"), std::string::npos) << refused_[0];
  EXPECT_EQ(ledger_.received(PartitionSlot{0}), Position{1});
}

TEST_F(BatcherTest, dropped_batches_leave_no_timer_and_no_slab) {
  for (const auto compression : {codec::Compression::none, codec::Compression::zstd}) {
    plan_.format.compression = compression;
    build(40);
    build_batcher(partitions(3));
    ASSERT_EQ(offer(0, {"a", std::string(3 * k_chunk_bytes, 'x')}), 2U);
    for (const BatchPtr& batch : batcher_->end_epoch()) {
      chunks_->forget(*batch);
    }
    ledger_.end_epoch();
    EXPECT_EQ(batcher_->open_count(), 0U);
    clock_.advance(seconds(600));
    settle();
    EXPECT_TRUE(sealed_.empty());
    EXPECT_TRUE(all_slabs_free());
    tear_down();
    loop_ = io::make_loop({.choice = io::Choice::portable}, clock_).value();
  }
}

// A topic each for many partitions, little memory, a small stage, and no record lost: with each, what cannot
// be taken is relieved of as the worker does it.
class TightMemory : public BatcherTest, public testing::WithParamInterface<codec::Compression> {
 protected:
  std::size_t sealed_with_records() const {
    return static_cast<std::size_t>(std::count_if(
        sealed_.begin(), sealed_.end(), [](const BatchPtr& batch) { return batch->cut.records > 0; }));
  }
};

TEST_P(TightMemory, many_topics_make_progress_and_land_whole) {
  plan_.by_partition = true;
  plan_.format.compression = GetParam();
  plan_.max_age = seconds(3600);
  stage_options_.bytes_max = 3 * k_segment_bytes;  // 24 slabs
  uploading_ = true;
  const ChunkStore::Reserve reserve = BatchWriter::reserve_for(cuts_);
  build(reserve.to_load + reserve.to_end + 12, reserve);
  constexpr std::uint32_t k_topics = 40;
  build_batcher(partitions(k_topics));
  store_->script.outage = error_of(ErrorKind::unavailable);

  std::mt19937_64 random(5);
  std::vector<std::string> expected(k_topics);
  std::vector<std::string> held(k_topics);
  const auto value_for = [&] {
    std::string value(1 + random() % 9000, 'v');
    for (char& c : value) {
      c = static_cast<char>(' ' + random() % 90);
    }
    return value;
  };
  int starved_turns = 0;
  std::uint64_t taken = 0;
  for (int turn = 0; turn < 20'000 && taken < 1200; ++turn) {
    if (turn == 400) {
      EXPECT_LT(taken, 1200U) << "stage and memory are full while the store is down";
      EXPECT_GT(chunks_->waiting_count(), 0U);
      store_->script.outage.reset();
    }
    bool starved = false;
    for (int i = 0; i < 8; ++i) {
      const auto slot = static_cast<std::uint32_t>(random() % k_topics);
      if (held[slot].empty()) {
        held[slot] = value_for();
      }
      if (offer(slot, {held[slot]}) == 1) {
        expected[slot] += held[slot] + "\n";
        held[slot].clear();
        ++taken;
      } else {
        starved = true;
      }
    }
    if (starved) {
      ++starved_turns;
      batcher_->relieve(tickets_.size() < sealed_with_records(), chunks_->waiting_count() > 0);
    }
    loop_->run_once(std::chrono::milliseconds(1));
    clock_.advance(std::chrono::milliseconds(100));
  }
  EXPECT_GE(taken, 1200U) << "stuck";
  run_until([&] { return batcher_->seal_all(obs::SealReason::drain); });
  run_until(
      [&] { return tickets_.size() == sealed_with_records() && uploader_->idle() && all_slabs_free(); });
  EXPECT_EQ(stage_->counters().live_bytes, 0U);
  std::map<std::int32_t, std::string> landed;
  for (const BatchPtr& batch : sealed_) {
    if (batch->cut.records == 0) {
      continue;  // opened for a record that then found no slab
    }
    landed[batch->ranges.shares[0].partition.value] +=
        unpack(plan_.format.compression, store_->blobs[batch->name].bytes).text;
  }
  for (std::uint32_t slot = 0; slot < k_topics; ++slot) {
    EXPECT_TRUE(landed[static_cast<std::int32_t>(slot)] == expected[slot]) << "topic " << slot;
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, TightMemory,
                         testing::Values(codec::Compression::none, codec::Compression::gzip,
                                         codec::Compression::zstd),
                         [](const auto& each) { return std::string(codec::to_string(each.param)); });

}  // namespace
}  // namespace penstock::pipeline
