// A set of positions as merged intervals: what touches becomes one, so that memory follows the disorder in
// which ranges come. A node is some 64 bytes: a million ranges of which no two touch are 64 MB. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "base/types.h"

namespace penstock::verify {

class IntervalSet {
 public:
  // Returns the parts of `range` that were in the set before; an empty range is nothing.
  std::vector<Range> add(Range range);

  // The parts of `within` that are not in the set, in order; nor in `other`.
  std::vector<Range> missing(Range within) const;
  std::vector<Range> missing(Range within, const IntervalSet& other) const;
  // The parts of `within` that are.
  std::vector<Range> present(Range within) const;

  bool empty() const { return next_by_first_.empty(); }
  std::size_t interval_count() const { return next_by_first_.size(); }
  Position first() const { return next_by_first_.begin()->first; }   // not when empty
  Position next() const { return next_by_first_.rbegin()->second; }  // likewise
  std::vector<Range> intervals() const;

 private:
  using Intervals = std::map<Position, Position>;
  // The first interval that ends at or behind `position`.
  Intervals::const_iterator reaching(Position position) const;

  Intervals next_by_first_;  // disjoint, and no two touch
};

}  // namespace penstock::verify
