// Takes blocks and sealed batches to the store, and tries again until each is there.
//
// At most `connections` calls are under way. Whatever the error, nothing is given up: a call that cannot
// succeed as things stand (a missing container, a wrong key) is repeated at the longest wait, and trouble()
// says why.
//
//   upload() blocks ─► seal() ─► stored ─► publish() ─► ticket: published, dead, or an Error for a person
//
// Between `stored` and publish() the batch is claimed (PROTOCOL.md): its blocks are there, and no blob is. A
// batch of one block that was not sent before its seal waits for publish() and goes as one Put Blob.
// abandon() ends it at any time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>

#include <penstock/result.h>

#include "io/loop.h"
#include "lake/blob_store.h"
#include "obs/worker_metrics.h"
#include "pipeline/batch.h"
#include "pipeline/chunk_store.h"
#include "pipeline/retry_policy.h"

namespace penstock::pipeline {

// What keeps a call from succeeding, for the log and the readiness page.
struct UploadTrouble {
  Error error;
  std::string blob;
  MonoTime since{};
};

class Uploader {
 public:
  struct Options {
    std::uint32_t connections = 4;
    RetryOptions retry;
    std::string group;
    std::uint64_t random_seed = 0;
  };
  enum class Publication : std::uint8_t {
    published,
    dead,  // a tombstone has its name: it can never be published
  };
  struct Events {
    // Once for every batch given to seal(): all that publishing needs is there.
    std::function<void(const BatchPtr&)> stored;
    // Once for every batch given to publish().
    std::function<void(const BatchPtr&, Result<Publication>)> ticket;
  };

  Uploader(const Options& options, lake::BlobStore& store, ChunkStore& chunks, io::Loop& loop,
           const Clock& clock, obs::WorkerMetrics& metrics, Events events);
  ~Uploader();

  // A complete block of a batch that is still open, or of one that has more blocks.
  void upload(const BatchPtr& batch, std::uint32_t block);

  // No block follows; it has at least one.
  void seal(const BatchPtr& batch);

  // A batch that is stored becomes a blob, once, if its name is free.
  void publish(const BatchPtr& batch);

  // The batch is dropped: nothing more is sent for it, and its chunks are forgotten.
  void abandon(Batch& batch);

  bool idle() const { return tasks_.empty() && in_flight_ == 0 && sleeping_ == 0; }
  const std::optional<UploadTrouble>& trouble() const { return trouble_; }

 private:
  enum class Step : std::uint8_t {
    put_block,
    put_blob,  // the whole blob: its only block
    commit_blocks,
    ask_who,    // the name exists, or its blocks are gone: whose blob is it?
    put_again,  // nobody's, and its blocks are gone
  };
  struct Task {
    BatchPtr batch;
    Step step;
    std::uint32_t block = 0;
    std::uint32_t attempt = 1;
    Step asked_after = Step::commit_blocks;  // ask_who: the call that raised the question
    Error question = {};                     // and its answer
  };

  void push_back(Task task);
  void push_front(Task task);
  void pump();
  void start(const std::shared_ptr<Task>& task);
  void send_body(const std::shared_ptr<Task>& task);
  void send_block_list(const std::shared_ptr<Task>& task);
  void ask_who(const std::shared_ptr<Task>& task);
  void finished(const std::shared_ptr<Task>& task, Result<void> result);
  void answered_who(const std::shared_ptr<Task>& task, Result<lake::BlobProperties> result);
  void succeeded(Task& task);
  void failed(Task task, const Error& error);
  void retry_later(Task task, const Error& error);
  void put_all_again(const BatchPtr& batch);
  void tell_stored(const BatchPtr& batch);

  Options options_;
  lake::BlobStore& store_;
  ChunkStore& chunks_;
  io::Loop& loop_;
  const Clock& clock_;
  obs::WorkerMetrics& metrics_;
  Events events_;
  std::mt19937_64 random_;
  std::deque<Task> tasks_;  // at most a task a block that is not stored: bounded by the stage
  std::uint32_t in_flight_ = 0;
  std::unordered_set<std::uint64_t> retry_timers_;
  std::size_t sleeping_ = 0;  // tasks that wait for a retry timer
  bool pumping_ = false;
  std::optional<UploadTrouble> trouble_;
};

}  // namespace penstock::pipeline
