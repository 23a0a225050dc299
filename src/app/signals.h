// SIGTERM and SIGINT: the first drains, the second leaves at once. Signals within half a second of the first
// count as the first. SIGHUP has secrets read again, and SIGUSR2 is ignored.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace penstock::app {

class Signals {
 public:
  // Blocks the signals in this thread, and so in every thread that it starts: make it before any other.
  // `on_first` runs on a thread of its own.
  explicit Signals(std::function<void()> on_first);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void wait();

  std::function<void()> on_first_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace penstock::app
