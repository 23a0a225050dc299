// A few threads that read, write and sync files, for where io_uring is refused. Its calls are made by the
// loop's thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include <penstock/result.h>

#include "io/operation.h"
#include "io/wake_event.h"

namespace penstock::io {

class FileThreads {
 public:
  // `finished` is signaled whenever take_finished() has something; it must outlive this.
  explicit FileThreads(WakeEvent& finished) : finished_event_(finished) {}

  // Waits for the operations that run; forgets those that wait.
  ~FileThreads();

  // Starts `count` threads, at least one. Error: the machine gives no thread.
  Result<void> start(std::uint32_t count);

  // The operation belongs to the threads until take_finished() gives it back with its result.
  void submit(Operation& operation);

  // Those that have their result, in the order in which they ended.
  OperationQueue take_finished();

 private:
  void work();

  WakeEvent& finished_event_;
  std::mutex mutex_;
  std::condition_variable work_or_stop_;
  bool stopping_ = false;
  OperationQueue waiting_;
  OperationQueue finished_;
  std::vector<std::thread> threads_;
};

}  // namespace penstock::io
