// Finds where partitions without an entry start, each by itself: one whose leader is away keeps no other
// waiting. Each question is repeated until it is answered.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/types.h"
#include "io/loop.h"
#include "kafka/offset_lookup.h"

namespace penstock::kafka {

class StartFinder {
 public:
  struct Events {
    std::function<void(PartitionSlot, Position)> found;

    // This try has brought nothing; another follows.
    std::function<void(PartitionSlot, const OffsetAnswer&)> not_yet;
  };

  // All outlive it.
  StartFinder(io::Loop& loop, OffsetLookup& lookup, Events events);
  ~StartFinder() { cancel(); }

  StartFinder(const StartFinder&) = delete;
  StartFinder& operator=(const StartFinder&) = delete;

  // The first position of each at this time, wire::k_timestamp_start or _end. A log whose records are all
  // older starts at its end.
  void find(const std::vector<PartitionSlot>& slots, std::int64_t timestamp_ms);

  // The assignment is over, or the partition has failed: no event of it comes any more.
  void cancel();
  void forget(PartitionSlot slot);

 private:
  struct Wanted {
    PartitionSlot slot;
    std::int64_t timestamp_ms = 0;
    bool asked = false;
  };

  void ask();
  void on_answer(PartitionSlot slot, const OffsetAnswer& answer);

  io::Loop& loop_;
  OffsetLookup& lookup_;
  const Events events_;
  std::vector<Wanted> wanted_;
  io::TimerId timer_ = io::TimerId::none;
  Alive token_;
};

}  // namespace penstock::kafka
