#include "appliance/liveness.h"

#include "base/concat.h"

namespace penstock::appliance {

std::string silent_for_longer(std::span<const Pulse> pulses, Duration allowed) {
  std::string silent;
  for (const Pulse& pulse : pulses) {
    if (pulse.age && *pulse.age > allowed) {
      silent += concat(silent.empty() ? "" : "; ", pulse.who, " has not moved for ",
                       std::chrono::duration_cast<std::chrono::seconds>(*pulse.age).count(), " s");
    }
  }
  return silent;
}

}  // namespace penstock::appliance
