// What became of an offset commit. Which answer of a broker means what: wire/broker_errors.
#pragma once

#include <cstdint>

namespace penstock {

enum class CommitOutcome : std::uint8_t {
  done,      // every partition of it is committed
  refused,   // at least one partition is not, and will not be by this commit
  not_done,  // the broker did not look at it: the same commit may be sent again
  unknown,   // it may take effect, or have taken effect, or not; now or later
};

}  // namespace penstock
