#include "base/clock.h"

#include <ctime>

namespace penstock {
namespace {

class SystemClock final : public Clock {
 public:
  MonoTime now() const override {
    timespec t{};
    clock_gettime(CLOCK_BOOTTIME, &t);
    return MonoTime(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
  }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace penstock
