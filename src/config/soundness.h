// What the checks of validate.h ask of a key before they draw on it.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "config/report.h"
#include "config/settings.h"

namespace penstock::config {

inline bool written(const Settings& settings, std::string_view path) {
  return settings.lines.contains(std::string(path));
}

// Whether the values of all these keys can be relied on.
inline bool sound(const Report& report, std::initializer_list<std::string_view> paths) {
  return std::none_of(paths.begin(), paths.end(),
                      [&](std::string_view path) { return report.mentions(path); });
}

}  // namespace penstock::config
