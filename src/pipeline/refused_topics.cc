// How it works. What waits of a topic is a queue. Its first task is tried when a timer ends (try_one), and
// is the probe until it is taken, refused, late or dropped. A refusal puts it at the end of the queue, and
// the timer begins anew with a longer pause.
//
// The worked case is a topic with the right to write blocks, and for a while none to make files of them.
// Batch 1 has been refused its block list. Batch 2 has three blocks:
//
//   1. The list is tried after 1 s, refused, and goes behind the blocks. The next pause is 2 s.
//   2. The first block is tried and taken. That says nothing of lists, so the second is tried at once, and
//      the third. Now batch 2 is claimed, and its list waits behind that of batch 1.
//   3. The list of batch 1 is tried, and refused: 4 s. And so on, up to two minutes.
//   4. The right is back. The next list that is tried is taken, and all that waits goes on.
#include "pipeline/refused_topics.h"

#include <algorithm>
#include <utility>

namespace penstock::pipeline {
namespace {

bool makes_the_blob(UploadTask::Step step) {
  return step == UploadTask::Step::put_blob || step == UploadTask::Step::commit_blocks;
}

constexpr Duration k_withheld_after = std::chrono::seconds(15);

}  // namespace

bool is_to_be_withheld(const Refusal& refusal, MonoTime now, MonoTime last_taken, bool others_need_room) {
  return others_need_room || (now - refusal.since >= k_withheld_after && last_taken > refusal.since);
}

RefusedTopics::RefusedTopics(const RetryOptions& options, io::Loop& loop, const Clock& clock, Events events)
    : options_(options), loop_(loop), clock_(clock), events_(std::move(events)) {}

RefusedTopics::~RefusedTopics() {
  for (const auto& [path, topic] : topics_) {
    loop_.cancel_timer(topic.timer);
  }
}

RefusedTopics::Path RefusedTopics::path_of(const Batch& batch) {
  return {.topic = batch.plan->topic, .in_quarantine = batch.beside.has_value()};
}

// The one that was tried goes behind the others: the next may be refused for a reason of its own.
void RefusedTopics::refused(UploadTask task, const Error& error) {
  const Path path = path_of(*task.batch);
  const auto [found, is_new] = topics_.try_emplace(path);
  Topic& topic = found->second;
  if (is_new) {
    topic.refusal.since = clock_.now();
  }
  topic.refusal.error = error;
  topic.refusal.blob = task.batch->name;
  topic.step = task.step;
  if (topic.probe == task.batch.get()) {
    topic.probe = nullptr;
  }
  task.is_probe = false;
  topic.waiting.push_back(std::move(task));
  arm(path, topic);
}

bool RefusedTopics::holds_back(UploadTask& task) {
  if (topics_.empty() || task.is_probe) {
    return false;
  }
  const auto found = topics_.find(path_of(*task.batch));
  if (found == topics_.end()) {
    return false;
  }
  found->second.waiting.push_back(std::move(task));
  arm(found->first, found->second);
  return true;
}

void RefusedTopics::arm(const Path& path, Topic& topic) {
  if (topic.probe != nullptr || topic.timer != io::TimerId::none || topic.waiting.empty()) {
    return;
  }
  const Duration pause = retry_delay(options_, ++topic.tries, topic.refusal.error, events_.random());
  topic.refusal.next_try = clock_.now() + pause;
  topic.timer = loop_.start_timer(pause, [this, path] { try_one(path); });
}

// Without a pause: what was tried was not refused, and many blocks may wait before what was.
void RefusedTopics::try_next(const Path& path, const Topic& topic) {
  if (topic.probe == nullptr && topic.timer == io::TimerId::none && !topic.waiting.empty()) {
    try_one(path);
  }
}

void RefusedTopics::try_one(const Path& path) {
  Topic& topic = topics_.at(path);
  topic.timer = io::TimerId::none;
  UploadTask task = std::move(topic.waiting.front());
  topic.waiting.pop_front();
  task.is_probe = true;
  topic.probe = task.batch.get();
  events_.go_on(std::move(task));
}

void RefusedTopics::taken(const UploadTask& task) {
  const Path path = path_of(*task.batch);
  const auto found = topics_.find(path);
  if (found == topics_.end()) {
    return;
  }
  if (found->second.step != task.step && !makes_the_blob(task.step)) {
    if (task.is_probe) {
      found->second.probe = nullptr;
      try_next(path, found->second);
    }
    return;
  }
  loop_.cancel_timer(found->second.timer);
  std::deque<UploadTask> waiting = std::move(found->second.waiting);
  topics_.erase(found);
  for (; !waiting.empty(); waiting.pop_back()) {  // the first ends up before all
    events_.go_on(std::move(waiting.back()));
  }
  std::deque<Path> others;
  for (const auto& [of_other, other] : topics_) {
    if (other.timer != io::TimerId::none) {
      loop_.cancel_timer(other.timer);
      others.push_back(of_other);
    }
  }
  for (const Path& of_other : others) {
    try_one(of_other);
  }
}

void RefusedTopics::left(const UploadTask& task) {
  const auto found = topics_.find(path_of(*task.batch));
  if (found != topics_.end() && task.is_probe) {
    found->second.probe = nullptr;
    arm(found->first, found->second);
  }
}

// A topic with nothing to try must not stay: it would be read no more, and nothing would ever come of it.
void RefusedTopics::is_over(const Batch& batch) {
  const auto found = topics_.find(path_of(batch));
  if (found == topics_.end()) {
    return;
  }
  Topic& topic = found->second;
  std::erase_if(topic.waiting, [&batch](const UploadTask& task) { return task.batch.get() == &batch; });
  if (topic.probe == &batch) {
    topic.probe = nullptr;
  }
  if (topic.waiting.empty()) {
    loop_.cancel_timer(std::exchange(topic.timer, io::TimerId::none));
  }
  if (topic.waiting.empty() && topic.probe == nullptr) {
    topics_.erase(found);
  } else {
    arm(found->first, topic);
  }
}

bool RefusedTopics::idle() const {
  return std::all_of(topics_.begin(), topics_.end(),
                     [](const auto& each) { return each.second.waiting.empty(); });
}

std::map<std::string, Refusal> RefusedTopics::look() const {
  std::map<std::string, Refusal> refusals;
  for (const auto& [path, topic] : topics_) {
    refusals.emplace(path.topic, topic.refusal);
  }
  return refusals;
}

}  // namespace penstock::pipeline
