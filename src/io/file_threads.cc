#include "io/file_threads.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include <pthread.h>
#include <unistd.h>

#include "base/os_error.h"
#include "io/signals_blocked.h"

namespace penstock::io {
namespace {

ssize_t call(const Operation& operation) {
  switch (operation.kind) {
    case Operation::Kind::write:
      return ::pwrite(operation.fd, operation.data, operation.length, static_cast<off_t>(operation.offset));
    case Operation::Kind::read:
      return ::pread(operation.fd, operation.data, operation.length, static_cast<off_t>(operation.offset));
    case Operation::Kind::sync_data:
      return ::fdatasync(operation.fd);
    case Operation::Kind::sync_all:
      return ::fsync(operation.fd);
    case Operation::Kind::connect:
    case Operation::Kind::send:
    case Operation::Kind::receive:
      // Never given to a thread.
      break;
  }
  errno = EINVAL;
  return -1;
}

std::int32_t run(const Operation& operation) {
  ssize_t result = 0;
  do {
    result = call(operation);
  } while (result < 0 && errno == EINTR);
  return static_cast<std::int32_t>(result < 0 ? -errno : result);
}

}  // namespace

FileThreads::~FileThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_or_stop_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

Result<void> FileThreads::start(std::uint32_t count) {
  const SignalsBlocked blocked;
  try {
    for (std::uint32_t i = 0; i < std::max(count, 1U); ++i) {
      threads_.emplace_back([this] { work(); });
      pthread_setname_np(threads_.back().native_handle(), "penstock-file");
    }
  } catch (const std::system_error& error) {
    return os_error(error.code().value(), "starting a thread that writes files");
  }
  return {};
}

void FileThreads::submit(Operation& operation) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push(operation);
  }
  work_or_stop_.notify_one();
}

OperationQueue FileThreads::take_finished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(finished_, {});
}

void FileThreads::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_or_stop_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) {
      return;
    }
    Operation& operation = waiting_.pop();
    lock.unlock();
    operation.result = run(operation);
    lock.lock();
    finished_.push(operation);
    // Under the lock, so that the event is not touched after a destructor has seen this thread idle.
    finished_event_.signal();
  }
}

}  // namespace penstock::io
