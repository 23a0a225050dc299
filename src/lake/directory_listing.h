// The blobs of a directory in the order of their whole names, a page at a time. Blocking.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <penstock/result.h>

namespace penstock::lake {

struct NamePage {
  // Relative to the root, sorted by byte.
  std::vector<std::string> names;

  // Whether further names follow the last of these.
  bool more = false;
};

// At most `count_max` names that begin with `prefix` and are greater than `after`. Skips <root>/.penstock
// and files whose name begins with '.'. Holds the entries of one directory per level, never the whole tree.
// Error: a directory could not be read.
Result<NamePage> list_names(const std::string& root, const std::string& prefix, const std::string& after,
                            std::size_t count_max);

}  // namespace penstock::lake
