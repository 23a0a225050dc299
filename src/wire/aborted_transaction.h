// A transaction whose records are in the log and are not to be read: those of this producer from this offset
// on, until its next control batch. A Fetch response lists the ones that touch what it brings.
#pragma once

#include <cstdint>

namespace penstock::wire {

struct AbortedTransaction {
  std::int64_t producer_id = 0;
  std::int64_t first_offset = 0;

  friend constexpr bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

}  // namespace penstock::wire
