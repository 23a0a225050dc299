// The metadata of a blob: what is stored beside its bytes, and answered with its properties and in lists.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace penstock {

// Key and value of each entry, in the order they are written or read. Keys are of [a-z0-9]+, values of
// printable ASCII: all that Azure stores and gives back unchanged. Keys and values of one blob together
// have at most 8 KiB.
using Metadata = std::vector<std::pair<std::string, std::string>>;

}  // namespace penstock
