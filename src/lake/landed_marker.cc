#include "lake/landed_marker.h"

#include <algorithm>

#include "base/concat.h"
#include "base/utc_text.h"

namespace penstock::lake {

std::string landed_marker_name(std::string_view topic, WallTime until) {
  std::string time = utc_text(until);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return concat(k_landed_directory, topic, "/", time);
}

}  // namespace penstock::lake
