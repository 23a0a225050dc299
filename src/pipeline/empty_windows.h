// Files without records for partitions that were silent, as Event Hubs Capture writes them: TopicPlan's
// empty_files.
//
// A window of a partition is as long as the plan's max_age. It begins when the assignment does, and anew
// whenever a batch of the partition is opened or sealed. If it ends with no batch open, and everything of the
// partition is read, an empty file is put and the next window begins.
//
// No such file is claimed, and it covers no position: whether it is there decides nothing. So a put that
// fails is repeated while the next window lasts, and then given up. Nothing waits for one, at a revoke
// neither.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/clock.h"
#include "lake/blob_store.h"
#include "obs/worker_metrics.h"
#include "pipeline/batcher.h"
#include "pipeline/request_limit.h"
#include "pipeline/retry_policy.h"
#include "pipeline/topic_plan.h"

namespace penstock::pipeline {

class EmptyWindows {
 public:
  struct Options {
    std::uint32_t worker = 0;
    std::string group;
    RetryOptions retry;
    const RequestLimit* limit = nullptr;  // null: one request at a time, and no pause of the process
    std::function<std::uint64_t()> random;
    std::function<void(const Error&)> throttled = {};  // the store has asked to slow down; may be empty
  };
  EmptyWindows(Options options, lake::BlobStore& store, Batcher& batcher, const Clock& clock,
               obs::WorkerMetrics& metrics);

  // As Batcher::begin_epoch().
  void begin_epoch(std::span<const TopicPlan* const> plans);

  // Whether a window may have ended: then end_windows() is due.
  bool due() const;

  // Of the windows that have ended, those of `read_up` were silent if no batch came into them. Everything of
  // these partitions is read, as far as is known.
  void end_windows(std::span<const PartitionSlot> read_up);

  // Puts what waits, as far as the limit goes. At every turn while records are taken.
  void put();

  // Nothing more is put, and no answer counts. The windows begin anew with the next put().
  void forget();

  void end_epoch();

 private:
  struct Window {
    PartitionSlot slot;
    const TopicPlan* plan = nullptr;
    MonoTime begins{};
  };
  struct File;  // to be put
  using FilePtr = std::shared_ptr<File>;

  void begin_windows();
  FilePtr file_of(const Window& window);
  void send(const FilePtr& file);
  void answered(const FilePtr& file, const Result<void>& result);

  const Options options_;
  lake::BlobStore& store_;
  Batcher& batcher_;
  const Clock& clock_;
  obs::WorkerMetrics& metrics_;
  std::vector<Window> windows_;       // of the partitions whose plan asks for it
  std::optional<MonoTime> next_end_;  // none: they have not begun
  std::vector<FilePtr> waiting_;
  std::uint32_t under_way_ = 0;
  Alive alive_;
};

}  // namespace penstock::pipeline
