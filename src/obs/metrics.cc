#include "obs/metrics.h"

#include <algorithm>

namespace penstock::obs {

void Histogram::observe(double seconds) {
  const auto bound = std::lower_bound(k_upper_bounds_s.begin(), k_upper_bounds_s.end(), seconds);
  buckets_[static_cast<std::size_t>(bound - k_upper_bounds_s.begin())].add();
  count_.add();
  sum_ns_.add(static_cast<std::uint64_t>(std::max(seconds, 0.0) * 1e9));
}

}  // namespace penstock::obs
