// How it works. A timer lives in a slot, which stays where it is. The heap holds slot numbers and is ordered
// by the time they are due. Every slot knows its place in the heap, so that a timer in the middle can be
// taken out.
//
// An example: slots 0, 1, 2 are due at 30, 10, 20.
//
//   heap_   [1, 0, 2]      slots_[0].place = 1, slots_[1].place = 0, slots_[2].place = 2
//
// cancel() of slot 1 moves the last number of the heap into its place and lets it sink: [2, 0]. Slot 1 is
// free. The next timer to start gets slot 1 again, under an id with a higher count of starts, so that the old
// id names nothing.
#include "io/timer_heap.h"

#include <utility>

#include "base/check.h"

namespace penstock::io {
namespace {

// A TimerId: the upper 44 bits count the starts, the lower 20 are the slot. Ids ascend, so that they also
// order timers that are due at the same time.
constexpr unsigned k_slot_bits = 20;
static_assert(k_timers_max == std::size_t{1} << k_slot_bits);

constexpr TimerId timer_id(std::uint64_t started, std::uint32_t slot) {
  return TimerId{started << k_slot_bits | slot};
}

constexpr std::uint32_t slot_of(TimerId timer) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(timer) & (k_timers_max - 1));
}

}  // namespace

TimerId TimerHeap::start(MonoTime due, std::function<void()> task) {
  CHECK(heap_.size() < k_timers_max);
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  const TimerId id = timer_id(++started_, slot);
  slots_[slot] = Slot{.id = id, .due = due, .place = heap_.size(), .task = std::move(task)};
  heap_.push_back(slot);
  sift_up(heap_.size() - 1);
  return id;
}

void TimerHeap::cancel(TimerId timer) {
  const std::uint32_t slot = slot_of(timer);
  if (timer == TimerId::none || slot >= slots_.size() || slots_[slot].id != timer) {
    return;
  }
  // Held to the end of this function: what the task owns may call back into this heap when it dies.
  const auto task = remove(slots_[slot].place);
}

std::optional<MonoTime> TimerHeap::next_due() const {
  if (heap_.empty()) {
    return std::nullopt;
  }
  return slots_[heap_.front()].due;
}

void TimerHeap::run_due(MonoTime now) {
  const TimerId newest = timer_id(started_, static_cast<std::uint32_t>(k_timers_max - 1));
  while (!heap_.empty()) {
    const Slot& first = slots_[heap_.front()];
    if (first.due > now || first.id > newest) {
      return;
    }
    remove(0)();
  }
}

bool TimerHeap::before(std::uint32_t left, std::uint32_t right) const {
  const Slot& a = slots_[left];
  const Slot& b = slots_[right];
  return a.due != b.due ? a.due < b.due : a.id < b.id;
}

void TimerHeap::put(std::size_t place, std::uint32_t slot) {
  heap_[place] = slot;
  slots_[slot].place = place;
}

void TimerHeap::sift_up(std::size_t place) {
  const std::uint32_t slot = heap_[place];
  while (place > 0 && before(slot, heap_[(place - 1) / 2])) {
    put(place, heap_[(place - 1) / 2]);
    place = (place - 1) / 2;
  }
  put(place, slot);
}

void TimerHeap::sift_down(std::size_t place) {
  const std::uint32_t slot = heap_[place];
  for (std::size_t child = 2 * place + 1; child < heap_.size(); child = 2 * place + 1) {
    if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) {
      ++child;
    }
    if (!before(heap_[child], slot)) {
      break;
    }
    put(place, heap_[child]);
    place = child;
  }
  put(place, slot);
}

std::function<void()> TimerHeap::remove(std::size_t place) {
  const std::uint32_t slot = heap_[place];
  const std::uint32_t last = heap_.back();
  heap_.pop_back();
  if (last != slot) {
    put(place, last);
    sift_up(place);
    sift_down(slots_[last].place);
  }
  free_.push_back(slot);
  slots_[slot].id = TimerId::none;
  return std::exchange(slots_[slot].task, nullptr);
}

}  // namespace penstock::io
