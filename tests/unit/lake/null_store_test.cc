#include "lake/null_store.h"

#include <chrono>
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "io/loop.h"

namespace penstock::lake {
namespace {

class NullStoreTest : public testing::Test {
 protected:
  void turn() { loop_->run_once(std::chrono::milliseconds{5}); }

  std::unique_ptr<io::Loop> loop_ = io::make_loop({.choice = io::Choice::portable}, system_clock()).value();
  std::optional<NullBlobStore> store_{std::in_place, *loop_};
  int answers_ = 0;
  Done count_ = [this](Result<void> result) { answers_ += result.ok() ? 1 : 100; };
};

TEST_F(NullStoreTest, counts_what_is_published_and_answers_from_the_loop) {
  const Bytes body[] = {as_bytes("one"), as_bytes("three")};
  EXPECT_EQ(size_of(body), 8U);
  store_->put_block("a", {0, 0, 8}, body, count_);
  const BlockRef blocks[] = {{0, 0, 8}, {1, 8, 4}};
  store_->commit_blocks("a", blocks, {}, count_);
  store_->put_blob("b", body, {}, count_);
  store_->probe(count_);
  EXPECT_EQ(answers_, 0);
  turn();
  EXPECT_EQ(answers_, 4);
  EXPECT_EQ(store_->blob_count(), 2U);
  EXPECT_EQ(store_->bytes(), 20U);
}

TEST_F(NullStoreTest, nothing_can_be_read_again) {
  store_->put_blob("b", {}, {}, count_);
  bool absent = false;
  bool empty = false;
  store_->get_properties("b", [&](Result<BlobProperties> result) {
    absent = !result.ok() && result.error().kind == ErrorKind::not_found;
  });
  store_->list("", "", [&](Result<BlobPage> page) { empty = page.ok() && page->blobs.empty(); });
  turn();
  EXPECT_TRUE(absent);
  EXPECT_TRUE(empty);
}

TEST_F(NullStoreTest, the_destroyed_store_answers_nobody) {
  store_->probe(count_);
  store_.reset();
  turn();
  EXPECT_EQ(answers_, 0);
}

}  // namespace
}  // namespace penstock::lake
