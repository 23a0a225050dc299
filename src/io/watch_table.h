// Which descriptors are watched, for what, and whom to tell. Both loops use it. It knows nothing of the
// kernel.
//
// Every watch() gives the descriptor a new generation, which travels with the question to the kernel and
// comes back with its answer. An answer to an earlier generation is dropped: so a callback never runs after
// unwatch(), even if its answer was under way, and even if the number names another file by now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "io/loop.h"

namespace penstock::io {

// Generations fit into 30 bits beside a tag and a descriptor; 0 is none.
inline constexpr std::uint32_t k_generation_mask = (std::uint32_t{1} << 30) - 1;

struct Watch {
  // Empty while it runs.
  std::function<void(Interest)> ready;
  Interest interest;
  // 0: not watched.
  std::uint32_t generation = 0;
  // The kernel was asked on behalf of this generation, and will answer.
  bool armed = false;
};

// POLLIN and POLLOUT, which are also EPOLLIN and EPOLLOUT.
std::uint32_t poll_events(Interest interest);

class WatchTable {
 public:
  // Null if not watched. Valid until the next call.
  Watch* find(int fd);

  // Watches, in a new generation that is not armed, and returns the generation.
  std::uint32_t set(int fd, Interest interest, std::function<void(Interest)> ready);

  void erase(int fd);

  // Runs the callback of `fd` if `generation` is the present one. `events` are the poll's. A hang-up or an
  // error makes ready whatever was asked for, so that the owner's next read or write finds it. True if `fd`
  // is still watched in that generation afterwards.
  bool run(int fd, std::uint32_t generation, std::uint32_t events);

  // Indexed by descriptor; the kernel gives out the lowest free number, so it stays dense.
  std::vector<Watch>& all() { return watches_; }

 private:
  std::vector<Watch> watches_;
  std::uint32_t last_generation_ = 0;
};

}  // namespace penstock::io
