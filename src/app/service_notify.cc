#include "app/service_notify.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <stop_token>
#include <utility>

#include <systemd/sd-daemon.h>

namespace penstock::app {
namespace {

constexpr std::chrono::microseconds k_interval = std::chrono::seconds{5};

// Asked for again before it is over.
constexpr std::chrono::microseconds k_more_time = std::chrono::seconds{30};

}  // namespace

void notify_ready() {
  sd_notify(0, "READY=1");
}
void notify_stopping() {
  sd_notify(0, "STOPPING=1");
}
void notify_status(std::string status) {
  std::replace_if(
      status.begin(), status.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
      ' ');
  sd_notifyf(0, "STATUS=%s", status.c_str());
}

ServiceReport::ServiceReport(ServiceState state) {
  if (std::getenv("NOTIFY_SOCKET") == nullptr) {
    return;
  }
  std::uint64_t allowed_us = 0;
  const bool is_watched = sd_watchdog_enabled(0, &allowed_us) > 0;
  const std::chrono::microseconds interval =
      is_watched ? std::min<std::chrono::microseconds>(k_interval, std::chrono::microseconds(allowed_us / 2))
                 : k_interval;
  thread_ = std::jthread([state = std::move(state), is_watched, interval](const std::stop_token& ended) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    while (!ended.stop_requested()) {
      const bool is_alive = state.alive();
      if (is_watched && is_alive) {
        sd_notify(0, "WATCHDOG=1");
      }
      if (is_alive && state.needs_time()) {
        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%lld", static_cast<long long>(k_more_time.count()));
      }
      notify_status(state.status());
      never.wait_for(lock, ended, interval, [] { return false; });
    }
  });
}

}  // namespace penstock::app
