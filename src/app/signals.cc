#include "app/signals.h"

#include <chrono>
#include <optional>
#include <utility>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "app/exit_code.h"
#include "base/clock.h"
#include "base/concat.h"
#include "config/secret.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

// Wakes the waiting thread. Anybody may send it to us, so that it is the end is told by `ended_`.
constexpr int k_wake = SIGUSR2;

// Who signals a process and then its group, as timeout(1) does, means one signal.
constexpr Duration k_counts_as_one = std::chrono::milliseconds(500);

sigset_t signal_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, k_wake);
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
  ended_ = true;
  pthread_kill(thread_.native_handle(), k_wake);
  thread_.join();
}

void Signals::wait() {
  const sigset_t set = signal_set();
  for (std::optional<MonoTime> first;;) {
    int received = 0;
    if (sigwait(&set, &received) != 0 || ended_) {
      return;
    }
    if (received == k_wake) {
      continue;
    }
    if (received == SIGHUP) {
      config::read_secrets_again();
      obs::say(obs::Level::info, "SIGHUP: secrets that come from files are read again at their next use");
      continue;
    }
    if (first && system_clock().now() - *first < k_counts_as_one) {
      continue;
    }
    if (first) {
      obs::say(obs::Level::error,
               "left at once, without draining; what was not published was not committed, and Kafka has it");
      _exit(k_failed);
    }
    obs::say(obs::Level::info, concat(received == SIGINT ? "SIGINT" : "SIGTERM",
                                      ": publishing what was read, then leaving; once more leaves at once"));
    first = system_clock().now();
    on_first_();
  }
}

}  // namespace penstock::app
