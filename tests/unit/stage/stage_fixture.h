// A stage in a directory of its own, on a real loop.
#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/clock.h"
#include "codec/checksum.h"
#include "io/loop.h"
#include "mem/slab_pool.h"
#include "stage/directory.h"
#include "stage/stage.h"

namespace penstock::stage {

inline constexpr std::size_t k_test_slab_bytes = 64 << 10;
inline constexpr std::size_t k_test_payload_bytes = k_test_slab_bytes - k_chunk_header_bytes;
inline constexpr std::uint64_t k_test_segment_bytes = 4096 + 4 * k_test_slab_bytes;  // four whole slabs

class StageTest : public testing::Test {
 protected:
  StageTest() : StageTest(testing::TempDir()) {}
  explicit StageTest(const std::string& parent) {
    std::string pattern = parent + "/penstock-stage-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    options_.dir = root_ + "/stage";
    options_.bytes_max = 3 * k_test_segment_bytes;
    options_.segment_bytes = k_test_segment_bytes;
    options_.slab_bytes = k_test_slab_bytes;
    options_.retry_after = std::chrono::milliseconds(20);
    make_loop(io::Choice::portable);
    pool_ = mem::SlabPool::create(16, k_test_slab_bytes).value();
  }
  ~StageTest() override {
    stage_.reset();
    loop_.reset();
    std::filesystem::remove_all(root_);
  }

  void make_loop(io::Choice choice) {
    auto loop = io::make_loop({.choice = choice}, system_clock());
    ASSERT_TRUE(loop.ok()) << loop.error().message;
    loop_ = std::move(loop).value();
  }

  // Ends the stage, and waits for what it had in flight: until then it holds the lock.
  void close() {
    if (stage_ != nullptr) {
      stage_.reset();
      run_until([this] { return Directory::open(options_.dir).ok(); });
    }
  }

  void open() {
    close();
    auto stage = Stage::open(options_, *loop_, system_clock());
    ASSERT_TRUE(stage.ok()) << stage.error().message;
    stage_ = std::move(stage).value();
  }

  Error open_error() {
    auto stage = Stage::open(options_, *loop_, system_clock());
    EXPECT_FALSE(stage.ok());
    return stage.ok() ? Error{} : stage.error();
  }

  void run_until(const std::function<bool()>& reached) {
    for (int turn = 0; turn < 2000 && !reached(); ++turn) {
      loop_->run_once(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(reached());
  }

  // Chunk `index` of batch 7: its payload repeats one byte, so that a mix-up shows.
  Extent append(std::uint32_t index, std::size_t payload_bytes = k_test_payload_bytes,
                std::function<void(Result<void>)> done = {}) {
    auto slab = std::make_shared<mem::Slab>(pool_->acquire());
    EXPECT_TRUE(*slab);
    const MutableBytes payload = slab->bytes().subspan(k_chunk_header_bytes, payload_bytes);
    std::fill(payload.begin(), payload.end(), static_cast<std::byte>(index + 1));
    const std::vector<PartitionRange> ranges{
        {Partition{3}, {Position{index * 10}, Position{index * 10 + 10}}}};
    const ChunkInfo info{.batch = {7, 7},
                         .index = index,
                         .topic = "topic",
                         .ranges = ranges,
                         .records = 10,
                         .raw_bytes = payload_bytes};
    ++in_flight_;
    const Extent extent =
        stage_->append(info, *slab, {.bytes = payload_bytes, .checksum = codec::crc32c(payload)},
                       [this, slab, done = std::move(done)](Result<void> result) {
                         slab->reset();
                         --in_flight_;
                         if (done) {
                           done(std::move(result));
                         } else {
                           EXPECT_TRUE(result.ok()) << result.error().message;
                         }
                       });
    in_flight_ -= extent.placed() ? 0 : 1;
    return extent;
  }

  void settle() {
    run_until([this] { return in_flight_ == 0; });
  }

  // The payload of a chunk as it is on the stage, or the error.
  Result<std::string> read(const Extent& extent, std::uint32_t index) {
    mem::Slab slab = pool_->acquire();
    std::optional<Result<void>> result;
    stage_->read(extent, {7, 7}, index, slab, [&](Result<void> done) { result = std::move(done); });
    run_until([&] { return result.has_value(); });
    if (!result->ok()) {
      return result->error();
    }
    return std::string(as_text(slab.bytes().subspan(k_chunk_header_bytes, extent.payload_bytes)));
  }

  static std::string payload_of(std::uint32_t index, std::size_t bytes = k_test_payload_bytes) {
    return std::string(bytes, static_cast<char>(index + 1));
  }

  std::string segment_path(std::uint32_t number) const {
    std::string digits = std::to_string(number);
    return options_.dir + "/segment-" + std::string(8 - digits.size(), '0') + digits + ".stage";
  }

  std::string root_;
  Options options_;
  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<mem::SlabPool> pool_;
  std::unique_ptr<Stage> stage_;
  int in_flight_ = 0;
};

}  // namespace penstock::stage
