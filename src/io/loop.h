// The Loop seam: everything that a worker waits for, on one thread. Behind it is io_uring, a portable
// fallback (epoll and a few pwrite threads), or the simulator.
//
// One thread owns a loop. It makes it, destroys it and makes every call but wake(), and every callback runs
// on it, from run_once(). A callback may call the loop, but not run_once(). No callback runs inside the call
// that started its operation. A loop that is destroyed cancels what is under way and waits until nobody
// touches the operations' memory any more. Callbacks that have not run by then never will.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "io/socket_address.h"

namespace penstock::io {

// The kernel's answer: bytes done (may be fewer than asked), or -errno.
using Completion = std::function<void(std::int32_t result)>;

enum class Backend : std::uint8_t { io_uring, portable, simulated };

// What was asked of the kernel and what it granted. It is logged once, and shown by `penstock version` and a
// metric.
struct Grant {
  Backend backend = Backend::portable;
  // "SINGLE_ISSUER|DEFER_TASKRUN|COOP_TASKRUN". Empty on the fallback.
  std::string flags;
  // Buffers that WRITE_FIXED and READ_FIXED may use.
  std::uint64_t registered_bytes = 0;
  // RLIMIT_MEMLOCK, soft. UINT64_MAX if unlimited.
  std::uint64_t memlock_bytes = 0;
  // Why it is not better, and what the operator can do. Empty when everything that was asked for was granted.
  std::string reason;
};

struct Interest {
  bool readable = false;
  bool writable = false;

  friend bool operator==(const Interest&, const Interest&) = default;
};

// Names a running timer. Never reused within a loop's life.
enum class TimerId : std::uint64_t { none = 0 };

class Loop {
 public:
  virtual ~Loop() = default;

  // Makes `region` (the slab pool's memory) known to the kernel, once, before the first write. If the kernel
  // refuses, everything works unregistered and grant().reason says so.
  virtual void register_memory(MutableBytes region) = 0;

  // Files. `bytes` stays valid until `done` has run. Offsets, lengths and addresses are aligned by the caller
  // where the file was opened with O_DIRECT. Inside the registered region the fixed form is used by itself.
  virtual void write_at(int fd, Bytes bytes, std::uint64_t offset, Completion done) = 0;
  virtual void read_at(int fd, MutableBytes bytes, std::uint64_t offset, Completion done) = 0;

  // fdatasync; fsync for a directory.
  virtual void sync_data(int fd, Completion done) = 0;

  // Sockets: streams that do not block. At most one connect or send and one receive at a time per descriptor,
  // which is not watched meanwhile. `done` gets what the call would return. For receive, 0 says that the peer
  // has closed its side. `address` and `bytes` stay valid until `done` has run. send() raises no SIGPIPE.
  virtual void connect(int fd, const SocketAddress& address, Completion done) = 0;
  virtual void send(int fd, Bytes bytes, Completion done) = 0;
  virtual void receive(int fd, MutableBytes bytes, Completion done) = 0;

  // Ends what is under way on a socket. Its `done` gets -ECANCELED, or what came first, in a later turn.
  // Close the descriptor only after cancel(), when every `done` has run. shutdown(2) would not do, because a
  // connect under way may begin anew.
  virtual void cancel(int fd) = 0;

  // Readiness, level-triggered: `ready` runs as long as the descriptor is ready and watched. A hang-up or an
  // error is readiness for all that was asked. An empty interest is never ready. As with poll, what was ready
  // may no longer be when `ready` runs. Watching a watched descriptor changes its interest and callback. Call
  // unwatch() before close(); after it `ready` does not run again. To watch a descriptor that is closed or
  // cannot be waited for (a regular file) is a bug of the caller.
  virtual void watch(int fd, Interest interest, std::function<void(Interest)> ready) = 0;
  virtual void unwatch(int fd) = 0;

  // Runs `due` once, no earlier than `after` from now.
  virtual TimerId start_timer(Duration after, std::function<void()> due) = 0;

  // Does nothing for a timer that has run or is unknown.
  virtual void cancel_timer(TimerId timer) = 0;

  // Runs `task` on the loop's thread at the next run_once(): for work that must not run in the caller's
  // frame.
  virtual void defer(std::function<void()> task) = 0;

  // From any thread: makes a sleeping run_once() return soon. Wakes are merged.
  virtual void wake() = 0;

  // Submits what was asked, waits for at most `wait` unless something is ready, and runs the callbacks of all
  // that is.
  virtual void run_once(Duration wait) = 0;

  virtual const Grant& grant() const = 0;
};

enum class Choice : std::uint8_t { best, io_uring, portable };

struct LoopOptions {
  // best: io_uring, and where that is refused the fallback, with the reason in grant().
  Choice choice = Choice::best;
  std::uint32_t queue_entries = 256;
  std::uint32_t fallback_threads = 2;
};

// To be called on the thread that will own the loop. `clock` outlives it. Errors: Choice::io_uring was
// demanded and is refused; the machine has no descriptor or thread left.
Result<std::unique_ptr<Loop>> make_loop(const LoopOptions& options, const Clock& clock);

}  // namespace penstock::io
