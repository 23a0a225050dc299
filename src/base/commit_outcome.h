// What became of an offset commit, for one partition of it. Which answer of a broker means what:
// wire/broker_errors.
#pragma once

#include <cstdint>

namespace penstock {

enum class CommitOutcome : std::uint8_t {
  done,      // it is committed
  refused,   // the group takes no commit of this member now: its membership has moved on, or is about to
  rejected,  // the broker does not take this partition's commit, and will not take it again as things stand
  not_done,  // the broker did not look at it: the same commit may be sent again
  unknown,   // it may take effect, or have taken effect, or not; now or later
};

}  // namespace penstock
