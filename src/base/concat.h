// concat(a, b, ...): its arguments as one string. For messages, never on the record path.
#pragma once

#include <sstream>
#include <string>

namespace penstock {

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

}  // namespace penstock
