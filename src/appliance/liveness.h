// Whether the threads of a run go on. A disk or a mount that hangs stops a worker in the middle of a call,
// and nothing that it would say of itself is said any more. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "obs/heartbeat.h"

namespace penstock::appliance {

struct Pulse {
  // "worker 1"
  std::string who;

  // Since the last heartbeat. Nothing: none is expected, before the thread's first turn and at its end.
  std::optional<Duration> age;
};

// A worker that is silent for so long takes no records.
inline constexpr Duration k_not_ready_after = obs::k_heartbeat_late;

// What lasts so long is taken to last for ever: a restart may help, and loses nothing.
inline constexpr Duration k_unhealthy_after = std::chrono::minutes(2);

// "worker 1 has not moved for 45 s; worker 3 has not moved for 44 s": who is silent for longer than
// `allowed`. Empty: nobody.
std::string silent_for_longer(std::span<const Pulse> pulses, Duration allowed);

}  // namespace penstock::appliance
