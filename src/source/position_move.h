// A position of the group that is to be set: `penstock offsets set`.
#pragma once

#include <optional>

#include "base/group_entry.h"
#include "base/types.h"

namespace penstock::source {

struct PositionMove {
  // What the group had when that was decided. None: no entry.
  std::optional<GroupEntry> seen;
  Position to;
};

}  // namespace penstock::source
