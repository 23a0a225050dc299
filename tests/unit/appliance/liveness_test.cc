#include "appliance/liveness.h"

#include <chrono>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::appliance {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Liveness, a_worker_is_not_ready_after_30_seconds_and_not_healthy_after_2_minutes) {
  const struct {
    Duration age;
    const char* not_ready;
    const char* unhealthy;
  } cases[] = {
      {seconds(0), "", ""},
      {seconds(30), "", ""},
      {seconds(30) + milliseconds(1), "worker 0 has not moved for 30 s", ""},
      {minutes(2), "worker 0 has not moved for 120 s", ""},
      {minutes(2) + milliseconds(1), "worker 0 has not moved for 120 s", "worker 0 has not moved for 120 s"},
  };
  for (const auto& c : cases) {
    const std::vector<Pulse> pulses{{"worker 0", c.age}};
    EXPECT_EQ(silent_for_longer(pulses, k_not_ready_after), c.not_ready);
    EXPECT_EQ(silent_for_longer(pulses, k_unhealthy_after), c.unhealthy);
  }
}

TEST(Liveness, names_everybody_who_is_silent_and_nobody_else) {
  const std::vector<Pulse> pulses{{"worker 0", seconds(45)},
                                  {"worker 1", seconds(1)},
                                  {"worker 2", std::nullopt},  // at its start or its end
                                  {"the thread that watches the workers", seconds(44)}};
  EXPECT_EQ(silent_for_longer(pulses, seconds(30)),
            "worker 0 has not moved for 45 s; the thread that watches the workers has not moved for 44 s");
  EXPECT_EQ(silent_for_longer({}, seconds(30)), "");
}

}  // namespace
}  // namespace penstock::appliance
