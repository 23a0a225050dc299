#include "io/watch_table.h"

#include <utility>

#include <poll.h>
#include <sys/epoll.h>

#include "base/check.h"

namespace penstock::io {

static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP);

std::uint32_t poll_events(Interest interest) {
  return (interest.readable ? std::uint32_t{POLLIN} : 0U) | (interest.writable ? std::uint32_t{POLLOUT} : 0U);
}

Watch* WatchTable::find(int fd) {
  if (fd < 0 || static_cast<std::size_t>(fd) >= watches_.size() || watches_[fd].generation == 0) {
    return nullptr;
  }
  return &watches_[fd];
}

std::uint32_t WatchTable::set(int fd, Interest interest, std::function<void(Interest)> ready) {
  CHECK(fd >= 0);
  CHECK(static_cast<bool>(ready));
  if (static_cast<std::size_t>(fd) >= watches_.size()) {
    watches_.resize(static_cast<std::size_t>(fd) + 1);
  }
  last_generation_ = (last_generation_ + 1) & k_generation_mask;
  if (last_generation_ == 0) {
    last_generation_ = 1;
  }
  const std::uint32_t generation = last_generation_;
  Watch& watch = watches_[fd];
  watch.interest = interest;
  watch.generation = generation;
  watch.armed = false;
  // The old callback dies at the end of this function, when what it owns may call back without harm.
  watch.ready.swap(ready);
  return generation;
}

void WatchTable::erase(int fd) {
  Watch* watch = find(fd);
  if (watch == nullptr) {
    return;
  }
  watch->generation = 0;
  watch->armed = false;
  const auto dies_last = std::exchange(watch->ready, nullptr);
}

bool WatchTable::run(int fd, std::uint32_t generation, std::uint32_t events) {
  Watch* watch = find(fd);
  if (watch == nullptr || watch->generation != generation) {
    return false;
  }
  const bool broken = (events & (POLLERR | POLLHUP | POLLNVAL)) != 0;
  const Interest now{.readable = watch->interest.readable && (broken || (events & POLLIN) != 0),
                     .writable = watch->interest.writable && (broken || (events & POLLOUT) != 0)};
  // Taken out of the table, which the callback may change under it.
  auto ready = std::exchange(watch->ready, nullptr);
  ready(now);
  watch = find(fd);
  if (watch == nullptr || watch->generation != generation) {
    return false;
  }
  watch->ready.swap(ready);
  return true;
}

}  // namespace penstock::io
