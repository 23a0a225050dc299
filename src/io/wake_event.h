// What makes a sleeping loop return: an eventfd, written at most once until the loop has seen it.
#pragma once

#include <atomic>
#include <cstdint>

#include <penstock/result.h>

#include "base/unique_fd.h"

namespace penstock::io {

class WakeEvent {
 public:
  // Error: no descriptor is left.
  Result<void> open();

  // Readable while a signal is to be seen. Reading 8 bytes resets it; a read before a signal blocks.
  int fd() const { return fd_.get(); }

  // From any thread. What the caller did before is visible to the loop's thread after its clear().
  void signal();

  // On the loop's thread, after the descriptor was read and before the loop looks for what the signal was
  // about. A signal that comes later is written anew.
  void clear() { signaled_.exchange(false, std::memory_order_acq_rel); }

 private:
  UniqueFd fd_;
  std::atomic<bool> signaled_{false};
};

}  // namespace penstock::io
