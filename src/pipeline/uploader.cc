// How blocks get to the store, whatever it answers.
//
// Everything is a task in one queue: a step, and the batch it belongs to. At most `connections` run at a
// time. A task that fails goes to sleep for a while and comes back to the front, with its attempt counted.
// Tasks of a batch that was abandoned vanish, and answers that are still on their way for it are dropped.
//
// The only answers that need thought are those that say "this name exists" or "these blocks are gone". Both
// may mean that an earlier try of ours succeeded and its answer was lost:
//
//   1. commit_blocks of batch 7: the connection breaks after the store has made the blob.
//   2. commit_blocks again: already_exists.
//   3. ask_who: the blob's metadata have our own `attempt`. It was us: published.
//
// If instead a tombstone is there, a successor has closed the name, and the batch is dead. If no blob is
// there, the call is repeated after a wait. Where the blocks are gone (a store drops uncommitted blocks after
// a week, and when somebody else makes a blob of that name), the batch is late. Anybody else's blob is an
// error for a person, as names are random.
//
// A batch is late, too, when a call that could make its blob would begin after `until`. Nothing is sent for
// it then, until publish() gives it more time, or ask() makes an end. It keeps its slot meanwhile. On a slow
// line every other slot may be taken for longer than the time that it is given.
//
// A batch that is sealed while its only block is still in the queue gives the block back. Its bytes go with
// publish(), as one Put Blob in place of a Put Block and a Put Block List.
//
// Two things keep a task in the queue although a connection is free. A store that asked to slow down gets
// nothing before the pause of the process is over, and then from this worker as many at a time as its share
// of RequestLimit. And a task of a topic whose files the store refuses goes to RefusedTopics, and comes back
// as the one that is tried, or when one was taken.
#include "pipeline/uploader.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "format/blob_metadata.h"
#include "obs/log.h"

namespace penstock::pipeline {
namespace {

// Of a block that is loaded, or of the file that has none.
std::vector<Bytes> body_of(const Batch& batch, std::uint32_t index) {
  if (batch.cut.blocks.empty()) {
    return batch.cut.empty_file.empty() ? std::vector<Bytes>() : std::vector{Bytes(batch.cut.empty_file)};
  }
  const Block& block = batch.cut.blocks[index];
  std::vector<Bytes> body;
  body.reserve(block.chunk_count);
  for (std::uint32_t i = 0; i < block.chunk_count; ++i) {
    body.push_back(batch.cut.chunks[block.first_chunk + i].payload());
  }
  return body;
}

}  // namespace

Uploader::Uploader(const Options& options, lake::BlobStore& store, ChunkStore& chunks, io::Loop& loop,
                   const Clock& clock, obs::WorkerMetrics& metrics, Events events)
    : options_(options),
      store_(store),
      chunks_(chunks),
      loop_(loop),
      clock_(clock),
      metrics_(metrics),
      events_(std::move(events)),
      random_(options.random_seed),
      own_limit_(options.limit == nullptr ? std::make_unique<RequestLimit>(RequestLimit::Options{
                                                .workers = 1, .connections = options.connections})
                                          : nullptr),
      limit_(own_limit_ ? *own_limit_ : *options.limit),
      refused_(options.retry, loop, clock,
               {.random = [this] { return random_(); },
                .go_on = [this](Task task) { push_front(std::move(task)); }}) {}

Uploader::~Uploader() {
  for (const std::uint64_t timer : retry_timers_) {
    loop_.cancel_timer(static_cast<io::TimerId>(timer));
  }
  loop_.cancel_timer(pause_timer_);
}

void Uploader::upload(const BatchPtr& batch, std::uint32_t block) {
  push_back(Task{.batch = batch, .step = Step::put_block, .block = block});
}

void Uploader::seal(const BatchPtr& batch) {
  if (batch->cut.blocks.empty()) {
    CHECK(batch->quarantine.batch != nullptr);
    batch->upload.as_one_put = true;
    tell_stored(batch);
    return;
  }
  if (batch->upload.blocks_stored == batch->cut.blocks.size()) {
    tell_stored(batch);
    return;
  }
  // The only block, still in the queue: the whole blob in one call, later. Not where an earlier process wrote
  // its bytes: whether they can be read back is to be known before the batch is claimed.
  if (batch->cut.blocks.size() == 1 && !batch->recovered_as) {
    const auto queued = std::find_if(tasks_.begin(), tasks_.end(),
                                     [&batch](const Task& task) { return task.batch == batch; });
    if (queued != tasks_.end() && queued->attempt == 1) {
      tasks_.erase(queued);
      batch->upload.as_one_put = true;
      tell_stored(batch);
    }
  }
  // Otherwise the last block to be stored tells: see succeeded().
}

void Uploader::tell_stored(const BatchPtr& batch) {
  loop_.defer([this, batch] {
    if (!batch->forgotten) {
      events_.stored(batch);
    }
  });
}

void Uploader::publish(const BatchPtr& batch, MonoTime until) {
  CHECK(batch->upload.publishing == false);
  batch->upload.publishing = true;
  batch->upload.put_until = until;
  if (!batch->upload.publishing_since) {
    batch->upload.publishing_since = clock_.now();
  }
  if (std::exchange(batch->upload.blocks_gone, false)) {
    give_slot_back(*batch);
    put_all_again(batch);
    return;
  }
  go_on(Task{.batch = batch,
             .step = batch->upload.as_one_put ? Step::put_blob : Step::commit_blocks,
             .attempt = batch->upload.attempt});
}

void Uploader::ask(const BatchPtr& batch) {
  CHECK(batch->upload.publishing == false);
  batch->upload.publishing = true;
  go_on(Task{.batch = batch, .step = Step::ask_who, .is_last = true});
}

// A batch that was late has kept its slot: behind others it might be late again and again. A store that asks
// for a pause gets it all the same.
void Uploader::go_on(Task task) {
  if (!task.batch->upload.holds_slot || must_wait()) {
    give_slot_back(*task.batch);
    push_front(std::move(task));
    return;
  }
  task.batch->upload.holds_slot = false;
  --held_slots_;
  loop_.defer([this, task = std::make_shared<Task>(std::move(task))] {
    if (task->batch->forgotten) {
      --in_flight_;
      pump();
    } else {
      start(task);
    }
  });
}

void Uploader::give_slot_back(Batch& batch) {
  if (std::exchange(batch.upload.holds_slot, false)) {
    --held_slots_;
    --in_flight_;
    pump();
  }
}

void Uploader::abandon(Batch& batch) {
  std::erase_if(tasks_, [&batch](const Task& task) { return task.batch.get() == &batch; });
  if (trouble_ && trouble_->blob == batch.name) {
    trouble_.reset();
  }
  refused_.is_over(batch);
  give_slot_back(batch);
  store_.discard(batch.name);
  chunks_.forget(batch);
  if (batch.quarantine.batch) {
    abandon(*batch.quarantine.batch);
  }
}

void Uploader::push_back(Task task) {
  tasks_.push_back(std::move(task));
  pump();
}

void Uploader::push_front(Task task) {
  tasks_.push_front(std::move(task));
  pump();
}

// Runs from the loop, so that a batch which is sealed with its first block is seen whole by publish() before
// it is sent.
void Uploader::pump() {
  if (pumping_) {
    return;
  }
  pumping_ = true;
  loop_.defer([this] {
    pumping_ = false;
    while (in_flight_ < options_.connections && !tasks_.empty() && !must_wait()) {
      auto task = std::make_shared<Task>(std::move(tasks_.front()));
      tasks_.pop_front();
      if (!refused_.holds_back(*task)) {
        ++in_flight_;
        start(task);
      }
    }
    wake_after_pause();
  });
}

// For a pause of the process, or for an answer to what this worker has under way.
bool Uploader::must_wait() const {
  return clock_.now() < limit_.pause_until() || under_way() >= places();
}

void Uploader::wake_after_pause() {
  const Duration pause = limit_.pause_until() - clock_.now();
  if (pause > Duration::zero() && !tasks_.empty() && pause_timer_ == io::TimerId::none) {
    pause_timer_ = loop_.start_timer(pause, [this] {
      pause_timer_ = io::TimerId::none;
      pump();
    });
  }
}

bool Uploader::is_late(const Task& task) const {
  return (task.step == Step::put_blob || task.step == Step::commit_blocks) &&
         clock_.now() > task.batch->upload.put_until;
}

// All but one slot may be kept for late batches, so that others go on while the group does not answer.
void Uploader::tell_late(const Task& task) {
  BatchUpload& upload = task.batch->upload;
  upload.publishing = false;
  upload.attempt = task.attempt;
  refused_.left(task);
  if (held_slots_ < std::max(options_.connections - 1, 1U)) {
    ++held_slots_;
    upload.holds_slot = true;
  } else {
    --in_flight_;
  }
  events_.late(task.batch);
}

void Uploader::start(const std::shared_ptr<Task>& task) {
  if (is_late(*task)) {
    tell_late(*task);
    return;
  }
  if (task->step == Step::put_blob && task->batch->cut.blocks.empty()) {
    send_body(task);
    return;
  }
  switch (task->step) {
    case Step::put_block:
    case Step::put_blob:
      chunks_.load(task->batch, task->block, [this, task](Result<void> loaded) {
        if (!loaded.ok() || task->batch->forgotten) {
          --in_flight_;
          chunks_.unpin(*task->batch, task->block);
          if (!task->batch->forgotten) {
            events_.ticket(task->batch, std::move(loaded).error());
          }
          pump();
          return;
        }
        if (is_late(*task)) {
          chunks_.unpin(*task->batch, task->block);
          tell_late(*task);
          pump();
          return;
        }
        send_body(task);
      });
      return;
    case Step::commit_blocks:
      send_block_list(task);
      return;
    case Step::ask_who:
      ask_who(task);
      return;
    case Step::blocks_gone:
      task->batch->upload.blocks_gone = true;
      tell_late(*task);
      return;
  }
}

void Uploader::send_body(const std::shared_ptr<Task>& task) {
  const Batch& batch = *task->batch;
  const std::vector<Bytes> body = body_of(batch, task->block);
  metrics_.put_attempts.add();
  sent(*task);
  auto done = [this, task](Result<void> result) {
    if (!task->batch->cut.blocks.empty()) {
      chunks_.unpin(*task->batch, task->block);
    }
    metrics_.upload_latency.observe(std::chrono::duration<double>(clock_.now() - task->sent).count());
    finished(task, std::move(result));
  };
  if (task->step == Step::put_blob) {
    store_.put_blob(batch.name, body, blob_metadata(batch, options_.group), std::move(done));
  } else {
    store_.put_block(batch.name, batch.cut.blocks[task->block].ref, body, std::move(done));
  }
}

void Uploader::send_block_list(const std::shared_ptr<Task>& task) {
  const Batch& batch = *task->batch;
  std::vector<lake::BlockRef> blocks;
  blocks.reserve(batch.cut.blocks.size());
  for (const Block& block : batch.cut.blocks) {
    blocks.push_back(block.ref);
  }
  metrics_.put_attempts.add();
  sent(*task);
  store_.commit_blocks(batch.name, blocks, blob_metadata(batch, options_.group),
                       [this, task](Result<void> result) { finished(task, std::move(result)); });
}

void Uploader::ask_who(const std::shared_ptr<Task>& task) {
  sent(*task);
  store_.get_properties(task->batch->name, [this, task](Result<lake::BlobProperties> result) {
    answered_who(task, std::move(result));
  });
}

void Uploader::sent(Task& task) {
  task.sent = clock_.now();
  calls_.insert(task.sent);
}

void Uploader::answered(const Task& task, const Error* error) {
  const MonoTime now = clock_.now();
  calls_.erase(calls_.find(task.sent));
  last_answer_ = now;
  const bool is_absent =
      error != nullptr && error->kind == ErrorKind::not_found && error->action == Action::give_up;
  if (error != nullptr && !(is_absent && task.step == Step::ask_who)) {
    metrics_.store_errors.count(obs::code_of(*error));
  }
  if (error != nullptr && error->kind == ErrorKind::throttled) {
    limit_.throttled(task.sent, now, error->retry_after, random_());
    metrics_.throttled.count(error->code);
  } else if (error == nullptr || error->action != Action::retry) {
    limit_.answered(task.sent, now);
  }
}

// Nobody has noted when that request began: of a burst, one counts.
void Uploader::throttled_elsewhere(const Error& error) {
  const MonoTime now = clock_.now();
  limit_.throttled(now - std::chrono::seconds(1), now, error.retry_after, random_());
  metrics_.throttled.count(error.code);
}

std::optional<MonoTime> Uploader::silent_since() const {
  return calls_.empty() ? std::nullopt : std::optional(std::max(*calls_.begin(), last_answer_));
}

void Uploader::finished(const std::shared_ptr<Task>& task, Result<void> result) {
  answered(*task, result.ok() ? nullptr : &result.error());
  --in_flight_;
  if (result.ok()) {
    last_taken_ = clock_.now();
    trouble_.reset();
    refused_.taken(*task);
  }
  if (!task->batch->forgotten) {
    if (result.ok()) {
      succeeded(*task);
    } else {
      failed(*task, result.error());
    }
  }
  pump();
}

void Uploader::succeeded(Task& task) {
  Batch& batch = *task.batch;
  if (task.step != Step::put_block) {
    tell_ticket(task, Publication::published);
    return;
  }
  Block& block = batch.cut.blocks[task.block];
  if (!block.stored) {
    block.stored = true;
    ++batch.upload.blocks_stored;
  }
  metrics_.blocks_uploaded.add();
  chunks_.unpin(batch, task.block);  // its slabs are free now
  if (!batch.cut.sealed || batch.upload.blocks_stored < batch.cut.blocks.size()) {
    return;
  }
  if (batch.upload.publishing) {  // they were put again
    push_front(Task{.batch = task.batch, .step = Step::commit_blocks});
  } else {
    events_.stored(task.batch);
  }
}

// A name that exists may be our own earlier success whose answer was lost; so may a block list whose blocks
// are gone. Both are settled by asking whose blob is there. A whole blob that is visible and damaged is for a
// person: asking would find our attempt. Everything else is tried again.
void Uploader::failed(Task task, const Error& error) {
  if (task.step == Step::put_blob && error.kind == ErrorKind::corrupt && error.action == Action::fatal) {
    events_.ticket(task.batch, error);
    return;
  }
  const bool asks = error.kind == ErrorKind::already_exists || error.kind == ErrorKind::invalid_block_list;
  if (asks && task.step != Step::put_block) {
    task.asked_after = task.step;
    task.question = error;
    task.step = Step::ask_who;
    push_front(std::move(task));
    return;
  }
  retry_later(std::move(task), error);
}

void Uploader::answered_who(const std::shared_ptr<Task>& task, Result<lake::BlobProperties> result) {
  answered(*task, result.ok() ? nullptr : &result.error());
  --in_flight_;
  pump();
  if (task->batch->forgotten) {
    return;
  }
  if (!result.ok() && result.error().kind != ErrorKind::not_found) {
    retry_later(*task, result.error());
    return;
  }
  if (!result.ok() && task->is_last) {
    tell_ticket(*task, Publication::dead);
    return;
  }
  if (!result.ok()) {  // absent: repeat, after a wait, as it may come back
    task->step = task->question.kind == ErrorKind::invalid_block_list ? Step::blocks_gone : task->asked_after;
    retry_later(*task, task->question);
    return;
  }
  trouble_.reset();
  refused_.taken(*task);
  const Result<format::BlobMetadata> found = format::read_blob_metadata(result->metadata);
  if (found.ok() && found->is_tombstone) {
    tell_ticket(*task, Publication::dead);
    return;
  }
  if (found.ok() && found->attempt == task->batch->attempt) {
    tell_ticket(*task, Publication::published);
    return;
  }
  tell_ticket(
      *task,
      make_error(ErrorKind::already_exists, Action::fatal,
                 concat("the blob ", task->batch->name, " in ", store_.description(),
                        " exists and was not written by this process, though its name is random: "
                        "look at its metadata, then start again; nothing was overwritten or committed")));
}

void Uploader::tell_ticket(const Task& task, Result<Publication> result) {
  refused_.is_over(*task.batch);
  if (const auto since = task.batch->upload.publishing_since;
      since && result.ok() && *result == Publication::published) {
    metrics_.publish_latency.observe(std::chrono::duration<double>(clock_.now() - *since).count());
  }
  events_.ticket(task.batch, std::move(result));
}

void Uploader::put_all_again(const BatchPtr& batch) {
  batch->upload.blocks_stored = 0;
  for (Block& block : batch->cut.blocks) {
    block.stored = false;
  }
  for (std::uint32_t i = 0; i < batch->cut.blocks.size(); ++i) {
    upload(batch, i);
  }
}

void Uploader::retry_later(Task task, const Error& error) {
  metrics_.retries[obs::retry_reason(error.kind)].add();
  // Repaired before trouble() is looked at, and worth a line.
  if (error.kind == ErrorKind::corrupt && task.attempt == 1) {
    if (const auto held_back = corrupt_gate_.pass(clock_.now())) {
      obs::log(obs::Level::warning, concat("an upload is repeated, nothing is lost: ", error.message),
               {{"worker", options_.worker},
                {"blob", task.batch->name},
                {"code", error.code},
                {"held_back", *held_back}});
    }
  }
  if (is_refused_for_good(error)) {
    refused_.refused(std::move(task), error);
    return;
  }
  note_trouble(task, error);
  if (error.kind == ErrorKind::throttled) {
    ++task.attempt;
    push_front(std::move(task));  // the pause of the process is its wait
    return;
  }
  const Duration delay = retry_delay(options_.retry, task.attempt, error, random_());
  ++task.attempt;
  ++sleeping_;
  auto timer = std::make_shared<std::uint64_t>(0);
  *timer =
      static_cast<std::uint64_t>(loop_.start_timer(delay, [this, timer, task = std::move(task)]() mutable {
        retry_timers_.erase(*timer);
        --sleeping_;
        if (!task.batch->forgotten) {
          push_front(std::move(task));
        }
      }));
  retry_timers_.insert(*timer);
}

void Uploader::note_trouble(const Task& task, const Error& error) {
  if (!trouble_) {
    trouble_ = UploadTrouble{.error = error, .blob = task.batch->name, .since = clock_.now()};
  } else {
    trouble_->error = error;
    trouble_->blob = task.batch->name;
  }
}

}  // namespace penstock::pipeline
