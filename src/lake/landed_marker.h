// The names of markers that say: everything that a topic's log took before a time is in the lake.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace penstock::lake {

// Readers of a lake skip what begins with '_', and `penstock verify` skips this.
inline constexpr std::string_view k_landed_directory = "_landed/";

// "_landed/orders/20260131T100000Z". A fraction of a second is left out.
std::string landed_marker_name(std::string_view topic, WallTime until);

}  // namespace penstock::lake
