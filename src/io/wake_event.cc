#include "io/wake_event.h"

#include <cerrno>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/os_error.h"

namespace penstock::io {

Result<void> WakeEvent::open() {
  // Blocking: the ring would answer a read of a non-blocking one with -EAGAIN instead of waiting for it.
  fd_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!fd_.valid()) {
    return os_error(errno, "making the event descriptor of an I/O loop");
  }
  return {};
}

void WakeEvent::signal() {
  if (signaled_.exchange(true, std::memory_order_acq_rel)) {
    return;
  }
  const std::uint64_t one = 1;
  ssize_t written = 0;
  do {
    written = ::write(fd_.get(), &one, sizeof(one));
  } while (written < 0 && errno == EINTR);
  CHECK(written == static_cast<ssize_t>(sizeof(one)));
}

}  // namespace penstock::io
