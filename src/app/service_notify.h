// What systemd is told (sd_notify): nothing happens when nobody asked to be told.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace penstock::app {

void notify_ready();
void notify_stopping();

// Control characters become spaces: a line feed would end the status and begin another field.
void notify_status(std::string status);

// What the service manager wants to know again and again. Each runs on the thread of ServiceReport.
struct ServiceState {
  // While it is false the watchdog is told nothing and no more time is asked for: the service manager acts.
  std::function<bool()> alive;
  // The line that `systemctl status` shows.
  std::function<std::string()> status;
  // Whether it starts or drains: the service manager is asked for more time. The process itself bounds that,
  // as long as it is alive.
  std::function<bool()> needs_time;
};

// Tells the service manager how the service is: every five seconds, and at least twice in WatchdogSec=. It
// has a thread for that where there is a service manager.
class ServiceReport {
 public:
  explicit ServiceReport(ServiceState state);

  // Ends the thread, at once.
  ~ServiceReport() = default;
  ServiceReport(const ServiceReport&) = delete;
  ServiceReport& operator=(const ServiceReport&) = delete;

 private:
  std::jthread thread_;
};

}  // namespace penstock::app
