// The metadata of a blob: rows that its store keeps with it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace penstock {

using Metadata = std::vector<std::pair<std::string, std::string>>;  // keys [a-z0-9]+, values printable ASCII

}  // namespace penstock
