#include "pipeline/chunk_store.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "unit/pipeline/pipeline_fixture.h"
#include "unit/stage/watched_loop.h"

namespace penstock::pipeline {
namespace {

class ChunkStoreTest : public PipelineTest {
 protected:
  std::uint64_t live_bytes() const { return stage_->counters().live_bytes; }
};

TEST_F(ChunkStoreTest, the_reserve_is_not_for_records) {
  build(10, {.to_load = 4, .to_end = 2});
  EXPECT_EQ(chunks_->slabs_for_records(), 4U);
  EXPECT_TRUE(chunks_->make_room(4));
  EXPECT_FALSE(chunks_->make_room(5));
  EXPECT_TRUE(chunks_->make_room_to_end(6));
  EXPECT_FALSE(chunks_->make_room_to_end(7));
}

TEST_F(ChunkStoreTest, staged_chunks_give_way_the_latest_first_and_are_read_back) {
  build(10, {.to_load = 4, .to_end = 1});
  const BatchPtr early = sealed_batch(2 * k_chunk_bytes, 1);
  const BatchPtr late = sealed_batch(2 * k_chunk_bytes, 2);
  settle();
  EXPECT_EQ(pool_->free_count(), 6U);
  ASSERT_TRUE(chunks_->make_room(2));
  EXPECT_FALSE(late->cut.chunks[1].place.slab);
  EXPECT_TRUE(late->cut.chunks[0].place.slab);
  ASSERT_TRUE(chunks_->make_room(4));
  EXPECT_FALSE(late->cut.chunks[0].place.slab);
  EXPECT_FALSE(early->cut.chunks[1].place.slab);
  EXPECT_TRUE(early->cut.chunks[0].place.slab);
  EXPECT_EQ(read_block(early, 0), bytes_of_sealed(2 * k_chunk_bytes, 1));
  EXPECT_EQ(read_block(late, 0), bytes_of_sealed(2 * k_chunk_bytes, 2));
}

TEST_F(ChunkStoreTest, a_pinned_block_keeps_its_slabs) {
  build(10, {.to_load = 4, .to_end = 1});
  const BatchPtr batch = sealed_batch(4 * k_chunk_bytes);
  settle();
  bool loaded = false;
  chunks_->load(batch, 0, [&](const Result<void>& result) { loaded = result.ok(); });
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(chunks_->make_room(3));
  chunks_->unpin(*batch, 0);
  EXPECT_TRUE(chunks_->make_room(3));
}

TEST_F(ChunkStoreTest, forgetting_a_batch_whose_chunks_are_being_written_frees_them_afterwards) {
  build(10, {.to_load = 4, .to_end = 1});
  const BatchPtr batch = sealed_batch(3 * k_chunk_bytes);
  ASSERT_EQ(chunks_->writing_count(), 3U);
  chunks_->forget(*batch);
  EXPECT_FALSE(all_slabs_free()) << "the kernel still reads from them";
  settle();
  EXPECT_TRUE(all_slabs_free());
  EXPECT_EQ(live_bytes(), 0U);
}

TEST_F(ChunkStoreTest, forgetting_a_batch_that_is_being_read_frees_it_afterwards) {
  build(8, {.to_load = 4, .to_end = 1});
  const BatchPtr batch = sealed_batch(3 * k_chunk_bytes);
  settle();
  ASSERT_TRUE(chunks_->make_room(3));  // so that it must be read
  std::optional<Result<void>> loaded;
  chunks_->load(batch, 0, [&](Result<void> result) {
    loaded = std::move(result);
    chunks_->unpin(*batch, 0);
  });
  EXPECT_FALSE(loaded.has_value());
  chunks_->forget(*batch);
  run_until([&] { return loaded.has_value(); });
  EXPECT_TRUE(all_slabs_free());
  EXPECT_EQ(live_bytes(), 0U);
}

TEST_F(ChunkStoreTest, a_dropped_batch_is_not_in_the_way_of_loads_that_wait_behind_it) {
  build(8, {.to_load = 4, .to_end = 1});
  const BatchPtr first = sealed_batch(3 * k_chunk_bytes, 1);
  settle();
  ASSERT_TRUE(chunks_->make_room(3));
  const BatchPtr second = sealed_batch(k_chunk_bytes, 2);
  settle();
  ASSERT_TRUE(chunks_->make_room(3));
  std::vector<mem::Slab> taken;
  while (pool_->free_count() > 0) {
    taken.push_back(pool_->acquire());
  }
  std::string events;
  chunks_->load(first, 0, [&](const Result<void>& result) {
    events += result.ok() ? "first loaded, " : "first dropped, ";
    chunks_->unpin(*first, 0);
  });
  chunks_->load(second, 0,
                [&](const Result<void>& result) { events += result.ok() ? "second loaded" : "?"; });
  run_turns(5);
  EXPECT_EQ(events, "");
  chunks_->forget(*first);
  EXPECT_EQ(events, "first dropped, ");
  taken.resize(7);
  chunks_->retry_staging();  // as the worker does every second
  run_until([&] { return events == "first dropped, second loaded"; });
  chunks_->unpin(*second, 0);
  chunks_->forget(*second);
  taken.clear();
  EXPECT_TRUE(all_slabs_free());
  EXPECT_EQ(live_bytes(), 0U);
}

TEST_F(ChunkStoreTest, what_the_stage_has_no_room_for_is_staged_when_there_is) {
  stage_options_.bytes_max = 2 * k_segment_bytes;
  build(40, {.to_load = 4, .to_end = 1});
  const BatchPtr first = sealed_batch(16 * k_chunk_bytes, 1);
  const BatchPtr second = sealed_batch(8 * k_chunk_bytes, 2);
  run_until([&] { return chunks_->writing_count() == 0 && chunks_->waiting_count() > 0; });
  EXPECT_GE(chunks_->waiting_count(), 8U);
  EXPECT_EQ(chunks_->shortage().kind, stage::Shortage::Kind::full);
  EXPECT_EQ(read_block(second, 1), bytes_of_sealed(8 * k_chunk_bytes, 2).substr(4 * k_chunk_bytes))
      << "shipped from memory";
  chunks_->forget(*first);
  run_until([&] { return chunks_->waiting_count() == 0 && chunks_->writing_count() == 0; });
  EXPECT_EQ(second->cut.chunks[7].place.staging, Chunk::Staging::staged);
  chunks_->forget(*second);
  EXPECT_TRUE(all_slabs_free());
  EXPECT_EQ(live_bytes(), 0U);
}

TEST_F(ChunkStoreTest, a_full_stage_is_no_shortage_while_no_chunk_waits) {
  stage_options_.bytes_max = 2 * k_segment_bytes;
  build(40, {.to_load = 4, .to_end = 1});
  const BatchPtr batch = sealed_batch(16 * k_chunk_bytes, 1);
  settle();
  ASSERT_EQ(stage_->shortage().kind, stage::Shortage::Kind::full);
  EXPECT_EQ(chunks_->shortage().kind, stage::Shortage::Kind::none);
  chunks_->forget(*batch);
}

TEST_F(ChunkStoreTest, chunks_that_wait_for_the_next_segment_are_no_full_stage) {
  auto watched = std::make_unique<stage::WatchedLoop>(std::move(loop_));
  stage::WatchedLoop& loop = *watched;
  loop_ = std::move(watched);
  build(40, {.to_load = 4, .to_end = 1});
  loop.holds_headers = true;
  const BatchPtr batch = sealed_batch(20 * k_chunk_bytes, 1);  // two segments take 16 of them
  run_until([&] { return chunks_->writing_count() == 0; });
  ASSERT_EQ(chunks_->waiting_count(), 4U);
  EXPECT_EQ(chunks_->shortage().kind, stage::Shortage::Kind::preparing);
  EXPECT_FALSE(chunks_->shortage().lasts());
  loop.release_headers();
  run_until([&] { return chunks_->waiting_count() == 0 && chunks_->writing_count() == 0; });
  EXPECT_EQ(chunks_->shortage().kind, stage::Shortage::Kind::none);
  chunks_->forget(*batch);
}

TEST_F(ChunkStoreTest, bytes_that_cannot_be_read_back_are_an_error_and_not_garbage) {
  build(8, {.to_load = 4, .to_end = 1});
  const BatchPtr batch = sealed_batch(2 * k_chunk_bytes);
  settle();
  ASSERT_TRUE(chunks_->make_room(3));
  ASSERT_FALSE(batch->cut.chunks[0].place.slab);
  for (const auto& file : std::filesystem::directory_iterator(root_ + "/stage")) {
    if (file.path().extension() == ".stage") {
      std::filesystem::resize_file(file.path(), 4096);
    }
  }
  for (int tries = 0; tries < 2; ++tries) {  // the slab of a failed read is no cache
    std::optional<Result<void>> loaded;
    chunks_->load(batch, 0, [&](Result<void> result) { loaded = std::move(result); });
    run_until([&] { return loaded.has_value(); });
    EXPECT_FALSE(loaded->ok());
    chunks_->unpin(*batch, 0);
  }
  chunks_->forget(*batch);
  EXPECT_TRUE(all_slabs_free());
}

// A worker that ends drops its parts whatever is under way; the pool CHECKs that every slab is back.
TEST_F(ChunkStoreTest, ending_with_writes_reads_and_loads_under_way_loses_no_slab) {
  build(12, {.to_load = 4, .to_end = 1});
  const BatchPtr read = sealed_batch(3 * k_chunk_bytes, 1);
  settle();
  ASSERT_TRUE(chunks_->make_room(7));
  chunks_->load(read, 0, [](const Result<void>&) { ADD_FAILURE() << "called back after the end"; });
  const BatchPtr written = sealed_batch(3 * k_chunk_bytes, 2);
  EXPECT_GT(chunks_->writing_count(), 0U);
  const BatchPtr open = open_batch(3);
  ASSERT_EQ(append(open, "x"), BatchWriter::Taken::Stop::end);
  writer_->abandon(*open);
  for (const BatchPtr& batch : {read, written, open}) {
    chunks_->forget(*batch);
  }
}

}  // namespace
}  // namespace penstock::pipeline
