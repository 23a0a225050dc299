#include "pipeline/batcher.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
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

class SmallFiles : public BatcherTest {
 protected:
  SmallFiles() {
    plan_.min_bytes = 1000;
    plan_.small_max_age = seconds(600);
  }
  void pass(seconds time) {
    clock_.advance(time);
    run_turns(3);
  }
  // As the worker does at every turn.
  std::size_t sealed_now() {
    batcher_->seal_due();
    return sealed_.size();
  }
};

TEST_F(SmallFiles, a_small_batch_waits_for_its_second_age) {
  build(40);
  build_batcher(partitions(1));
  ASSERT_EQ(offer(0, {"a"}), 1U);
  pass(seconds(60));
  EXPECT_EQ(sealed_now(), 0U) << "it has 2 bytes of 1000";
  pass(seconds(539));
  EXPECT_EQ(sealed_now(), 0U);
  pass(seconds(1));
  ASSERT_EQ(sealed_now(), 1U);
  EXPECT_EQ(metrics_.batches_sealed[obs::SealReason::age].value(), 1U);
  ASSERT_EQ(offer(0, {"b"}), 1U);
  pass(seconds(599));
  EXPECT_EQ(sealed_now(), 1U) << "the next one begins anew";
  pass(seconds(1));
  EXPECT_EQ(sealed_now(), 2U);
}

TEST_F(SmallFiles, a_batch_that_is_large_enough_keeps_its_age) {
  build(40);
  build_batcher(partitions(1));
  ASSERT_EQ(offer(0, {std::string(999, 'x')}), 1U);
  pass(seconds(59));
  EXPECT_EQ(sealed_now(), 0U) << "its age counts all the same";
  pass(seconds(1));
  EXPECT_EQ(sealed_now(), 1U);
}

TEST_F(SmallFiles, a_batch_is_sealed_as_soon_as_it_has_grown) {
  build(40);
  build_batcher(partitions(1));
  ASSERT_EQ(offer(0, {std::string(899, 'x')}), 1U);
  pass(seconds(100));
  EXPECT_EQ(sealed_now(), 0U);
  ASSERT_EQ(offer(0, {std::string(99, 'y')}), 1U);
  ASSERT_EQ(sealed_now(), 1U) << "to the byte";
  pass(seconds(600));
  EXPECT_EQ(sealed_now(), 1U) << "no timer is left of it";
}

TEST_F(SmallFiles, what_was_spilled_counts) {
  build(40);
  build_batcher(partitions(1));
  ASSERT_EQ(offer(0, {std::string(899, 'x')}), 1U);
  batcher_->relieve(true, false);
  EXPECT_EQ(batcher_->open_count(), 1U);
  ASSERT_EQ(offer(0, {std::string(99, 'y')}), 1U);
  pass(seconds(60));
  EXPECT_EQ(sealed_now(), 1U);
}

TEST_F(SmallFiles, a_stop_and_a_revoke_do_not_wait) {
  build(40);
  build_batcher(partitions(1));
  ASSERT_EQ(offer(0, {"a"}), 1U);
  pass(seconds(61));
  EXPECT_TRUE(batcher_->seal_all(obs::SealReason::drain));
  EXPECT_EQ(sealed_now(), 1U);
}

class RecordClock : public BatcherTest {
 protected:
  RecordClock() {
    plan_.path = codec::PathTemplate::parse("{yyyy}{MM}{dd}T{HH}{mm}{ss}").value();
    plan_.name_clock = NameClock::record;
    clock_.set_wall(k_now);
  }
  void offer_at(std::int64_t timestamp_ms, const std::string& value = "v") {
    const Position at = ledger_.received(PartitionSlot{0});
    const RecordView record{.offset = Offset{at.value},
                            .timestamp_ms = timestamp_ms,
                            .key = {},
                            .value = as_bytes(value),
                            .headers = {},
                            .null_value = value.empty()};
    ASSERT_EQ(take({.slot = PartitionSlot{0}, .records = {&record, 1}, .next = Position{at.value + 1}}), 1U);
  }
  std::string sealed_name() {
    batcher_->seal_all(obs::SealReason::drain);
    return sealed_.empty() ? "" : sealed_.back()->name.substr(0, 15);
  }

  static constexpr WallTime k_now{seconds{1769817600}};               // 2026-01-31T00:00:00Z
  static constexpr std::int64_t k_hour_ago_ms = 1769814000LL * 1000;  // 2026-01-30T23:00:00Z
};

TEST_F(RecordClock, a_name_has_the_time_of_the_first_record) {
  build(40);
  build_batcher(partitions(1));
  offer_at(k_hour_ago_ms);
  offer_at(k_hour_ago_ms - 60'000);
  EXPECT_EQ(sealed_name(), "20260130T230000") << "not that of the oldest";
}

TEST_F(RecordClock, a_time_that_cannot_be_one_counts_as_now) {
  build(40);
  build_batcher(partitions(1));
  for (const std::int64_t time : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{4102444800000}}) {
    offer_at(time);
    EXPECT_EQ(sealed_name(), "20260131T000000") << time;
  }
}

TEST_F(RecordClock, a_batch_that_a_hole_began_is_named_by_its_first_record) {
  build(40);
  build_batcher(partitions(1));
  ASSERT_EQ(take({.slot = PartitionSlot{0}, .records = {}, .next = Position{5}}), 0U);
  offer_at(k_hour_ago_ms);
  EXPECT_EQ(sealed_name(), "20260130T230000");
}

TEST_F(BatcherTest, a_wall_clock_that_jumps_seals_nothing_and_makes_no_name_twice) {
  plan_.path = codec::PathTemplate::parse("{yyyy}{MM}{dd}T{HH}{mm}{ss}").value();
  build(40);
  build_batcher(partitions(1));
  const WallTime before = clock_.wall_now();
  std::set<std::string> names;
  for (const seconds jump : {seconds(0), seconds(-3600), seconds(86'400), seconds(0)}) {
    clock_.set_wall(before + jump);
    ASSERT_EQ(offer(0, {"a"}), 1U);
    const std::size_t sealed = sealed_.size();
    clock_.set_wall(before + seconds(864'000));
    run_turns(3);
    EXPECT_EQ(sealed_.size(), sealed) << "no time has passed";
    clock_.advance(seconds(59));
    run_turns(3);
    EXPECT_EQ(sealed_.size(), sealed);
    clock_.set_wall(before - seconds(864'000));
    clock_.advance(seconds(1));
    run_turns(3);
    ASSERT_EQ(sealed_.size(), sealed + 1) << "a minute has passed, whatever the time of day";
    EXPECT_TRUE(names.insert(sealed_.back()->name).second) << sealed_.back()->name;
  }
  const std::string& first = sealed_[0]->name;
  const std::string& last = sealed_[3]->name;
  EXPECT_EQ(first.substr(0, 15), last.substr(0, 15)) << "of the same second";
  EXPECT_LT(sealed_[1]->name.substr(0, 15), first.substr(0, 15)) << "times in names may go back";
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
      EXPECT_LE(metadata, format::k_metadata_bytes_max);
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
  EXPECT_EQ(take({.slot = PartitionSlot{1}, .records = {}, .next = Position{17}}), 0U);
  EXPECT_EQ(metrics_.records_skipped.value(), 3U);
  clock_.advance(seconds(60));
  run_turns(3);
  ASSERT_EQ(sealed_.size(), 1U);
  EXPECT_TRUE(sealed_[0]->cut.blocks.empty());
  EXPECT_EQ(committable(0), Position{3});
  EXPECT_EQ(committable(1), Position{17});
  EXPECT_EQ(sealed_[0]->cut.skipped, 3U);
  EXPECT_EQ(sealed_[0]->cut.holes, 17U);
}

TEST_F(BatcherTest, what_made_no_file_is_told_by_the_next_blob_of_its_partition) {
  build(40);
  build_batcher(partitions(2));
  const auto seal = [this] {
    EXPECT_TRUE(batcher_->seal_all(obs::SealReason::drain));
    return blob_metadata(*sealed_.back(), "g");
  };
  const auto before = [](const Metadata& rows) {
    return format::to_text(format::read_blob_metadata(rows).value().before);
  };
  ASSERT_EQ(offer(0, {"a"}), 1U);
  ASSERT_EQ(offer(1, {"b"}), 1U);
  EXPECT_EQ(before(seal()), "") << "reading began there";
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(offer(0, {"", ""}), 2U);
    seal();
  }
  ASSERT_EQ(offer(1, {"c"}), 1U);
  EXPECT_EQ(before(seal()), "") << "it has nothing of that partition";
  ASSERT_EQ(offer(0, {"d"}), 1U);
  ASSERT_EQ(offer(1, {"e"}), 1U);
  EXPECT_EQ(before(seal()), "0:1-5");
  ASSERT_EQ(offer(0, {"f"}), 1U);
  EXPECT_EQ(before(seal()), "") << "it was told";
}

TEST_F(BatcherTest, ranges_cover_holes_between_and_behind_records) {
  build(40);
  build_batcher(partitions(1));
  const std::string value = "v";
  std::vector<RecordView> records;
  for (const std::int64_t offset : {4, 5, 9}) {
    records.push_back({.offset = Offset{offset}, .key = {}, .value = as_bytes(value), .headers = {}});
  }
  EXPECT_EQ(take({.slot = PartitionSlot{0}, .records = records, .next = Position{12}}), 3U);
  ASSERT_TRUE(batcher_->seal_all(obs::SealReason::drain));
  EXPECT_EQ(sealed_[0]->ranges.shares[0].range, (Range{Position{0}, Position{12}}));
  EXPECT_EQ(sealed_[0]->cut.records, 3U);
  EXPECT_EQ(sealed_[0]->cut.holes, 9U);
  EXPECT_EQ(bytes_of(sealed_[0]), "v\nv\nv\n");
}

TEST_F(BatcherTest, what_is_lost_without_a_record_between_is_one_range) {
  build(40);
  build_batcher(partitions(2));
  const auto lose = [this](std::uint32_t slot, std::int64_t next) {
    EXPECT_EQ(take({.slot = PartitionSlot{slot}, .records = {}, .next = Position{next}, .lost = true}), 0U);
  };
  lose(0, 10);
  lose(1, 5);
  lose(0, 20);
  ASSERT_EQ(offer(0, {"a"}), 1U);
  lose(0, 30);
  ASSERT_TRUE(batcher_->seal_all(obs::SealReason::drain));
  ASSERT_EQ(sealed_.size(), 1U);
  EXPECT_EQ(format::to_text(sealed_[0]->ranges.lost), "0:0-20,1:0-5,0:21-30");
}

std::size_t metadata_bytes(const Batch& batch) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : blob_metadata(batch, std::string(256, 'g'))) {
    bytes += key.size() + value.size();
  }
  return bytes;
}

// 150 partitions with the longest positions, each lost again and again: the blobs can be published, all the
// same.
TEST_F(BatcherTest, ranges_and_lost_positions_never_outgrow_the_metadata_of_a_blob) {
  plan_.topic = std::string(249, 't');
  build(60);
  const auto ids = partitions(k_partitions_per_batch_max, plan_.topic);
  build_batcher({});
  ledger_.end_epoch();
  std::vector<source::Assigned> assigned;
  for (const TopicPartition& id : ids) {
    assigned.push_back({.id = {plan_.topic, Partition{id.partition.value + 2'000'000'000}},
                        .start = Position{INT64_MAX - 100'000},
                        .topic_id = std::string(32, 'f')});
  }
  begin_epoch(assigned, std::vector<const TopicPlan*>(assigned.size(), &plan_));
  for (int round = 0; round < 20; ++round) {
    for (std::uint32_t slot = 0; slot < ids.size(); ++slot) {
      const Position next{ledger_.received(PartitionSlot{slot}).value + 3};
      EXPECT_EQ(take({.slot = PartitionSlot{slot}, .records = {}, .next = next, .lost = true}), 0U);
      EXPECT_EQ(ledger_.received(PartitionSlot{slot}), next);
      ASSERT_EQ(offer(slot, {"r"}), 1U);
    }
  }
  ASSERT_TRUE(batcher_->seal_all(obs::SealReason::drain));
  std::size_t lost = 0;
  std::size_t largest = 0;
  for (const BatchPtr& batch : sealed_) {
    lost += batch->ranges.lost.size();
    largest = std::max(largest, metadata_bytes(*batch));
  }
  EXPECT_EQ(lost, 20U * k_partitions_per_batch_max) << "every loss is told";
  EXPECT_LE(largest, format::k_metadata_bytes_max);
  EXPECT_GT(largest, format::k_metadata_bytes_max / 2) << "no batch is sealed long before it must be";
}

// The storage is away, so nothing is published.
class BacklogTest : public BatcherTest {
 protected:
  static constexpr std::uint64_t k_of_one = k_sealed_batch_bytes + k_sealed_share_bytes;

  void pass(Duration time) {
    clock_.advance(time);
    run_turns(3);
    batcher_->seal_due();  // as in every turn of the worker
  }
  void publish(const BatchPtr& batch) {
    ledger_.published(ledger::BatchKey{batch->id.counter});
    chunks_->forget(*batch);
    std::erase(sealed_, batch);
  }
};

TEST_F(BacklogTest, takes_no_records_when_it_is_full_and_goes_on_when_a_batch_is_published) {
  backlog_bytes_max_ = 4 * k_of_one;
  plan_.max_bytes = 1;
  build(40);
  build_batcher(partitions(1));
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) {
    taken += offer(0, {"r"});
  }
  EXPECT_EQ(taken, 4U);
  EXPECT_EQ(batcher_->backlog().batch_count(), 4U);
  settle();
  publish(BatchPtr(sealed_.front()));
  run_turns(3);
  EXPECT_EQ(batcher_->backlog().batch_count(), 3U);
  EXPECT_EQ(offer(0, {"r"}), 1U);
  EXPECT_EQ(offer(0, {"r"}), 0U);
}

TEST_F(BacklogTest, batches_grow_once_it_is_half_full_and_the_one_before_them_waits) {
  backlog_bytes_max_ = 8 * k_of_one;
  plan_.by_partition = true;
  build(40);
  build_batcher(partitions(2));
  for (int minute = 0; minute < 20; ++minute) {
    ASSERT_EQ(offer(0, {"r"}), 1U);
    pass(seconds(60));
  }
  EXPECT_EQ(sealed_.size(), 4U) << "half of the backlog";
  EXPECT_EQ(batcher_->open_count(), 1U);
  ASSERT_EQ(offer(1, {"r"}), 1U);
  pass(seconds(60));
  EXPECT_EQ(sealed_.size(), 5U) << "nothing is before this one";

  settle();
  while (!sealed_.empty()) {
    publish(BatchPtr(sealed_.front()));
  }
  pass(seconds(0));
  ASSERT_EQ(sealed_.size(), 1U) << "due for long";
  EXPECT_EQ(sealed_[0]->cut.records, 16U);
}

TEST_F(BacklogTest, a_batch_without_rows_waits_for_the_one_before_it) {
  plan_.by_partition = true;
  build(40);
  build_batcher(partitions(1));
  ASSERT_EQ(offer(0, {"r"}), 1U);
  pass(seconds(60));
  ASSERT_EQ(sealed_.size(), 1U);
  for (int minute = 0; minute < 5; ++minute) {
    ASSERT_EQ(offer(0, {""}), 1U);
    pass(seconds(60));
  }
  EXPECT_EQ(ledger_.unpublished_count(), 2U);
  settle();
  publish(BatchPtr(sealed_.front()));
  pass(seconds(0));
  EXPECT_EQ(ledger_.unpublished_count(), 0U);
  EXPECT_EQ(committable(0), Position{6});
}

TEST_F(BatcherTest, a_topic_id_is_in_the_metadata_and_in_the_recipe) {
  plan_.recipe_hash = 77;
  build(40);
  build_batcher({});
  ledger_.end_epoch();
  const std::string id(32, 'a');
  const std::string other(32, 'b');
  // As it is for a moment, when a topic is made anew while its assignment is resolved.
  begin_epoch({{.id = {"topic", Partition{0}}, .start = Position{0}, .topic_id = id},
               {.id = {"topic", Partition{1}}, .start = Position{0}, .topic_id = other},
               {.id = {"topic", Partition{2}}, .start = Position{0}}},
              {&plan_, &plan_, &plan_});
  for (const std::uint32_t slot : {0U, 1U, 2U}) {
    ASSERT_EQ(offer(slot, {"r"}), 1U);
  }
  ASSERT_TRUE(batcher_->seal_all(obs::SealReason::drain));
  ASSERT_EQ(sealed_.size(), 3U) << "no blob is of two topics";
  const std::string* said[] = {&id, &other};
  for (const std::uint32_t slot : {0U, 1U}) {
    const auto read = format::read_blob_metadata(blob_metadata(*sealed_[slot], "group"));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->topic_id, *said[slot]);
    EXPECT_EQ(sealed_[slot]->recipe_hash, batcher_->recipe_hash_of(PartitionSlot{slot}));
  }
  EXPECT_NE(sealed_[0]->recipe_hash, sealed_[1]->recipe_hash);
  EXPECT_NE(sealed_[0]->recipe_hash, plan_.recipe_hash);
  EXPECT_EQ(sealed_[2]->recipe_hash, plan_.recipe_hash) << "as without ids";
}

TEST_F(BatcherTest, a_partition_that_moves_to_a_new_topic_leaves_the_batch_of_the_former) {
  build(40);
  build_batcher({});
  ledger_.end_epoch();
  const std::string former(32, 'a');
  const std::string present(32, 'b');
  begin_epoch({{.id = {"topic", Partition{0}}, .start = Position{0}, .topic_id = former},
               {.id = {"topic", Partition{1}}, .start = Position{0}, .topic_id = former}},
              {&plan_, &plan_});
  ASSERT_EQ(offer(0, {"0"}), 1U);
  ASSERT_EQ(offer(1, {"1"}), 1U);
  batcher_->moved(PartitionSlot{1}, present);
  ASSERT_EQ(offer(0, {"0"}), 1U);
  ASSERT_EQ(offer(1, {"1"}), 1U);
  batcher_->moved(PartitionSlot{0}, present);
  ASSERT_EQ(offer(0, {"0"}), 1U);
  batcher_->moved(PartitionSlot{7}, present);  // of an assignment that was not taken up
  ASSERT_TRUE(batcher_->seal_all(obs::SealReason::drain));
  ASSERT_EQ(sealed_.size(), 2U);
  EXPECT_EQ(sealed_[0]->topic_id, former);
  EXPECT_EQ(bytes_of(sealed_[0]), "0\n1\n0\n");
  EXPECT_EQ(sealed_[1]->topic_id, present);
  EXPECT_EQ(bytes_of(sealed_[1]), "1\n0\n");
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
