#include "app/signals.h"

#include <cstdio>
#include <cstring>
#include <utility>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "app/exit_code.h"

namespace penstock::app {
namespace {

// Ends the waiting thread; nothing else sends it to us.
constexpr int k_end_of_waiting = SIGUSR2;

sigset_t signal_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, k_end_of_waiting);
  return set;
}

}  // namespace

Signals::Signals(std::function<void()> on_first) : on_first_(std::move(on_first)) {
  const sigset_t set = signal_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { wait(); });
}

Signals::~Signals() {
  pthread_kill(thread_.native_handle(), k_end_of_waiting);
  thread_.join();
}

void Signals::wait() {
  const sigset_t set = signal_set();
  for (bool draining = false;;) {
    int received = 0;
    if (sigwait(&set, &received) != 0 || received == k_end_of_waiting) {
      return;
    }
    if (received == SIGHUP) {
      std::fputs(
          "penstock: SIGHUP: this version reads secrets at its start only; restart it to change them\n",
          stderr);
      continue;
    }
    if (draining) {
      std::fputs(
          "penstock: left at once, without draining; what was not published was not committed, and Kafka has "
          "it\n",
          stderr);
      _exit(k_failed);
    }
    std::fprintf(stderr, "penstock: %s: publishing what was read, then leaving; once more leaves at once\n",
                 received == SIGINT ? "SIGINT" : "SIGTERM");
    draining = true;
    on_first_();
  }
}

}  // namespace penstock::app
