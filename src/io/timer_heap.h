// Running timers, ordered by the time they are due. Pure: whoever owns it says what time it is.
//
// A binary heap of slot numbers, each slot knowing its place in the heap: starting and canceling are
// logarithmic, and a slot is used again, so that timers that come and go allocate nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "io/loop.h"

namespace penstock::io {

// More timers than this at one time is a leak: a worker has a few per batch, request and connection. It is
// also what 20 bits of a TimerId can name; the other 44 count starts, 50 years of 10,000 a second.
inline constexpr std::size_t k_timers_max = std::size_t{1} << 20;

class TimerHeap {
 public:
  TimerId start(MonoTime due, std::function<void()> task);

  // Of a timer that has run, is running, or never was: nothing.
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
    std::size_t place = 0;  // in heap_
    std::function<void()> task;
  };

  bool before(std::uint32_t left, std::uint32_t right) const;
  void put(std::size_t place, std::uint32_t slot);
  void sift_up(std::size_t place);
  void sift_down(std::size_t place);
  std::function<void()> remove(std::size_t place);  // gives out the task

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> heap_;  // slot numbers
  std::vector<std::uint32_t> free_;  // slot numbers
  std::uint64_t started_ = 0;
};

}  // namespace penstock::io
