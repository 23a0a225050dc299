#include "pipeline/uploader.h"

#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "unit/pipeline/pipeline_fixture.h"

namespace penstock::pipeline {
namespace {

using Effect = FakeBlobStore::Effect;

constexpr std::size_t k_block_bytes = 4 * k_chunk_bytes;
constexpr std::size_t k_three_blocks = 3 * k_block_bytes;

class UploaderTest : public PipelineTest {
 protected:
  UploaderTest() { uploading_ = true; }

  // As the batcher and the worker do: blocks on their way while it is written, then sealed and published.
  BatchPtr publish(std::size_t bytes, std::uint64_t counter = 1) {
    const BatchPtr batch = sealed_batch(bytes, counter);
    uploader_->seal(batch);
    return batch;
  }

  void expect_published_once(const BatchPtr& batch, std::size_t bytes) {
    ASSERT_EQ(store_->blobs.count(batch->name), 1U);
    EXPECT_TRUE(store_->blobs[batch->name].bytes == bytes_of_sealed(bytes, batch->id.counter));
    EXPECT_EQ(store_->order, std::vector<std::string>{batch->name});
    ASSERT_EQ(tickets_.size(), 1U);
    EXPECT_EQ(tickets_[0].first, batch);
    ASSERT_TRUE(tickets_[0].second.ok());
    EXPECT_EQ(*tickets_[0].second, Uploader::Publication::published);
    expect_idle();
  }
  void expect_idle() {
    run_until([&] { return uploader_->idle() && chunks_->writing_count() == 0; });
    EXPECT_TRUE(all_slabs_free());
    EXPECT_EQ(stage_->counters().live_bytes, 0U);
  }
  bool answered() const { return !tickets_.empty(); }
};

TEST_F(UploaderTest, a_batch_of_one_block_is_one_call) {
  build(40);
  const BatchPtr batch = publish(k_chunk_bytes + 100);
  run_until([&] { return answered(); });
  expect_published_once(batch, k_chunk_bytes + 100);
  EXPECT_EQ(store_->count(Call::put_blob), 1U);
  EXPECT_EQ(store_->count(Call::put_block) + store_->count(Call::commit_blocks), 0U);
}

TEST_F(UploaderTest, the_metadata_tells_what_is_in_the_blob_and_whose_it_is) {
  build(40);
  const BatchPtr batch = publish(1000);
  batch->ranges.shares.push_back(
      Share{.partition = Partition{11}, .range = {Position{70}, Position{95}}, .chunked = {}});
  batch->cut.holes = 24;
  batch->cut.skipped = 1;
  run_until([&] { return answered(); });
  FakeBlobStore::Blob& blob = store_->blobs[batch->name];
  EXPECT_EQ(blob["holes"], "24");
  EXPECT_EQ(blob["skipped"], "1");
  EXPECT_EQ(blob["penstock"], "1");
  EXPECT_EQ(blob["topic"], "topic");
  EXPECT_EQ(blob["ranges"], "3:0-1,11:70-95");
  EXPECT_EQ(blob["records"], "1");
  EXPECT_EQ(blob["bytes"], "1000");
  EXPECT_EQ(blob["attempt"], "attempt-1");
  EXPECT_EQ(blob["group"], "group");
}

TEST_F(UploaderTest, blocks_go_out_while_the_batch_is_open_and_the_list_comes_last) {
  build(40);
  const BatchPtr batch = open_batch();
  ASSERT_EQ(append(batch, std::string(2 * k_block_bytes, 'b')), BatchWriter::Taken::Stop::end);
  run_until([&] { return batch->upload.blocks_stored == 2; });
  EXPECT_FALSE(batch->cut.sealed);
  EXPECT_EQ(store_->count(Call::put_block), 2U);
  writer_->seal(batch);
  uploader_->seal(batch);
  run_until([&] { return answered(); });
  expect_published_once(batch, 2 * k_block_bytes + 1);
  EXPECT_EQ(store_->count(Call::put_block), 3U);
  EXPECT_EQ(store_->count(Call::commit_blocks), 1U);
}

// Late publication, of a batch that goes whole and of one that goes by blocks: between stored and publish()
// nothing of it is visible, and nothing more is sent.
class LatePublicationTest : public UploaderTest, public testing::WithParamInterface<std::size_t> {
 protected:
  BatchPtr stored_batch() {
    build(40);
    publishes_ = false;
    const BatchPtr batch = publish(GetParam());
    run_until([&] { return stored_.size() == 1; });
    return batch;
  }
};

INSTANTIATE_TEST_SUITE_P(Sizes, LatePublicationTest, testing::Values(1000, k_block_bytes + 5));

TEST_P(LatePublicationTest, nothing_is_visible_before_publish) {
  const BatchPtr batch = stored_batch();
  for (int i = 0; i < 20; ++i) {
    loop_->run_once(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(uploader_->idle());
  EXPECT_TRUE(store_->blobs.empty());
  EXPECT_EQ(store_->count(Call::put_block), GetParam() > k_block_bytes ? 2U : 0U);
  uploader_->publish(batch, MonoTime::max());
  run_until([&] { return answered(); });
  expect_published_once(batch, GetParam());
}

// A successor has put a tombstone at the batch's name.
TEST_P(LatePublicationTest, a_batch_whose_name_has_a_tombstone_is_dead) {
  const BatchPtr batch = stored_batch();
  store_->blobs[batch->name].metadata = format::to_metadata(format::tombstone_of("group"));
  uploader_->publish(batch, MonoTime::max());
  run_until([&] { return answered(); });
  ASSERT_TRUE(tickets_[0].second.ok());
  EXPECT_EQ(*tickets_[0].second, Uploader::Publication::dead);
  EXPECT_TRUE(format::read_blob_metadata(store_->blobs[batch->name].metadata)->is_tombstone);
}

TEST_F(UploaderTest, a_batch_whose_blocks_are_all_stored_needs_only_the_list) {
  build(40);
  const BatchPtr batch = open_batch();
  ASSERT_EQ(append(batch, std::string(k_block_bytes - 1, 'b')), BatchWriter::Taken::Stop::end);
  ASSERT_EQ(append(batch, "c"), BatchWriter::Taken::Stop::end);
  writer_->spill(batch);
  ASSERT_EQ(append(batch, "c"), BatchWriter::Taken::Stop::end);
  for (int i = 0; i < 3; ++i) {
    writer_->spill(batch);
    ASSERT_EQ(append(batch, "c"), BatchWriter::Taken::Stop::end);
  }
  writer_->spill(batch);
  run_until([&] { return batch->upload.blocks_stored == batch->cut.blocks.size(); });
  writer_->seal(batch);
  uploader_->seal(batch);
  run_until([&] { return answered(); });
  EXPECT_EQ(store_->count(Call::commit_blocks), 1U);
  EXPECT_EQ(store_->order.size(), 1U);
  expect_idle();
}

TEST_F(UploaderTest, at_most_as_many_calls_as_connections) {
  build(60);
  store_->script.hold = true;
  for (std::uint64_t counter = 1; counter <= 5; ++counter) {
    publish(1000, counter);
  }
  run_turns(20);
  EXPECT_EQ(store_->held_count(), connections_);
  store_->answer_held();
  run_until([&] { return tickets_.size() == 5; });
  expect_idle();
}

TEST_F(UploaderTest, a_failed_call_is_made_again_after_a_wait_until_it_succeeds) {
  build(40);
  store_->fail_next(Call::put_blob, ErrorKind::throttled);
  store_->fail_next(Call::put_blob, ErrorKind::unavailable);
  const BatchPtr batch = publish(1000);
  run_turns(20);
  EXPECT_EQ(store_->count(Call::put_blob), 1U) << "the next try waits, and the clock stands";
  ASSERT_TRUE(uploader_->trouble().has_value());
  EXPECT_EQ(uploader_->trouble()->error.kind, ErrorKind::throttled);
  EXPECT_EQ(uploader_->trouble()->blob, batch->name);
  run_until([&] { return answered(); });
  expect_published_once(batch, 1000);
  EXPECT_EQ(store_->count(Call::put_blob), 3U);
  EXPECT_FALSE(uploader_->trouble().has_value());
  EXPECT_EQ(metrics_.retries[obs::RetryReason::throttled].value(), 1U);
  EXPECT_EQ(metrics_.retries[obs::RetryReason::unavailable].value(), 1U);
}

TEST_F(UploaderTest, what_only_a_person_can_mend_is_tried_again_too) {
  build(40);
  store_->script.outage = error_of(ErrorKind::forbidden, Action::fatal);
  const BatchPtr batch = publish(k_three_blocks);
  clock_.advance(std::chrono::hours(1));
  run_turns(20);
  EXPECT_FALSE(answered());
  store_->script.outage.reset();
  run_until([&] { return answered(); });
  expect_published_once(batch, k_three_blocks);
}

TEST_F(UploaderTest, blocks_and_list_that_fail_are_made_again) {
  build(40);
  for (const Call call : {Call::put_block, Call::commit_blocks}) {
    store_->fail_next(call, ErrorKind::unavailable);
    store_->fail_next(call, ErrorKind::timed_out, Effect::lost_reply);
  }
  const BatchPtr batch = publish(k_three_blocks);
  run_until([&] { return answered(); });
  expect_published_once(batch, k_three_blocks);
  EXPECT_EQ(store_->count(Call::put_block), 5U);
  EXPECT_EQ(store_->count(Call::commit_blocks), 3U) << "fails, takes effect unseen, finds itself";
  EXPECT_EQ(store_->count(Call::get_properties), 1U);
}

// A claim that is old is read again before its blob is put. Of a batch that goes whole, and of one in blocks.
class LatePutTest : public UploaderTest, public testing::WithParamInterface<std::size_t> {
 protected:
  Call call() const { return GetParam() == 1000 ? Call::put_blob : Call::commit_blocks; }

  // Published once, which fails in this way. Its time is over before the next try.
  BatchPtr late_after(ErrorKind kind, Effect effect) {
    build(40);
    publishes_ = false;
    BatchPtr batch = publish(GetParam());
    run_until([&] { return !stored_.empty(); });
    store_->fail_next(call(), kind, effect);
    uploader_->publish(batch, clock_.now() + std::chrono::milliseconds(1));
    run_turns(20);
    clock_.advance(std::chrono::minutes(1));
    run_until([&] { return !late_.empty(); });
    EXPECT_EQ(store_->count(call()), 1U);
    EXPECT_TRUE(tickets_.empty());
    return batch;
  }
};

TEST_P(LatePutTest, no_call_that_makes_the_blob_begins_after_its_time) {
  const BatchPtr batch = late_after(ErrorKind::unavailable, Effect::none);
  EXPECT_TRUE(store_->blobs.empty());
  uploader_->publish(batch, MonoTime::max());
  run_until([&] { return answered(); });
  expect_published_once(batch, GetParam());
}

TEST_P(LatePutTest, ask_finds_an_earlier_success) {
  const BatchPtr batch = late_after(ErrorKind::timed_out, Effect::lost_reply);
  uploader_->ask(batch);
  run_until([&] { return answered(); });
  ASSERT_TRUE(tickets_.front().second.ok());
  EXPECT_EQ(*tickets_.front().second, Uploader::Publication::published);
}

TEST_P(LatePutTest, ask_makes_an_end_where_nothing_is) {
  const BatchPtr batch = late_after(ErrorKind::timed_out, Effect::none);
  uploader_->ask(batch);
  run_until([&] { return answered(); });
  ASSERT_TRUE(tickets_.front().second.ok());
  EXPECT_EQ(*tickets_.front().second, Uploader::Publication::dead);
  EXPECT_TRUE(store_->blobs.empty());
}

// On a slow line a block takes longer than the time that a late batch is given.
TEST_P(LatePutTest, a_late_batch_waits_for_no_other) {
  connections_ = 1;
  const BatchPtr batch = late_after(ErrorKind::unavailable, Effect::none);
  const std::size_t blocks = store_->count(Call::put_block);
  const BatchPtr other = publish(k_three_blocks, 2);
  run_turns(20);
  EXPECT_EQ(store_->count(Call::put_block), blocks) << "its slot is kept";
  uploader_->publish(batch, clock_.now());
  run_until([&] { return answered(); });
  EXPECT_EQ(tickets_.front().first, batch);
  run_until([&] { return stored_.size() == 2; });
}

TEST_P(LatePutTest, a_late_batch_that_is_dropped_gives_its_slot_back) {
  connections_ = 1;
  const BatchPtr batch = late_after(ErrorKind::unavailable, Effect::none);
  const BatchPtr other = publish(k_three_blocks, 2);
  uploader_->abandon(*batch);
  run_until([&] { return stored_.size() == 2; });
}

INSTANTIATE_TEST_SUITE_P(WholeAndInBlocks, LatePutTest, testing::Values(std::size_t{1000}, k_three_blocks));

// What arrived is not what was sent: for the store, a block that is there and must not be used.
TEST_F(UploaderTest, a_block_that_arrived_damaged_is_put_again_and_lands_once) {
  build(40);
  store_->fail_next(Call::put_block, ErrorKind::corrupt, Effect::lost_reply);
  const BatchPtr batch = publish(k_three_blocks);
  run_until([&] { return answered(); });
  expect_published_once(batch, k_three_blocks);
  EXPECT_EQ(store_->count(Call::put_block), 4U);
  EXPECT_EQ(store_->count(Call::commit_blocks), 1U);
  EXPECT_EQ(metrics_.retries[obs::RetryReason::corrupt].value(), 1U);
  EXPECT_FALSE(uploader_->trouble().has_value());
}

TEST_F(UploaderTest, blocks_that_always_arrive_damaged_are_never_committed) {
  build(40);
  store_->script.outage = error_of(ErrorKind::corrupt);
  const BatchPtr batch = publish(k_three_blocks);
  for (int i = 0; i < 20; ++i) {
    clock_.advance(std::chrono::minutes(1));
    run_turns(5);
  }
  EXPECT_GT(metrics_.retries[obs::RetryReason::corrupt].value(), 10U);
  EXPECT_EQ(store_->count(Call::commit_blocks), 0U);
  EXPECT_FALSE(answered());
  ASSERT_TRUE(uploader_->trouble().has_value());
  EXPECT_EQ(uploader_->trouble()->error.kind, ErrorKind::corrupt);
  EXPECT_EQ(uploader_->trouble()->blob, batch->name);
  store_->script.outage.reset();
  run_until([&] { return answered(); });
  expect_published_once(batch, k_three_blocks);
}

TEST_F(UploaderTest, a_whole_blob_that_was_refused_as_damaged_is_put_again) {
  build(40);
  store_->fail_next(Call::put_blob, ErrorKind::corrupt);
  const BatchPtr batch = publish(1000);
  run_until([&] { return answered(); });
  expect_published_once(batch, 1000);
  EXPECT_EQ(store_->count(Call::put_blob), 2U);
}

// Asking whose it is would find our own attempt, and take it for a success.
TEST_F(UploaderTest, a_whole_blob_that_is_visible_and_damaged_is_for_a_person) {
  build(40);
  store_->script.faults[Call::put_blob].emplace_back(error_of(ErrorKind::corrupt, Action::fatal),
                                                     Effect::lost_reply);
  publish(1000);
  run_until([&] { return answered(); });
  ASSERT_FALSE(tickets_[0].second.ok());
  EXPECT_EQ(tickets_[0].second.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(store_->count(Call::put_blob), 1U);
  EXPECT_EQ(store_->count(Call::get_properties), 0U);
}

TEST_F(UploaderTest, a_lost_reply_is_recognized_by_the_attempt) {
  build(40);
  store_->fail_next(Call::put_blob, ErrorKind::timed_out, Effect::lost_reply);
  store_->fail_next(Call::get_properties, ErrorKind::unavailable);
  const BatchPtr batch = publish(1000);
  run_until([&] { return answered(); });
  expect_published_once(batch, 1000);
  EXPECT_EQ(store_->count(Call::put_blob), 2U);
  EXPECT_EQ(store_->count(Call::get_properties), 2U);
  EXPECT_FALSE(uploader_->trouble().has_value()) << "nothing fails any more";
}

TEST_F(UploaderTest, a_blob_of_somebody_else_under_our_name_is_an_error_for_a_person) {
  for (const std::size_t bytes : {std::size_t{1000}, k_three_blocks}) {
    build(40);
    store_->blobs["blob-1"] = {.bytes = "theirs", .metadata = {{"attempt", "theirs"}}};
    const BatchPtr batch = publish(bytes);
    run_until([&] { return answered(); });
    ASSERT_EQ(tickets_.size(), 1U);
    ASSERT_FALSE(tickets_[0].second.ok());
    EXPECT_EQ(tickets_[0].second.error().action, Action::fatal);
    EXPECT_NE(tickets_[0].second.error().message.find("blob-1"), std::string::npos);
    EXPECT_EQ(store_->blobs["blob-1"].bytes, "theirs");
    uploader_->abandon(*batch);
    expect_idle();
    tear_down();
    loop_ = io::make_loop({.choice = io::Choice::portable}, clock_).value();
  }
}

TEST_F(UploaderTest, blocks_that_are_gone_are_put_again_after_a_wait) {
  build(40);
  const BatchPtr batch = open_batch();
  ASSERT_EQ(append(batch, std::string(k_three_blocks - 2, 'b')), BatchWriter::Taken::Stop::end);
  run_until([&] { return batch->upload.blocks_stored == 2; });
  store_->lose_blocks();
  writer_->seal(batch);
  uploader_->seal(batch);
  run_turns(50);
  EXPECT_EQ(store_->count(Call::put_block), 3U) << "no hot loop: the clock stands";
  EXPECT_EQ(store_->count(Call::get_properties), 1U);
  EXPECT_TRUE(uploader_->trouble().has_value());
  run_until([&] { return answered(); });
  EXPECT_TRUE(store_->blobs[batch->name].bytes == std::string(k_three_blocks - 2, 'b') + "\n");
  EXPECT_EQ(store_->count(Call::put_block), 6U);
  EXPECT_EQ(tickets_.size(), 1U);
  expect_idle();
}

TEST_F(UploaderTest, blocks_are_read_back_from_the_stage_when_their_slabs_were_needed) {
  build(24);
  store_->script.outage = error_of(ErrorKind::unavailable);
  const BatchPtr batch = publish(k_block_bytes + 5);
  run_until([&] { return chunks_->writing_count() == 0 && uploader_->trouble().has_value(); });
  run_turns(20);
  ASSERT_TRUE(chunks_->make_room_to_end(24 - BatchWriter::reserve_for(cuts_).to_load));
  EXPECT_TRUE(all_slabs_free()) << "everything is only on the stage";
  store_->script.outage.reset();
  run_until([&] { return answered(); });
  expect_published_once(batch, k_block_bytes + 5);
  EXPECT_GT(stage_->counters().read_bytes, 0U);
}

TEST_F(UploaderTest, bytes_that_cannot_be_read_back_end_with_an_error) {
  build(24);
  store_->script.outage = error_of(ErrorKind::unavailable);
  const BatchPtr batch = publish(1000);
  run_until([&] { return chunks_->writing_count() == 0 && uploader_->trouble().has_value(); });
  run_turns(20);
  ASSERT_TRUE(chunks_->make_room_to_end(24 - BatchWriter::reserve_for(cuts_).to_load));
  for (const auto& file : std::filesystem::directory_iterator(root_ + "/stage")) {
    if (file.path().extension() == ".stage") {
      std::filesystem::resize_file(file.path(), 4096);
    }
  }
  store_->script.outage.reset();
  run_until([&] { return answered(); });
  EXPECT_FALSE(tickets_[0].second.ok());
  EXPECT_TRUE(store_->blobs.empty());
  uploader_->abandon(*batch);
  expect_idle();
}

// Wherever a batch is when it is dropped, its slot, its slabs and its room on the stage come back, no ticket
// is given, and nothing is sent for it any more.
TEST_F(UploaderTest, a_dropped_batch_leaves_nothing_behind) {
  struct StopAt {
    const char* where;
    std::function<void()> prepare;
    std::function<bool()> reached;
  };
  const std::vector<StopAt> stops = {
      {"queued", [] {}, [] { return true; }},
      {"a block under way", [&] { store_->script.hold = true; }, [&] { return store_->held_count() > 0; }},
      {"asleep before the next try", [&] { store_->script.outage = error_of(ErrorKind::unavailable); },
       [&] { return metrics_.retries[obs::RetryReason::unavailable].value() > 0; }},
      {"the list under way",
       [&] {
         store_->script.faults[Call::commit_blocks].emplace_back(error_of(ErrorKind::timed_out),
                                                                 Effect::none);
       },
       [&] { return store_->count(Call::commit_blocks) > 0; }},
      {"the question under way",
       [&] {
         store_->fail_next(Call::commit_blocks, ErrorKind::already_exists);
         store_->fail_next(Call::get_properties, ErrorKind::unavailable);
       },
       [&] { return store_->count(Call::get_properties) > 0; }},
      {"about to put all again",
       [&] { store_->fail_next(Call::commit_blocks, ErrorKind::invalid_block_list); },
       [&] { return uploader_->trouble().has_value(); }},
  };
  for (const StopAt& stop : stops) {
    SCOPED_TRACE(stop.where);
    const std::uint64_t before = metrics_.retries[obs::RetryReason::unavailable].value();
    EXPECT_EQ(before, metrics_.retries[obs::RetryReason::unavailable].value());
    build(40);
    stop.prepare();
    const BatchPtr batch = publish(k_three_blocks);
    for (int turn = 0; turn < 5000 && !stop.reached(); ++turn) {
      loop_->run_once(std::chrono::milliseconds(1));
    }
    ASSERT_TRUE(stop.reached());
    uploader_->abandon(*batch);
    const std::size_t calls = store_->count(Call::put_block) + store_->count(Call::put_blob) +
                              store_->count(Call::commit_blocks) + store_->count(Call::get_properties);
    store_->script = {};
    store_->answer_held();
    expect_idle();
    EXPECT_EQ(store_->count(Call::put_block) + store_->count(Call::put_blob) +
                  store_->count(Call::commit_blocks) + store_->count(Call::get_properties),
              calls);
    EXPECT_TRUE(tickets_.empty());
    EXPECT_TRUE(store_->blobs.empty());
    EXPECT_EQ(store_->discarded, std::vector<std::string>{batch->name});
    EXPECT_FALSE(uploader_->trouble().has_value());
    const BatchPtr next = publish(1000, 2);  // every slot is free again
    run_until([&] { return answered(); });
    expect_published_once(next, 1000);
    tear_down();
    loop_ = io::make_loop({.choice = io::Choice::portable}, clock_).value();
  }
}

TEST_F(UploaderTest, a_batch_dropped_while_its_block_is_read_back_is_not_sent) {
  uploading_ = false;
  build(24);
  const BatchPtr batch = sealed_batch(1000);
  settle();
  ASSERT_TRUE(chunks_->make_room_to_end(24 - BatchWriter::reserve_for(cuts_).to_load));
  uploader_->upload(batch, 0);
  uploader_->seal(batch);
  loop_->defer([&] {    // behind what tells that it is stored
    loop_->defer([&] {  // behind the uploader's own turn
      EXPECT_FALSE(all_slabs_free()) << "the read has not begun";
      uploader_->abandon(*batch);
    });
  });
  run_until([&] { return stage_->counters().read_bytes > 0; });
  expect_idle();
  EXPECT_EQ(store_->count(Call::put_blob), 0U);
  EXPECT_TRUE(store_->blobs.empty());
}

TEST_F(UploaderTest, ending_with_calls_and_timers_under_way_calls_nobody_back) {
  build(60);
  store_->script.hold = true;
  publish(k_three_blocks, 1);
  run_until([&] { return store_->held_count() > 0; });
  store_->script.hold = false;
  store_->script.outage = error_of(ErrorKind::unavailable);
  publish(1000, 2);
  run_turns(20);
  for (const BatchPtr& batch : batches_) {
    uploader_->abandon(*batch);
  }
  clock_.advance(std::chrono::hours(1));
  tear_down();
  EXPECT_TRUE(tickets_.empty());
}

}  // namespace
}  // namespace penstock::pipeline
