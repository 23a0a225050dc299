#include "pipeline/claimed_names.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "unit/pipeline/pipeline_fixture.h"
#include "unit/pipeline/unpack.h"

namespace penstock::pipeline {
namespace {

using Effect = FakeBlobStore::Effect;

class ClaimedNamesTest : public PipelineTest {
 protected:
  ClaimedNamesTest() {
    build(40);
    names_ = std::make_unique<ClaimedNames>(
        ClaimedNames::Options{.retry = {.first = std::chrono::milliseconds(1), .longest = {}},
                              .group = "group",
                              .random = [] { return std::uint64_t{1}; }},
        *store_, *loop_, metrics_);
  }

  bool put_tombstone(const std::string& blob) {
    std::optional<bool> created;
    names_->put_tombstone(blob, format::empty_file(format::format_of(blob)),
                          [&](bool answer) { created = answer; });
    run_until([&] { return created.has_value(); });
    return created.value_or(false);
  }
  NamedBlob read(const std::string& blob) {
    std::optional<NamedBlob> found;
    names_->read(blob, [&](const NamedBlob& answer) { found = answer; });
    run_until([&] { return found.has_value(); });
    return found.value_or(NamedBlob());
  }
  // A writer that is gone, or only late, has put blocks there.
  void put_their_block(const std::string& blob, std::uint32_t index, const std::string& bytes) {
    const Bytes body = as_bytes(bytes);
    bool answered = false;
    store_->put_block(blob, {index, 0, bytes.size()}, lake::Body(&body, 1),
                      [&](const Result<void>&) { answered = true; });
    run_until([&] { return answered; });
  }
  Result<void> commit_their_block(const std::string& blob, std::uint64_t bytes) {
    const lake::BlockRef block{0, 0, bytes};
    std::optional<Result<void>> answered;
    store_->commit_blocks(blob, std::span(&block, 1), {{"attempt", "theirs"}},
                          [&](Result<void> result) { answered = std::move(result); });
    run_until([&] { return answered.has_value(); });
    return *answered;
  }

  std::unique_ptr<ClaimedNames> names_;
};

TEST_F(ClaimedNamesTest, a_tombstone_is_an_empty_file_of_the_format_in_one_call) {
  for (const std::string name : {"a.txt", "a.txt.gz", "a.txt.zst"}) {
    EXPECT_TRUE(put_tombstone(name));
    EXPECT_EQ(store_->blobs[name]["tombstone"], "1");
  }
  EXPECT_EQ(store_->blobs["a.txt"].bytes, "");
  EXPECT_EQ(gunzip(store_->blobs["a.txt.gz"].bytes).members, 1);
  EXPECT_EQ(gunzip(store_->blobs["a.txt.gz"].bytes).text, "");
  EXPECT_FALSE(store_->blobs["a.txt.zst"].bytes.empty());
  EXPECT_EQ(store_->count(Call::put_blob), 3U);
  EXPECT_EQ(store_->count(Call::get_properties) + store_->count(Call::commit_blocks), 0U);
}

TEST_F(ClaimedNamesTest, a_blob_keeps_its_name) {
  put_their_block("a.txt", 0, "data");
  ASSERT_TRUE(commit_their_block("a.txt", 4).ok());
  EXPECT_FALSE(put_tombstone("a.txt"));
  EXPECT_EQ(store_->blobs["a.txt"].bytes, "data");
}

TEST_F(ClaimedNamesTest, what_is_there_is_told_apart) {
  format::BlobMetadata data;
  data.topic = "orders";
  data.ranges = {{Partition{3}, {Position{70}, Position{95}}}};
  store_->blobs["data.txt"] = {.bytes = "x", .metadata = format::to_metadata(data)};
  store_->blobs["theirs.txt"] = {.bytes = "x", .metadata = {{"topic", "orders"}, {"ranges", "3:70-95"}}};
  ASSERT_TRUE(put_tombstone("tombstone.txt"));
  EXPECT_EQ(read("absent.txt").kind, NamedBlob::Kind::absent);
  EXPECT_EQ(read("tombstone.txt").kind, NamedBlob::Kind::tombstone);
  EXPECT_EQ(read("theirs.txt").kind, NamedBlob::Kind::unreadable) << "it does not say that it is ours";
  const NamedBlob found = read("data.txt");
  EXPECT_EQ(found.kind, NamedBlob::Kind::data);
  EXPECT_EQ(found.metadata.topic, "orders");
  EXPECT_EQ(found.metadata.range_of(Partition{3}), (Range{Position{70}, Position{95}}));
}

// As Azurite has it: the name is taken for Put Blob, and nothing is found there.
class UncommittedBlocksTest : public ClaimedNamesTest, public testing::WithParamInterface<const char*> {
 protected:
  UncommittedBlocksTest() { store_->script.blocks_take_the_name = true; }
  const std::string name_ = GetParam();
};

INSTANTIATE_TEST_SUITE_P(Formats, UncommittedBlocksTest, testing::Values("a.txt", "a.txt.gz", "a.txt.zst"));

TEST_P(UncommittedBlocksTest, do_not_keep_the_tombstone_out) {
  put_their_block(name_, 0, "data");
  EXPECT_TRUE(put_tombstone(name_));
  EXPECT_EQ(store_->blobs[name_]["tombstone"], "1");
  EXPECT_TRUE(store_->blobs[name_].bytes.find("data") == std::string::npos);
  EXPECT_EQ(commit_their_block(name_, 4).error().kind, ErrorKind::already_exists);
}

TEST_P(UncommittedBlocksTest, are_not_touched_by_a_tombstone_that_comes_too_late) {
  put_their_block(name_, 0, "data");
  bool committed = false;
  store_->fail_next(Call::commit_blocks,
                    ErrorKind::unavailable);  // of the tombstone; then its writer is there
  std::optional<bool> created;
  names_->put_tombstone(name_, format::empty_file(format::format_of(name_)),
                        [&](bool answer) { created = answer; });
  run_until([&] { return store_->count(Call::commit_blocks) == 1; });
  committed = commit_their_block(name_, 4).ok();
  run_until([&] { return created.has_value(); });
  EXPECT_TRUE(committed);
  EXPECT_EQ(created, false);
  EXPECT_EQ(store_->blobs[name_].bytes, "data");
}

TEST_P(UncommittedBlocksTest, a_tombstone_whose_answer_is_lost_is_found_as_one_that_exists) {
  put_their_block(name_, 0, "data");
  store_->fail_next(Call::commit_blocks, ErrorKind::unavailable, Effect::lost_reply);
  EXPECT_FALSE(put_tombstone(name_));
  EXPECT_EQ(store_->blobs[name_]["tombstone"], "1");
}

TEST_P(UncommittedBlocksTest, every_step_is_tried_again) {
  put_their_block(name_, 0, "data");
  store_->fail_next(Call::put_blob, ErrorKind::unavailable);
  store_->fail_next(Call::get_properties, ErrorKind::unavailable);
  store_->fail_next(Call::put_block, ErrorKind::unavailable);
  store_->fail_next(Call::commit_blocks, ErrorKind::invalid_block_list);
  EXPECT_TRUE(put_tombstone(name_));
}

}  // namespace
}  // namespace penstock::pipeline
