// A moment as people and configurations write it.
#pragma once

#include <string>

#include "base/clock.h"

namespace penstock {

// "2026-11-29T06:50:00Z", without the fraction of the second.
std::string utc_text(WallTime time);

}  // namespace penstock
