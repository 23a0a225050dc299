// Takes blocks and sealed batches to the store, and tries again until each is there.
//
// At most `connections` calls are under way. Whatever the error, nothing is given up: a call that cannot
// succeed as things stand (a missing container, a wrong key) is repeated, and trouble() says why. Where the
// store refuses the files of a topic for good, only that topic waits (refused_topics.h).
//
// A store that asks to slow down gets fewer requests, from all workers together (request_limit.h). What it
// has refused so is sent again when it is asked again, and nobody counts how often.
//
//   upload() blocks ─► seal() ─► stored ─► publish() ─► ticket: published, dead, or an Error for a person
//
// Between `stored` and publish() the batch is claimed (PROTOCOL.md): its blocks are there, and no blob is. A
// batch of one block that was not sent before its seal waits for publish() and goes as one Put Blob.
// abandon() ends it at any time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_set>

#include <penstock/result.h>

#include "io/loop.h"
#include "lake/blob_store.h"
#include "obs/log.h"
#include "obs/worker_metrics.h"
#include "pipeline/batch.h"
#include "pipeline/chunk_store.h"
#include "pipeline/refused_topics.h"
#include "pipeline/request_limit.h"
#include "pipeline/retry_policy.h"
#include "pipeline/upload_task.h"

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
    // Of the process, and which of its workers this is. Null: this one is alone.
    RequestLimit* limit = nullptr;
    std::uint32_t worker = 0;
  };
  enum class Publication : std::uint8_t {
    published,
    dead,  // a tombstone has its name: it can never be published
  };
  struct Events {
    // Once for every batch given to seal(): all that publishing needs is there.
    std::function<void(const BatchPtr&)> stored;
    // Once for every batch given to publish() or ask(), unless `late` is told.
    std::function<void(const BatchPtr&, Result<Publication>)> ticket;
    // A batch given to publish() has no outcome, and nothing more is sent for it: its time is over, or blocks
    // of it are gone from the store. publish() or ask() goes on.
    std::function<void(const BatchPtr&)> late;
  };

  Uploader(const Options& options, lake::BlobStore& store, ChunkStore& chunks, io::Loop& loop,
           const Clock& clock, obs::WorkerMetrics& metrics, Events events);
  ~Uploader();

  // A complete block of a batch that is still open, or of one that has more blocks.
  void upload(const BatchPtr& batch, std::uint32_t block);

  // No block follows. Without any it is an empty file, whose records are all in the quarantine.
  void seal(const BatchPtr& batch);

  // A batch that is stored becomes a blob, once, if its name is free. No call that could make the blob begins
  // after `until`.
  void publish(const BatchPtr& batch, MonoTime until);

  // Whether an earlier call has made the blob. Tells `published`, or `dead` if it has not.
  void ask(const BatchPtr& batch);

  // The batch is dropped: nothing more is sent for it and its quarantine, and their chunks are forgotten.
  void abandon(Batch& batch);

  // The store has asked for fewer requests, of another part of this worker.
  void throttled_elsewhere(const Error& error);

  bool idle() const { return tasks_.empty() && in_flight_ == 0 && sleeping_ == 0 && refused_.idle(); }

  // What passes by itself, or with a new credential. None once a call succeeds.
  const std::optional<UploadTrouble>& trouble() const { return trouble_; }

  // By topic, what does not.
  bool any_refused() const { return refused_.any(); }
  std::map<std::string, Refusal> refused_topics() const { return refused_.look(); }

  // When a write of any topic was taken last.
  MonoTime last_taken() const { return last_taken_; }

  std::uint32_t places() const { return limit_.places(options_.worker); }
  std::uint32_t under_way() const { return in_flight_ - held_slots_; }

  // Since when the store has been asked and has said nothing, neither yes nor no. None: it is not asked.
  std::optional<MonoTime> silent_since() const;

 private:
  using Step = UploadTask::Step;
  using Task = UploadTask;

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
  bool is_late(const Task& task) const;
  void tell_late(const Task& task);
  void go_on(Task task);
  void give_slot_back(Batch& batch);
  void put_all_again(const BatchPtr& batch);
  void tell_stored(const BatchPtr& batch);
  void sent(Task& task);
  void answered(const Task& task, const Error* error);
  void tell_ticket(const Task& task, Result<Publication> result);
  void note_trouble(const Task& task, const Error& error);
  bool must_wait() const;
  void wake_after_pause();

  Options options_;
  lake::BlobStore& store_;
  ChunkStore& chunks_;
  io::Loop& loop_;
  const Clock& clock_;
  obs::WorkerMetrics& metrics_;
  Events events_;
  std::mt19937_64 random_;
  const std::unique_ptr<RequestLimit> own_limit_;  // where none was given
  RequestLimit& limit_;
  std::deque<Task> tasks_;  // at most a task a block that is not stored: bounded by the stage
  std::uint32_t in_flight_ = 0;
  std::uint32_t held_slots_ = 0;  // of in_flight_: late batches have them
  std::unordered_set<std::uint64_t> retry_timers_;
  std::size_t sleeping_ = 0;  // tasks that wait for a retry timer
  bool pumping_ = false;
  std::optional<UploadTrouble> trouble_;
  std::multiset<MonoTime> calls_;  // when those under way were sent
  MonoTime last_answer_{};
  MonoTime last_taken_{};
  io::TimerId pause_timer_ = io::TimerId::none;
  RefusedTopics refused_;
  obs::LogGate corrupt_gate_{std::chrono::seconds(30)};
};

}  // namespace penstock::pipeline
