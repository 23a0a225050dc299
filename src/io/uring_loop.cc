// How it works. Calls only note what is wanted: file operations in `waiting_`, those of sockets in
// `for_sockets_`, polls in `to_arm_`, what shall be canceled in `to_cancel_`. A turn fills the submission
// queue from these, submits and sleeps in one io_uring_enter, and then takes what the kernel has completed.
// So however many watch() and unwatch() come between two turns, they cost the kernel nothing.
//
// A poll is asked for once, and again after its callback has run. If the descriptor is still ready, the
// kernel answers at once, which makes the watch level-triggered. A poll holds on to the file, not to the
// number: after unwatch() and close(), the file is only let go when the next turn has canceled the poll.
//
// An example: descriptor 9 is watched, closed, and its number is used again before the kernel has answered.
//
//   1. watch(9) notes 9 in to_arm_, in generation 41. The next turn submits the poll, signed (poll, 41, 9).
//   2. unwatch(9) notes (poll, 41, 9) in to_cancel_ and erases the watch. The owner closes the file.
//   3. A new socket gets the number 9. watch(9) makes generation 42.
//   4. The next turn submits the cancellation, then the poll signed (poll, 42, 9).
//   5. The kernel answers for generation 41: ready, or canceled, whichever was first. on_poll() finds 42 in
//      the table and drops the answer. The new socket's owner hears nothing of it.
//
// Operations are signed by their place in the pool and its generation in the same way. A generation has 30
// bits. To be mistaken, an answer would have to come a thousand million uses later.
#include "io/uring_loop.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/check.h"
#include "io/kernel_loop.h"
#include "io/operation.h"
#include "io/wake_event.h"
#include "io/watch_table.h"

namespace penstock::io {
namespace {

// What the kernel hands back with every completion:
//
//   bits 63-62  whose answer it is, a Tag
//   bits 61-32  the generation of the operation or the watch
//   bits 31-0   which one: an operation's index, or a descriptor
enum class Tag : std::uint8_t { cancellation, operation, poll, wake };

constexpr std::uint64_t user_data(Tag tag, std::uint32_t generation, std::uint32_t which) {
  return static_cast<std::uint64_t>(tag) << 62 |
         static_cast<std::uint64_t>(generation & k_generation_mask) << 32 | which;
}

constexpr Tag tag_of(std::uint64_t data) {
  return static_cast<Tag>(data >> 62);
}

constexpr std::uint32_t generation_of(std::uint64_t data) {
  return static_cast<std::uint32_t>(data >> 32) & k_generation_mask;
}

constexpr std::uint32_t which_of(std::uint64_t data) {
  return static_cast<std::uint32_t>(data);
}

std::uint64_t user_data(const Operation& operation) {
  return user_data(Tag::operation, operation.generation, operation.index);
}

std::uint64_t user_data(int fd, const Watch& watch) {
  return user_data(Tag::poll, watch.generation, static_cast<std::uint32_t>(fd));
}

// What io_uring_enter returned, unless that is a success or passes by itself. The rest says that the ring or
// our use of it is broken: -EEXIST that it is entered by another thread, -EBADR that completions were lost.
int lasting_error(int result) {
  const bool passes =
      result == -ETIME || result == -EINTR || result == -EBUSY || result == -EAGAIN || result == -ENOMEM;
  return result >= 0 || passes ? 0 : result;
}

class UringLoop final : public KernelLoop {
 public:
  UringLoop(const LoopOptions& options, const Clock& clock, const UringCalls& calls);
  ~UringLoop() override;

  Result<void> open();

  void register_memory(MutableBytes region) override;
  void watch(int fd, Interest interest, std::function<void(Interest)> ready) override;
  void unwatch(int fd) override;
  void cancel(int fd) override;
  void wake() override { wake_.signal(); }

 private:
  struct Answer {
    std::uint64_t data;
    std::int32_t result;
  };

  void start(Operation& operation) override {
    (on_socket(operation) ? for_sockets_ : waiting_).push(operation);
  }
  void turn(Duration sleep) override;

  bool fill_queue();
  bool fill_cancellations();
  bool fill_polls();
  bool fill_sockets();
  bool fill_operations();
  io_uring_sqe* free_entry();
  void sign(io_uring_sqe& entry, Tag tag, std::uint64_t data);
  void submit(io_uring_sqe& entry, Operation& operation);
  void prepare(io_uring_sqe& entry, const Operation& operation) const;
  int registered_part(const Operation& operation) const;

  void enter(Duration sleep);
  bool next_answer(Answer& answer);
  void take_answers();
  void on_operation(const Answer& answer);
  void on_poll(const Answer& answer);

  void disarm(int fd);
  void cancel_all();

  const UringCalls& calls_;
  const std::uint32_t entries_;
  io_uring ring_{};
  bool open_ = false;
  MutableBytes registered_;

  WakeEvent wake_;
  bool wake_armed_ = false;
  // The kernel reads the wake event into it.
  std::uint64_t wake_count_ = 0;

  // Operations on files.
  OperationQueue waiting_;
  // Operations on sockets, which never wait behind those on files.
  OperationQueue for_sockets_;
  // Operations that were canceled before the kernel got them.
  OperationQueue never_begun_;
  std::vector<int> to_arm_;
  std::vector<std::uint64_t> to_cancel_;

  // What the kernel has, and owes one answer each. Only these may touch our memory or hold a file. in_kernel_
  // counts operations, polls, and the wake event's read.
  std::uint32_t files_in_kernel_ = 0;
  std::size_t in_kernel_ = 0;
};

UringLoop::UringLoop(const LoopOptions& options, const Clock& clock, const UringCalls& calls)
    : KernelLoop(options, clock), calls_(calls), entries_(queue_entries(options)) {
  grant_.backend = Backend::io_uring;
}

Result<void> UringLoop::open() {
  if (Result<void> opened = wake_.open(); !opened) {
    return opened;
  }
  Result<RingGrant> granted = open_ring(ring_, entries_, calls_);
  if (!granted) {
    return std::move(granted).error();
  }
  open_ = true;
  grant_.flags = std::move(granted->flags);
  grant_.reason = std::move(granted->reason);
  // Spares the kernel a look-up per call; where it is unknown (before Linux 5.18) nothing is lost.
  io_uring_register_ring_fd(&ring_);
  return {};
}

UringLoop::~UringLoop() {
  if (!open_) {
    return;
  }
  check_owner();
  cancel_all();
  if (!registered_.empty()) {
    // Now, and not when the kernel gets round to it: another loop may need the locked memory.
    io_uring_unregister_buffers(&ring_);
  }
  io_uring_queue_exit(&ring_);
}

void UringLoop::register_memory(MutableBytes region) {
  check_owner();
  CHECK(registered_.empty());
  if (region.empty()) {
    return;
  }
  const std::string refused = register_region(ring_, region, calls_);
  if (refused.empty()) {
    registered_ = region;
    grant_.registered_bytes = region.size();
    return;
  }
  grant_.reason += (grant_.reason.empty() ? "" : "; ") + refused;
}

void UringLoop::watch(int fd, Interest interest, std::function<void(Interest)> ready) {
  check_owner();
  disarm(fd);
  watches_.set(fd, interest, std::move(ready));
  to_arm_.push_back(fd);
}

void UringLoop::unwatch(int fd) {
  check_owner();
  disarm(fd);
  watches_.erase(fd);
}

void UringLoop::disarm(int fd) {
  Watch* watch = watches_.find(fd);
  if (watch != nullptr && watch->armed) {
    to_cancel_.push_back(user_data(fd, *watch));
    watch->armed = false;
  }
}

// A cancellation that comes too late does no harm: the kernel looks for the generation, and finds nothing.
void UringLoop::cancel(int fd) {
  check_owner();
  for (Operation& operation : operations_.all()) {
    if (operation.fd != fd || !on_socket(operation) || !operation.done) {
      continue;
    }
    if (operation.in_kernel) {
      to_cancel_.push_back(user_data(operation));
    } else {
      operation.canceled = true;
    }
  }
}

void UringLoop::turn(Duration sleep) {
  const bool all_in = fill_queue();
  enter(all_in && never_begun_.empty() ? sleep : Duration::zero());
  take_answers();
}

// False if the kernel would not take all that is wanted now; then there are answers to take first.
bool UringLoop::fill_queue() {
  if (!wake_armed_) {
    io_uring_sqe* entry = free_entry();
    if (entry == nullptr) {
      return false;
    }
    io_uring_prep_read(entry, wake_.fd(), &wake_count_, sizeof(wake_count_), 0);
    sign(*entry, Tag::wake, user_data(Tag::wake, 0, 0));
    wake_armed_ = true;
  }
  return fill_cancellations() && fill_polls() && fill_sockets() && fill_operations();
}

bool UringLoop::fill_cancellations() {
  for (; !to_cancel_.empty(); to_cancel_.pop_back()) {
    io_uring_sqe* entry = free_entry();
    if (entry == nullptr) {
      return false;
    }
    io_uring_prep_cancel64(entry, to_cancel_.back(), 0);
    sign(*entry, Tag::cancellation, user_data(Tag::cancellation, 0, 0));
  }
  return true;
}

bool UringLoop::fill_polls() {
  for (; !to_arm_.empty(); to_arm_.pop_back()) {
    const int fd = to_arm_.back();
    Watch* watch = watches_.find(fd);
    if (watch == nullptr || watch->armed || watch->interest == Interest{}) {
      continue;
    }
    io_uring_sqe* entry = free_entry();
    if (entry == nullptr) {
      return false;
    }
    io_uring_prep_poll_add(entry, fd, poll_events(watch->interest));
    sign(*entry, Tag::poll, user_data(fd, *watch));
    watch->armed = true;
  }
  return true;
}

// All of them at once, however many: a receive may wait for hours, and files must not wait for it. The kernel
// keeps answers that do not fit the completion queue, as it does for polls.
bool UringLoop::fill_sockets() {
  while (!for_sockets_.empty()) {
    if (for_sockets_.first().canceled) {
      never_begun_.push(for_sockets_.pop());
      continue;
    }
    io_uring_sqe* entry = free_entry();
    if (entry == nullptr) {
      return false;
    }
    submit(*entry, for_sockets_.pop());
  }
  return true;
}

// No more at one time than the queue has entries, so that their answers always fit. Operations that wait need
// no turn of their own, because the answers they wait for make one.
bool UringLoop::fill_operations() {
  while (!waiting_.empty() && files_in_kernel_ < entries_) {
    io_uring_sqe* entry = free_entry();
    if (entry == nullptr) {
      return false;
    }
    submit(*entry, waiting_.pop());
    ++files_in_kernel_;
  }
  return true;
}

void UringLoop::submit(io_uring_sqe& entry, Operation& operation) {
  prepare(entry, operation);
  sign(entry, Tag::operation, user_data(operation));
  operation.in_kernel = true;
}

// Null if the queue is full and the kernel takes nothing.
io_uring_sqe* UringLoop::free_entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    const int result = io_uring_submit(&ring_);
    CHECK(lasting_error(result) == 0);
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

void UringLoop::sign(io_uring_sqe& entry, Tag tag, std::uint64_t data) {
  io_uring_sqe_set_data64(&entry, data);
  in_kernel_ += tag == Tag::cancellation ? 0 : 1;
}

void UringLoop::prepare(io_uring_sqe& entry, const Operation& operation) const {
  const int part = on_socket(operation) ? -1 : registered_part(operation);
  switch (operation.kind) {
    case Operation::Kind::write:
      if (part >= 0) {
        io_uring_prep_write_fixed(&entry, operation.fd, operation.data, operation.length, operation.offset,
                                  part);
      } else {
        io_uring_prep_write(&entry, operation.fd, operation.data, operation.length, operation.offset);
      }
      break;
    case Operation::Kind::read:
      if (part >= 0) {
        io_uring_prep_read_fixed(&entry, operation.fd, operation.data, operation.length, operation.offset,
                                 part);
      } else {
        io_uring_prep_read(&entry, operation.fd, operation.data, operation.length, operation.offset);
      }
      break;
    case Operation::Kind::sync_data:
      io_uring_prep_fsync(&entry, operation.fd, IORING_FSYNC_DATASYNC);
      break;
    case Operation::Kind::sync_all:
      io_uring_prep_fsync(&entry, operation.fd, 0);
      break;
    case Operation::Kind::connect:
      io_uring_prep_connect(&entry, operation.fd, reinterpret_cast<const sockaddr*>(operation.data),
                            operation.length);
      break;
    case Operation::Kind::send:
      io_uring_prep_send(&entry, operation.fd, operation.data, operation.length, MSG_NOSIGNAL);
      break;
    case Operation::Kind::receive:
      io_uring_prep_recv(&entry, operation.fd, operation.data, operation.length, 0);
      break;
  }
}

// The part of the registered region that holds all of the operation's bytes; -1 if none does.
int UringLoop::registered_part(const Operation& operation) const {
  // Of bytes before the region, the difference wraps and is far beyond its end.
  const std::size_t first =
      reinterpret_cast<std::uintptr_t>(operation.data) - reinterpret_cast<std::uintptr_t>(registered_.data());
  if (operation.length == 0 || first >= registered_.size() || operation.length > registered_.size() - first) {
    return -1;
  }
  const std::size_t last = first + operation.length - 1;
  const std::size_t part = first / k_registered_part_bytes;
  return last / k_registered_part_bytes == part ? static_cast<int>(part) : -1;
}

void UringLoop::enter(Duration sleep) {
  int result = 0;
  if (sleep <= Duration::zero()) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(sleep);
    __kernel_timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (sleep - seconds).count()};
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  }
  CHECK(lasting_error(result) == 0);
}

bool UringLoop::next_answer(Answer& answer) {
  io_uring_cqe* completion = nullptr;
  if (io_uring_peek_cqe(&ring_, &completion) != 0 || completion == nullptr) {
    return false;
  }
  answer = {.data = completion->user_data, .result = completion->res};
  io_uring_cqe_seen(&ring_, completion);
  in_kernel_ -= tag_of(answer.data) == Tag::cancellation ? 0 : 1;
  return true;
}

// The loop ends, because what the callbacks ask for is submitted by the next turn only.
void UringLoop::take_answers() {
  for (OperationQueue canceled = std::exchange(never_begun_, {}); !canceled.empty();) {
    Operation& operation = canceled.pop();
    operation.result = -ECANCELED;
    finish(operation);
  }
  for (Answer answer{}; next_answer(answer);) {
    switch (tag_of(answer.data)) {
      case Tag::cancellation:
        break;
      case Tag::operation:
        on_operation(answer);
        break;
      case Tag::poll:
        on_poll(answer);
        break;
      case Tag::wake:
        wake_armed_ = false;
        wake_.clear();
        break;
    }
  }
}

void UringLoop::on_operation(const Answer& answer) {
  Operation& operation = operations_.at(which_of(answer.data));
  CHECK(operation.in_kernel);
  CHECK((operation.generation & k_generation_mask) == generation_of(answer.data));
  operation.in_kernel = false;
  files_in_kernel_ -= on_socket(operation) ? 0 : 1;
  operation.result = answer.result;
  finish(operation);
}

void UringLoop::on_poll(const Answer& answer) {
  const int fd = static_cast<int>(which_of(answer.data));
  const std::uint32_t generation = generation_of(answer.data);
  Watch* watch = watches_.find(fd);
  if (watch == nullptr || watch->generation != generation) {
    return;
  }
  watch->armed = false;
  const bool closed_while_watched = answer.result == -EBADF;
  CHECK(!closed_while_watched);
  // After any other error (out of memory) the owner is told that it is ready. Its next read or write finds
  // what is wrong.
  const std::uint32_t events = answer.result < 0 ? POLLERR : static_cast<std::uint32_t>(answer.result);
  if (watches_.run(fd, generation, events)) {
    to_arm_.push_back(fd);
  }
}

// Closing a ring does not wait for what is under way, and the kernel would write into memory that is gone.
// Therefore everything is canceled one by one (IORING_ASYNC_CANCEL_ANY came with Linux 5.19) and waited for.
// A read or write of a file that has reached the device runs to its end.
void UringLoop::cancel_all() {
  for (const Operation& operation : operations_.all()) {
    if (operation.in_kernel) {
      to_cancel_.push_back(user_data(operation));
    }
  }
  for (std::size_t fd = 0; fd < watches_.all().size(); ++fd) {
    disarm(static_cast<int>(fd));
  }
  if (wake_armed_) {
    to_cancel_.push_back(user_data(Tag::wake, 0, 0));
  }
  while (in_kernel_ > 0) {
    fill_cancellations();
    const int result = io_uring_submit_and_wait(&ring_, 1);
    CHECK(lasting_error(result) == 0);
    for (Answer answer{}; next_answer(answer);) {
    }
  }
}

}  // namespace

Result<std::unique_ptr<Loop>> make_uring_loop(const LoopOptions& options, const Clock& clock,
                                              const UringCalls& calls) {
  auto loop = std::make_unique<UringLoop>(options, clock, calls);
  if (Result<void> opened = loop->open(); !opened) {
    return std::move(opened).error();
  }
  return Result<std::unique_ptr<Loop>>(std::move(loop));
}

}  // namespace penstock::io
