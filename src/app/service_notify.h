// What systemd is told (sd_notify): nothing happens when nobody asked to be told.
#pragma once

#include <string>

namespace penstock::app {

void notify_ready();
void notify_stopping();
void notify_status(const std::string& status);

}  // namespace penstock::app
