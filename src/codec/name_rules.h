// What stores can hold, and what readers of a lake look at, of a blob's name. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "codec/blob_name.h"

namespace penstock::codec {

// The most parts ("a/b" has two) that a blob's name may have within its container: an account with a
// hierarchical namespace takes 63, and counts itself and the container. Without one it is 254.
inline constexpr std::size_t k_blob_name_parts_max = 61;

// How much of a name one store has room for.
struct NameRoom {
  std::size_t bytes_max = k_blob_name_bytes_max;
  std::size_t parts_max = k_blob_name_parts_max;

  // Of each part but the last, and of the last.
  std::size_t part_bytes_max = k_blob_name_bytes_max;
  std::size_t last_part_bytes_max = k_blob_name_bytes_max;
};

// What is wrong with one part, whatever its length: a clause about it, such as "begins with '_', and ...".
// Empty: nothing is.
std::string part_fault(std::string_view part);

// What is wrong with a whole name: a clause that names the part, such as "its part \"_x\" begins with ...".
// Empty: nothing is.
std::string name_fault(std::string_view name, const NameRoom& room);

}  // namespace penstock::codec
