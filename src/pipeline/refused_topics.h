// Topics whose files the store refuses until a person acts: a right that is missing on a path, a policy, a
// name that cannot be.
//
// Of such a topic one request at a time is tried, after pauses that grow to some minutes. All others of the
// topic wait for it. So the other topics have the connections, and a store that refuses everything is asked
// once a topic and pause. When one is taken, all of its topic go on at once, and the other refused topics are
// tried too, as the cause was probably the same. The files of a topic and the quarantine beside them count as
// two topics, since their paths may have rights of their own.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "io/loop.h"
#include "pipeline/retry_policy.h"
#include "pipeline/upload_task.h"

namespace penstock::pipeline {

// What is known of such a topic, for the log and the readiness page.
struct Refusal {
  Error error;
  std::string blob;
  MonoTime since{};
  MonoTime next_try{};
};

// Whether the topic is to be read no more for the time being. At first a refusal may be one that passes.
// Where the store refuses all topics alike, they are read on, and the stage rides it out: what the store took
// of another topic (`last_taken`) tells the difference. `others_need_room`: half of the stage is full, and
// there are topics that are not refused.
bool is_to_be_withheld(const Refusal& refusal, MonoTime now, MonoTime last_taken, bool others_need_room);

class RefusedTopics {
 public:
  struct Events {
    std::function<std::uint64_t()> random;
    std::function<void(UploadTask)> go_on;  // the task is to be sent now, before others
  };

  RefusedTopics(const RetryOptions& options, io::Loop& loop, const Clock& clock, Events events);
  ~RefusedTopics();

  // The task was refused for good. It waits here.
  void refused(UploadTask task, const Error& error);

  // Whether the task must wait for another one of its topic. If so, it waits here, and `task` is empty.
  bool holds_back(UploadTask& task);

  // The task was taken. A stored block says nothing of a list that is refused, so the next of the topic is
  // tried, at once.
  void taken(const UploadTask& task);

  // The task is over without having been tried: it was late.
  void left(const UploadTask& task);

  // Nothing more is to be sent for the batch.
  void is_over(const Batch& batch);

  bool idle() const;
  bool any() const { return !topics_.empty(); }
  // By the topic's name. Where both are refused, what is known of its files.
  std::map<std::string, Refusal> look() const;

 private:
  struct Path {
    std::string topic;
    bool in_quarantine = false;

    friend auto operator<=>(const Path&, const Path&) = default;
  };
  static Path path_of(const Batch& batch);

  struct Topic {
    Refusal refusal;
    UploadTask::Step step{};  // that was refused
    std::uint32_t tries = 0;
    std::deque<UploadTask> waiting;
    const Batch* probe = nullptr;  // its task is on its way
    io::TimerId timer = io::TimerId::none;
  };

  // What of the topic waits is tried in its turn. `probe` and `timer` are none in a topic of which nothing
  // waits, and it stays while a batch of it is still to come back: as one that was late.
  void arm(const Path& path, Topic& topic);
  void try_one(const Path& path);
  void try_next(const Path& path, const Topic& topic);

  const RetryOptions options_;
  io::Loop& loop_;
  const Clock& clock_;
  const Events events_;
  std::map<Path, Topic> topics_;
};

}  // namespace penstock::pipeline
