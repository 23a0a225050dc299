// Running timers, ordered by the time they are due. Pure: its owner says what time it is.
//
// It is a binary heap of slot numbers, and each slot knows its place in the heap. So starting and canceling
// take logarithmic time, and timers that come and go allocate nothing, because slots are used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "io/loop.h"

namespace penstock::io {

// More timers than this at one time are a leak: a worker has a few per batch, request and connection. It is
// also what 20 bits of a TimerId can name. The other 44 bits count starts, which is enough for 50 years of
// 10,000 per second.
inline constexpr std::size_t k_timers_max = std::size_t{1} << 20;

class TimerHeap {
 public:
  // At most k_timers_max run at one time (CHECK).
  TimerId start(MonoTime due, std::function<void()> task);

  // Does nothing for a timer that has run, is running, or never was.
  void cancel(TimerId timer);

  // When the next one is due; empty if none is running.
  std::optional<MonoTime> next_due() const;

  // Runs, in the order they are due and then in that of their start, all that are due at `now`. A task may
  // start and cancel timers: what it cancels does not run, and what it starts waits for the next call, so
  // that a timer that starts itself again cannot hold up the loop.
  void run_due(MonoTime now);

  std::size_t size() const { return heap_.size(); }

 private:
  struct Slot {
    TimerId id = TimerId::none;
    MonoTime due;
    // Where in heap_ this slot's number stands.
    std::size_t place = 0;
    std::function<void()> task;
  };

  bool before(std::uint32_t left, std::uint32_t right) const;
  void put(std::size_t place, std::uint32_t slot);
  void sift_up(std::size_t place);
  void sift_down(std::size_t place);
  // Gives out the task.
  std::function<void()> remove(std::size_t place);

  std::vector<Slot> slots_;
  // Both hold slot numbers.
  std::vector<std::uint32_t> heap_;
  std::vector<std::uint32_t> free_;
  std::uint64_t started_ = 0;
};

}  // namespace penstock::io
