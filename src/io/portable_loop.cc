// How it works. epoll_wait is the one place to sleep. The threads that do file operations, and wake(), make
// it return through one event descriptor. What is asked of a socket is tried at once, and again when epoll
// says that the socket is ready. The answer is told by the next turn in either case. Timers are the timeout
// of epoll_wait, in whole milliseconds rounded up. That is good enough for a fallback, and needs no kernel
// newer than the rest.
//
// An example: receive() on a socket that has nothing yet.
//
//   1. start() tries recv(), which gives EAGAIN. The operation goes to sockets_[fd].in, and the socket is
//      watched.
//   2. Bytes come, and epoll_wait returns. on_socket_ready() tries again and moves the operation to
//      finished_.
//   3. The same turn runs its `done`, which asks for the next receive: EAGAIN, back to `in`. The socket is
//      still watched for reading, so no epoll_ctl is needed. This is the usual course.
//   4. `done` asks for nothing: the socket stays watched. If bytes come and nobody reads them, the watch
//      ends, because epoll_wait would return for it again and again.
#include "io/portable_loop.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/os_error.h"
#include "base/unique_fd.h"
#include "io/file_threads.h"
#include "io/kernel_loop.h"
#include "io/operation.h"
#include "io/wake_event.h"
#include "io/watch_table.h"

namespace penstock::io {
namespace {

// Descriptors reported in one turn; the kernel gives the others their turn next. 12 bytes each.
constexpr std::size_t k_events_per_turn = 256;

// What epoll hands back: the generation of the watch (upper half), and the descriptor (lower half). The wake
// event has generation 0, which no watch has.
constexpr std::uint64_t epoll_data(std::uint32_t generation, int fd) {
  return static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint32_t>(fd);
}

// The call's result; -EAGAIN if the socket is not ready for it.
std::int32_t first_try(const Operation& operation) {
  ssize_t result = 0;
  switch (operation.kind) {
    case Operation::Kind::connect:
      result = ::connect(operation.fd, reinterpret_cast<const sockaddr*>(operation.data), operation.length);
      break;
    case Operation::Kind::send:
      result = ::send(operation.fd, operation.data, operation.length, MSG_NOSIGNAL | MSG_DONTWAIT);
      break;
    default:
      result = ::recv(operation.fd, operation.data, operation.length, MSG_DONTWAIT);
      break;
  }
  if (result >= 0) {
    return static_cast<std::int32_t>(result);
  }
  return errno == EINPROGRESS || errno == EINTR ? -EAGAIN : -errno;
}

// A connect under way is asked how it went; asking for it again would be another one.
std::int32_t next_try(const Operation& operation) {
  if (operation.kind != Operation::Kind::connect) {
    return first_try(operation);
  }
  int error = 0;
  socklen_t length = sizeof(error);
  return ::getsockopt(operation.fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? -error : -errno;
}

class PortableLoop final : public KernelLoop {
 public:
  PortableLoop(const LoopOptions& options, const Clock& clock, std::string reason);
  ~PortableLoop() override { check_owner(); }

  Result<void> open(std::uint32_t threads);

  void register_memory(MutableBytes) override {}
  void watch(int fd, Interest interest, std::function<void(Interest)> ready) override;
  void unwatch(int fd) override;
  void cancel(int fd) override;
  void wake() override { wake_.signal(); }

 private:
  // The operations that wait until the socket is ready. `out` is a connect or a send.
  struct Socket {
    Operation* out = nullptr;
    Operation* in = nullptr;
  };

  void start(Operation& operation) override;
  void turn(Duration sleep) override;
  void on_socket_ready(int fd, Interest ready);
  bool proceed(Operation*& operation);
  void await(int fd, Interest interest);
  void forget(int fd);
  void reset_wake();

  UniqueFd epoll_;
  WakeEvent wake_;
  // Indexed by descriptor.
  std::vector<Socket> sockets_;
  // Operations on sockets that have their result.
  OperationQueue finished_;
  std::array<epoll_event, k_events_per_turn> events_{};
  // The last member, so that the threads have ended before the rest goes.
  FileThreads threads_;
};

PortableLoop::PortableLoop(const LoopOptions& options, const Clock& clock, std::string reason)
    : KernelLoop(options, clock), threads_(wake_) {
  grant_.backend = Backend::portable;
  grant_.reason = std::move(reason);
}

Result<void> PortableLoop::open(std::uint32_t threads) {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) {
    return os_error(errno, "making the epoll descriptor of an I/O loop");
  }
  if (Result<void> opened = wake_.open(); !opened) {
    return opened;
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = epoll_data(0, wake_.fd())}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.fd(), &event) != 0) {
    return os_error(errno, "watching the event descriptor of an I/O loop");
  }
  return threads_.start(threads);
}

void PortableLoop::watch(int fd, Interest interest, std::function<void(Interest)> ready) {
  check_owner();
  const bool known = watches_.find(fd) != nullptr && watches_.find(fd)->armed;
  if (known && interest == Interest{}) {
    // Because epoll reports errors and hang-ups even where nothing is asked for.
    forget(fd);
  }
  const std::uint32_t generation = watches_.set(fd, interest, std::move(ready));
  if (interest == Interest{}) {
    return;
  }
  epoll_event event{.events = poll_events(interest), .data = {.u64 = epoll_data(generation, fd)}};
  const bool descriptor_can_be_watched =
      ::epoll_ctl(epoll_.get(), known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0;
  CHECK(descriptor_can_be_watched);
  watches_.find(fd)->armed = true;
}

void PortableLoop::unwatch(int fd) {
  check_owner();
  forget(fd);
  watches_.erase(fd);
}

void PortableLoop::forget(int fd) {
  Watch* watch = watches_.find(fd);
  if (watch != nullptr && watch->armed) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watch->armed = false;
  }
}

void PortableLoop::start(Operation& operation) {
  if (!on_socket(operation)) {
    threads_.submit(operation);
    return;
  }
  operation.result = first_try(operation);
  if (operation.result != -EAGAIN) {
    finished_.push(operation);
    return;
  }
  const auto fd = static_cast<std::size_t>(operation.fd);
  if (fd >= sockets_.size()) {
    sockets_.resize(fd + 1);
  }
  Socket& socket = sockets_[fd];
  Operation*& place = operation.kind == Operation::Kind::receive ? socket.in : socket.out;
  CHECK(place == nullptr);
  place = &operation;
  const Watch* watch = watches_.find(operation.fd);
  const Interest now = watch != nullptr ? watch->interest : Interest{};
  await(operation.fd, {.readable = now.readable || socket.in != nullptr,
                       .writable = now.writable || socket.out != nullptr});
}

void PortableLoop::await(int fd, Interest interest) {
  const Watch* watch = watches_.find(fd);
  if (watch == nullptr || watch->interest != interest) {
    this->watch(fd, interest, [this, fd](Interest ready) { on_socket_ready(fd, ready); });
  }
}

// After a receive the socket remains watched for reading, mostly until the next receive, which spares two
// calls. It does so no longer than until there is something to read and no operation that reads it.
void PortableLoop::on_socket_ready(int fd, Interest ready) {
  Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  const bool wanted = !ready.readable || proceed(socket.in);
  if (ready.writable) {
    proceed(socket.out);
  }
  const bool keep_reading = wanted && watches_.find(fd)->interest.readable;
  await(fd, {.readable = keep_reading || socket.in != nullptr, .writable = socket.out != nullptr});
}

// False if there is no operation.
bool PortableLoop::proceed(Operation*& operation) {
  if (operation == nullptr) {
    return false;
  }
  operation->result = next_try(*operation);
  if (operation->result != -EAGAIN) {
    finished_.push(*std::exchange(operation, nullptr));
  }
  return true;
}

void PortableLoop::cancel(int fd) {
  check_owner();
  if (fd < 0 || static_cast<std::size_t>(fd) >= sockets_.size()) {
    return;
  }
  const Socket socket = std::exchange(sockets_[static_cast<std::size_t>(fd)], {});
  for (Operation* operation : {socket.out, socket.in}) {
    if (operation != nullptr) {
      operation->result = -ECANCELED;
      finished_.push(*operation);
    }
  }
  unwatch(fd);
}

void PortableLoop::turn(Duration sleep) {
  if (!finished_.empty()) {
    sleep = Duration::zero();
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(sleep);
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                 static_cast<int>(milliseconds.count()));
  const int error = count < 0 && errno != EINTR ? errno : 0;
  CHECK(error == 0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t data = events_[i].data.u64;
    const auto generation = static_cast<std::uint32_t>(data >> 32);
    if (generation == 0) {
      reset_wake();
    } else {
      watches_.run(static_cast<int>(static_cast<std::uint32_t>(data)), generation, events_[i].events);
    }
  }
  for (OperationQueue finished = std::exchange(finished_, {}); !finished.empty();) {
    finish(finished.pop());
  }
  for (OperationQueue finished = threads_.take_finished(); !finished.empty();) {
    finish(finished.pop());
  }
}

void PortableLoop::reset_wake() {
  std::uint64_t signals = 0;
  const ssize_t got = ::read(wake_.fd(), &signals, sizeof(signals));
  CHECK(got == static_cast<ssize_t>(sizeof(signals)));
  wake_.clear();
}

}  // namespace

Result<std::unique_ptr<Loop>> make_portable_loop(const LoopOptions& options, const Clock& clock,
                                                 std::string reason) {
  auto loop = std::make_unique<PortableLoop>(options, clock, std::move(reason));
  if (Result<void> opened = loop->open(options.fallback_threads); !opened) {
    return std::move(opened).error();
  }
  return Result<std::unique_ptr<Loop>>(std::move(loop));
}

}  // namespace penstock::io
