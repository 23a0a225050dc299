// How it works. One turn, run_once(), has a fixed order, on which the callers rely:
//
//   1. the tasks that were deferred before the turn, so that what they ask for is submitted with the rest
//   2. turn(): submit, sleep, and run the callbacks of all that is ready
//   3. the timers that are due
//
// The sleep is zero if step 1 has deferred anything, and otherwise ends with the next timer. An example:
// `done` of a receive defers a task in step 2 of a turn. The task runs in step 1 of the next turn and sends
// an answer. The send is submitted in step 2 of that same turn, in one system call together with the sleep.
#include "io/kernel_loop.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <sys/resource.h>
#include <sys/stat.h>

#include "base/check.h"

namespace penstock::io {
namespace {

// What one call moves at most, whatever was asked (MAX_RW_COUNT of Linux). A longer one comes back short.
constexpr std::size_t k_transfer_bytes_max = 0x7ffff000;

// The kernel adds a timeout to the present time without looking for overflow, and nothing needs a longer one.
constexpr Duration k_sleep_max = std::chrono::hours(1);

std::uint64_t memlock_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
    return 0;
  }
  return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

bool is_directory(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

MonoTime later(MonoTime now, Duration after) {
  after = std::max(after, Duration::zero());
  return after > MonoTime::max() - now ? MonoTime::max() : now + after;
}

}  // namespace

std::uint32_t queue_entries(const LoopOptions& options) {
  return std::clamp(options.queue_entries, 1U, k_queue_entries_max);
}

KernelLoop::KernelLoop(const LoopOptions& options, const Clock& clock)
    : operations_(queue_entries(options)), clock_(clock), owner_(std::this_thread::get_id()) {
  grant_.memlock_bytes = memlock_limit();
}

KernelLoop::~KernelLoop() {
  CHECK(!in_turn_);
}

void KernelLoop::check_owner() const {
  CHECK(std::this_thread::get_id() == owner_);
}

Operation& KernelLoop::filled(Operation::Kind kind, int fd, MutableBytes bytes, std::uint64_t offset,
                              Completion done) {
  check_owner();
  CHECK(static_cast<bool>(done));
  Operation& operation = operations_.take();
  operation.kind = kind;
  operation.fd = fd;
  operation.data = bytes.data();
  operation.length = static_cast<std::uint32_t>(std::min(bytes.size(), k_transfer_bytes_max));
  operation.offset = offset;
  operation.done = std::move(done);
  return operation;
}

void KernelLoop::write_at(int fd, Bytes bytes, std::uint64_t offset, Completion done) {
  const MutableBytes only_read(const_cast<std::byte*>(bytes.data()), bytes.size());
  start(filled(Operation::Kind::write, fd, only_read, offset, std::move(done)));
}

void KernelLoop::read_at(int fd, MutableBytes bytes, std::uint64_t offset, Completion done) {
  start(filled(Operation::Kind::read, fd, bytes, offset, std::move(done)));
}

void KernelLoop::sync_data(int fd, Completion done) {
  // fdatasync of a directory need not write its entries: ext4 counts a new name as data only if the directory
  // grew.
  const auto kind = is_directory(fd) ? Operation::Kind::sync_all : Operation::Kind::sync_data;
  start(filled(kind, fd, {}, 0, std::move(done)));
}

void KernelLoop::connect(int fd, const SocketAddress& address, Completion done) {
  auto* const only_read = reinterpret_cast<std::byte*>(const_cast<sockaddr*>(address.get()));
  start(filled(Operation::Kind::connect, fd, {only_read, address.length}, 0, std::move(done)));
}

void KernelLoop::send(int fd, Bytes bytes, Completion done) {
  const MutableBytes only_read(const_cast<std::byte*>(bytes.data()), bytes.size());
  start(filled(Operation::Kind::send, fd, only_read, 0, std::move(done)));
}

void KernelLoop::receive(int fd, MutableBytes bytes, Completion done) {
  start(filled(Operation::Kind::receive, fd, bytes, 0, std::move(done)));
}

void KernelLoop::finish(Operation& operation) {
  const std::int32_t result = operation.result;
  // Given back before the callback runs, which may start the next operation.
  const Completion done = operations_.give_back(operation);
  done(result);
}

TimerId KernelLoop::start_timer(Duration after, std::function<void()> due) {
  check_owner();
  CHECK(static_cast<bool>(due));
  return timers_.start(later(clock_.now(), after), std::move(due));
}

void KernelLoop::cancel_timer(TimerId timer) {
  check_owner();
  timers_.cancel(timer);
}

void KernelLoop::defer(std::function<void()> task) {
  check_owner();
  CHECK(static_cast<bool>(task));
  deferred_.push_back(std::move(task));
}

void KernelLoop::run_once(Duration wait) {
  check_owner();
  CHECK(!in_turn_);
  in_turn_ = true;
  run_deferred();
  turn(sleep_at_most(wait));
  if (timers_.size() > 0) {
    timers_.run_due(clock_.now());
  }
  in_turn_ = false;
}

// Only the tasks that are here now. What they defer waits for the next turn, and this one then does not
// sleep.
void KernelLoop::run_deferred() {
  if (deferred_.empty()) {
    return;
  }
  running_.swap(deferred_);
  for (auto& task : running_) {
    task();
  }
  running_.clear();
}

Duration KernelLoop::sleep_at_most(Duration wait) const {
  if (!deferred_.empty()) {
    return Duration::zero();
  }
  const Duration sleep = std::clamp(wait, Duration::zero(), k_sleep_max);
  const std::optional<MonoTime> due = timers_.next_due();
  if (!due.has_value()) {
    return sleep;
  }
  const MonoTime now = clock_.now();
  return *due <= now ? Duration::zero() : std::min<Duration>(sleep, *due - now);
}

}  // namespace penstock::io
