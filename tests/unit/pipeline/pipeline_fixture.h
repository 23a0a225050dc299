// The parts of a pipeline on a real loop, real slabs and a real stage, with a fake lake and a clock that
// stands.
#pragma once

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

#include "io/loop.h"
#include "ledger/ledger.h"
#include "mem/slab_pool.h"
#include "obs/worker_metrics.h"
#include "pipeline/batch_writer.h"
#include "pipeline/batcher.h"
#include "pipeline/chunk_store.h"
#include "pipeline/uploader.h"
#include "stage/stage.h"
#include "unit/pipeline/fake_blob_store.h"
#include "unit/pipeline/fake_clock.h"

namespace penstock::pipeline {

inline constexpr std::size_t k_slab_bytes = 64 << 10;
inline constexpr std::size_t k_chunk_bytes = k_slab_bytes - stage::k_chunk_header_bytes;
inline constexpr std::uint64_t k_segment_bytes = 4096 + 8 * k_slab_bytes;

class PipelineTest : public testing::Test {
 protected:
  PipelineTest() {
    std::string pattern = testing::TempDir() + "/penstock-pipeline-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    cuts_ = {.slab_bytes = k_slab_bytes, .block_bytes = 4 * k_chunk_bytes};
    stage_options_ = {.dir = root_ + "/stage",
                      .bytes_max = 32 * k_segment_bytes,
                      .segment_bytes = k_segment_bytes,
                      .slab_bytes = k_slab_bytes};
    loop_ = io::make_loop({.choice = io::Choice::portable}, clock_).value();
    plan_ = plan("topic");
  }

  ~PipelineTest() override {
    tear_down();
    std::filesystem::remove_all(root_);
  }

  // In the order of the worker's own.
  void tear_down() {
    batcher_.reset();
    writer_.reset();
    uploader_.reset();
    store_.reset();
    batches_.clear();
    sealed_.clear();
    tickets_.clear();
    stored_.clear();
    late_.clear();  // a slab whose write is under way goes with its batch
    chunks_.reset();
    stage_.reset();
    loop_.reset();
    pool_.reset();  // checks that every slab is back
  }

  static TopicPlan plan(const std::string& topic) {
    return TopicPlan{.topic = topic,
                     .max_age = std::chrono::seconds(60),
                     .max_bytes = 1 << 30,
                     .by_partition = false,
                     .format = {},
                     .path = codec::PathTemplate::parse("{topic}/{yyyy}").value()};
  }

  void build(std::size_t slab_count) { build(slab_count, BatchWriter::reserve_for(cuts_)); }
  void build(std::size_t slab_count, const ChunkStore::Reserve& reserve) {
    pool_ = mem::SlabPool::create(slab_count, k_slab_bytes).value();
    auto stage = stage::Stage::open(stage_options_, *loop_, clock_);
    ASSERT_TRUE(stage.ok()) << stage.error().message;
    stage_ = std::move(stage).value();
    store_ = std::make_unique<FakeBlobStore>(*loop_);
    chunks_ = std::make_unique<ChunkStore>(*pool_, *stage_, reserve);
    uploader_ = std::make_unique<Uploader>(
        Uploader::Options{.connections = connections_, .retry = {}, .group = "group", .random_seed = 1},
        *store_, *chunks_, *loop_, clock_, metrics_,
        Uploader::Events{.stored =
                             [this](const BatchPtr& batch) {
                               stored_.push_back(batch);
                               if (publishes_) {
                                 uploader_->publish(batch, MonoTime::max());
                               }
                             },
                         .ticket =
                             [this](const BatchPtr& batch, Result<Uploader::Publication> result) {
                               tickets_.emplace_back(batch, result);
                               if (result.ok()) {
                                 ledger_.published(ledger::BatchKey{batch->id.counter});
                                 chunks_->forget(*batch);
                               }
                             },
                         .late =
                             [this](const BatchPtr& batch) {
                               late_.push_back(batch);
                               if (publishes_) {
                                 uploader_->publish(batch, MonoTime::max());
                               }
                             }});
    writer_ = std::make_unique<BatchWriter>(cuts_, *chunks_, metrics_,
                                            [this](const BatchPtr& batch, std::uint32_t block) {
                                              blocks_ready_.push_back(block);
                                              if (uploading_) {
                                                uploader_->upload(batch, block);
                                              }
                                            });
  }

  void build_batcher(const std::vector<TopicPartition>& partitions) {
    batcher_ = std::make_unique<Batcher>(
        *writer_, ledger_, *loop_, clock_, metrics_,
        Batcher::Options{.incarnation = 0xabc, .random_seed = 1, .backlog_bytes_max = backlog_bytes_max_},
        Batcher::Events{
            .sealed =
                [this](const BatchPtr& batch) {
                  sealed_.push_back(batch);
                  if (batch->cut.blocks.empty()) {
                    ledger_.is_bare(ledger::BatchKey{batch->id.counter});
                    ledger_.published(ledger::BatchKey{batch->id.counter});
                  } else if (uploading_) {
                    uploader_->seal(batch);
                  }
                },
            .refused = [this](PartitionSlot, const Error& error) { refused_.push_back(error.message); }});
    std::vector<source::Assigned> assigned;
    std::vector<const TopicPlan*> plans;
    for (const TopicPartition& id : partitions) {
      assigned.push_back({.id = id, .start = Position{0}});
      plans.push_back(&plan_);
    }
    begin_epoch(assigned, plans);
  }

  void begin_epoch(const std::vector<source::Assigned>& assigned,
                   const std::vector<const TopicPlan*>& plans) {
    std::vector<Position> starts;
    for (const source::Assigned& each : assigned) {
      starts.push_back(each.start);
    }
    ledger_.begin_epoch(starts);
    batcher_->begin_epoch(assigned, plans);
  }

  // Offers values to a slot from its next offset on; returns how many were taken.
  std::size_t offer(std::uint32_t slot, const std::vector<std::string>& values) {
    std::vector<RecordView> records;
    const std::int64_t first = ledger_.received(PartitionSlot{slot}).value;
    for (std::size_t i = 0; i < values.size(); ++i) {
      records.push_back({.offset = Offset{first + static_cast<std::int64_t>(i)},
                         .key = {},
                         .value = as_bytes(values[i]),
                         .headers = {},
                         .null_value = values[i].empty()});
    }
    return take({.slot = PartitionSlot{slot},
                 .records = records,
                 .next = Position{first + static_cast<std::int64_t>(values.size())}});
  }
  // As the worker does.
  std::size_t take(const source::RecordSpan& span) {
    return batcher_->admit(span) == Batcher::Admission::yes ? batcher_->take(span) : 0;
  }

  // A batch outside any batcher, and its bytes.
  BatchPtr open_batch(std::uint64_t counter = 1) {
    auto batch = std::make_shared<Batch>();
    batch->id = {.incarnation = 7, .counter = counter};
    batch->plan = &plan_;
    batch->name = "blob-" + std::to_string(counter);
    batch->attempt = "attempt-" + std::to_string(counter);
    batch->ranges.shares.push_back(Share{.partition = Partition{3}, .range = {{}, {}}, .chunked = {}});
    batches_.push_back(batch);
    return batch;
  }
  BatchWriter::Taken::Stop append(const BatchPtr& batch, const std::string& value) {
    Share& share = batch->ranges.shares[0];
    const RecordView record{.offset = Offset{share.range.next.value},
                            .key = {},
                            .value = as_bytes(value),
                            .headers = {},
                            .null_value = false};
    return writer_->append(batch, share, {&record, 1}).stop;
  }
  // A sealed batch of one-chunk blocks or more.
  BatchPtr sealed_batch(std::size_t bytes, std::uint64_t counter = 1) {
    const BatchPtr batch = open_batch(counter);
    EXPECT_EQ(append(batch, std::string(bytes - 1, static_cast<char>('a' + counter % 26))),
              BatchWriter::Taken::Stop::end);
    writer_->seal(batch);
    return batch;
  }
  static std::string bytes_of_sealed(std::size_t bytes, std::uint64_t counter = 1) {
    return std::string(bytes - 1, static_cast<char>('a' + counter % 26)) + "\n";
  }

  // Turns of the loop, each ten milliseconds of the fake clock, until it is so.
  void run_until(const std::function<bool()>& reached) {
    const MonoTime began = system_clock().now();  // its disk takes the machine's time
    while (!reached() && system_clock().now() - began < std::chrono::minutes(1)) {
      loop_->run_once(std::chrono::milliseconds(1));
      clock_.advance(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(reached());
  }
  void run_turns(int turns) {
    for (int turn = 0; turn < turns; ++turn) {
      loop_->run_once(std::chrono::milliseconds(1));
    }
  }
  // Nothing is written, so that what is staged is staged.
  void settle() {
    run_until([this] { return chunks_->writing_count() == 0; });
  }
  bool all_slabs_free() const { return pool_->free_count() == pool_->slab_count(); }

  // The bytes of the batch, as blocks: loaded as an upload would.
  std::string read_block(const BatchPtr& batch, std::uint32_t index) {
    std::optional<Result<void>> loaded;
    chunks_->load(batch, index, [&](Result<void> result) { loaded = std::move(result); });
    run_until([&] { return loaded.has_value(); });
    std::string bytes;
    if (!loaded || !loaded->ok()) {
      ADD_FAILURE() << (loaded ? loaded->error().message : "not loaded");
      return bytes;
    }
    const Block& block = batch->cut.blocks[index];
    for (std::uint32_t i = 0; i < block.chunk_count; ++i) {
      bytes += as_text(batch->cut.chunks[block.first_chunk + i].payload());
    }
    chunks_->unpin(*batch, index);
    return bytes;
  }

  std::string root_;
  FakeClock clock_;
  BatchWriter::Options cuts_;
  stage::Options stage_options_;
  std::uint32_t connections_ = 2;
  std::uint64_t backlog_bytes_max_ = 1 << 20;
  bool uploading_ = false;
  TopicPlan plan_;
  obs::WorkerMetrics metrics_{0};

  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<mem::SlabPool> pool_;
  std::unique_ptr<stage::Stage> stage_;
  std::unique_ptr<FakeBlobStore> store_;
  std::unique_ptr<ChunkStore> chunks_;
  std::unique_ptr<Uploader> uploader_;
  std::unique_ptr<BatchWriter> writer_;
  ledger::Ledger ledger_;
  std::unique_ptr<Batcher> batcher_;

  std::vector<BatchPtr> batches_;
  std::vector<BatchPtr> sealed_;
  std::vector<std::string> refused_;
  std::vector<std::uint32_t> blocks_ready_;
  std::vector<std::pair<BatchPtr, Result<Uploader::Publication>>> tickets_;
  std::vector<BatchPtr> stored_;
  std::vector<BatchPtr> late_;
  bool publishes_ = true;  // as soon as a batch is stored
};

}  // namespace penstock::pipeline
