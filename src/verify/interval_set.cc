#include "verify/interval_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace penstock::verify {

// The first interval that is touched grows, and takes in those behind it: most ranges only move one end, and
// allocate nothing.
std::vector<Range> IntervalSet::add(Range range) {
  std::vector<Range> before;
  if (range.first >= range.next) {
    return before;
  }
  Range grown = range;
  const auto touched = reaching(range.first);
  auto at = touched;
  for (; at != next_by_first_.end() && at->first <= range.next; ++at) {
    const Range held{std::max(at->first, range.first), std::min(at->second, range.next)};
    if (held.first < held.next) {
      before.push_back(held);
    }
    grown = {std::min(grown.first, at->first), std::max(grown.next, at->second)};
  }
  if (touched == at) {
    next_by_first_.emplace_hint(at, grown.first, grown.next);
    return before;
  }
  next_by_first_.erase(std::next(touched), at);
  auto node = next_by_first_.extract(touched);
  node.key() = grown.first;
  node.mapped() = grown.next;
  next_by_first_.insert(at, std::move(node));
  return before;
}

std::vector<Range> IntervalSet::missing(Range within) const {
  std::vector<Range> found;
  Position reached = within.first;
  for (const Range& held : present(within)) {
    if (reached < held.first) {
      found.push_back({reached, held.first});
    }
    reached = held.next;
  }
  if (reached < within.next) {
    found.push_back({reached, within.next});
  }
  return found;
}

std::vector<Range> IntervalSet::missing(Range within, const IntervalSet& other) const {
  std::vector<Range> parts;
  for (const Range& gap : missing(within)) {
    const std::vector<Range> left = other.missing(gap);
    parts.insert(parts.end(), left.begin(), left.end());
  }
  return parts;
}

std::vector<Range> IntervalSet::present(Range within) const {
  std::vector<Range> found;
  for (auto at = reaching(within.first); at != next_by_first_.end() && at->first < within.next; ++at) {
    const Range held{std::max(at->first, within.first), std::min(at->second, within.next)};
    if (held.first < held.next) {
      found.push_back(held);
    }
  }
  return found;
}

std::vector<Range> IntervalSet::intervals() const {
  std::vector<Range> all;
  all.reserve(next_by_first_.size());
  for (const auto& [first, next] : next_by_first_) {
    all.push_back({first, next});
  }
  return all;
}

IntervalSet::Intervals::const_iterator IntervalSet::reaching(Position position) const {
  auto at = next_by_first_.upper_bound(position);
  if (at != next_by_first_.begin() && std::prev(at)->second >= position) {
    --at;
  }
  return at;
}

}  // namespace penstock::verify
