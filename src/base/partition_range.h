// A stretch of positions of one partition.
#pragma once

#include "base/types.h"

namespace penstock {

struct PartitionRange {
  Partition partition;
  Range range;

  friend auto operator<=>(const PartitionRange&, const PartitionRange&) = default;
};

}  // namespace penstock
