// What a consumer group has committed for a partition: PROTOCOL.md calls it the partition's entry.
#pragma once

#include <cstdint>
#include <string>

#include "base/types.h"

namespace penstock {

// As it was read; none at all is an empty optional, and never an error.
struct GroupEntry {
  Position position;
  std::string metadata;

  // What was committed with it: of the last record before the position. -1: none.
  std::int32_t leader_epoch = -1;

  friend bool operator==(const GroupEntry&, const GroupEntry&) = default;
};

}  // namespace penstock
