// One field of a query such as a SAS. Pure.
#pragma once

#include <string_view>

namespace penstock::azure {

// The value of the first parameter of that name, as it is written, with its %XX; empty if it is absent or
// empty.
std::string_view query_parameter(std::string_view query, std::string_view name);

}  // namespace penstock::azure
