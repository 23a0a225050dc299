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
  for (const auto& [name, topic] : topics_) {
    loop_.cancel_timer(topic.timer);
  }
}

// The one that was tried goes behind the others: the next may be refused for a reason of its own.
void RefusedTopics::refused(UploadTask task, const Error& error) {
  const std::string name = task.batch->plan->topic;
  const auto [found, is_new] = topics_.try_emplace(name);
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
  arm(name, topic);
}

bool RefusedTopics::holds_back(UploadTask& task) {
  if (topics_.empty() || task.is_probe) {
    return false;
  }
  const auto found = topics_.find(task.batch->plan->topic);
  if (found == topics_.end()) {
    return false;
  }
  const std::string name = found->first;
  found->second.waiting.push_back(std::move(task));
  arm(name, found->second);
  return true;
}

void RefusedTopics::arm(const std::string& name, Topic& topic) {
  if (topic.probe != nullptr || topic.timer != io::TimerId::none || topic.waiting.empty()) {
    return;
  }
  const Duration pause = retry_delay(options_, ++topic.tries, topic.refusal.error, events_.random());
  topic.refusal.next_try = clock_.now() + pause;
  topic.timer = loop_.start_timer(pause, [this, name] { try_one(name); });
}

void RefusedTopics::try_one(const std::string& name) {
  Topic& topic = topics_.at(name);
  topic.timer = io::TimerId::none;
  UploadTask task = std::move(topic.waiting.front());
  topic.waiting.pop_front();
  task.is_probe = true;
  topic.probe = task.batch.get();
  events_.go_on(std::move(task));
}

void RefusedTopics::taken(const std::string& topic, UploadTask::Step step) {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || (found->second.step != step && !makes_the_blob(step))) {
    return;
  }
  loop_.cancel_timer(found->second.timer);
  std::deque<UploadTask> waiting = std::move(found->second.waiting);
  topics_.erase(found);
  for (; !waiting.empty(); waiting.pop_back()) {  // the first ends up before all
    events_.go_on(std::move(waiting.back()));
  }
  std::deque<std::string> others;
  for (const auto& [name, other] : topics_) {
    if (other.timer != io::TimerId::none) {
      loop_.cancel_timer(other.timer);
      others.push_back(name);
    }
  }
  for (const std::string& name : others) {
    try_one(name);
  }
}

void RefusedTopics::left(const UploadTask& task) {
  const auto found = topics_.find(task.batch->plan->topic);
  if (found != topics_.end() && task.is_probe) {
    found->second.probe = nullptr;
    arm(found->first, found->second);
  }
}

// A topic with nothing to try must not stay: it would be read no more, and nothing would ever come of it.
void RefusedTopics::is_over(const Batch& batch) {
  const auto found = topics_.find(batch.plan->topic);
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
  for (const auto& [name, topic] : topics_) {
    refusals.emplace(name, topic.refusal);
  }
  return refusals;
}

}  // namespace penstock::pipeline
