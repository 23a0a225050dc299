// Which leader's epoch the records before a position have: what tells a log that was cut and has grown again
// from the one that was read (KIP-320). Of one partition. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/types.h"

namespace penstock::kafka {

class EpochHistory {
 public:
  // Epochs change by elections. A commit speaks of a position at most some minutes back.
  static constexpr std::size_t k_changes_max = 16;

  // Nothing was read yet. `epoch`: of the records before wherever reading begins; -1: not known.
  void begin(std::int32_t epoch) {
    first_ = epoch;
    changes_.clear();
  }

  // The records from this position on were taken by the leader of this epoch. What was noted of positions at
  // or behind it is forgotten: it is read again.
  void read(Position from, std::int32_t epoch) {
    while (!changes_.empty() && changes_.back().from >= from) {
      changes_.pop_back();
    }
    if (epoch < 0 || (!changes_.empty() && changes_.back().epoch == epoch)) {
      return;
    }
    if (changes_.size() == k_changes_max) {
      first_ = -1;
      changes_.erase(changes_.begin());
    }
    changes_.push_back({from, epoch});
  }

  // The records from this position on are not read, as somebody has them, or they are gone. Their epochs are
  // not known.
  void skip(Position from) {
    while (!changes_.empty() && changes_.back().from >= from) {
      changes_.pop_back();
    }
    if (changes_.size() == k_changes_max) {
      first_ = -1;
      changes_.erase(changes_.begin());
    }
    changes_.push_back({from, -1});
  }

  // Of the last record before `position`. -1: not known.
  std::int32_t before(Position position) const {
    const auto change = std::find_if(changes_.rbegin(), changes_.rend(),
                                     [position](const Change& each) { return each.from < position; });
    return change == changes_.rend() ? first_ : change->epoch;
  }

  // The latest record before `position` whose epoch is known, by the position behind it. Epoch -1: there is
  // none.
  struct Known {
    Position end;
    std::int32_t epoch = -1;
  };
  Known last_known(Position position) const {
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
      if (change->from < position && change->epoch >= 0) {
        return {position, change->epoch};
      }
      position = std::min(position, change->from);
    }
    return {position, first_};
  }

 private:
  struct Change {
    Position from;
    std::int32_t epoch = -1;
  };

  std::int32_t first_ = -1;
  std::vector<Change> changes_;  // ascending
};

}  // namespace penstock::kafka
