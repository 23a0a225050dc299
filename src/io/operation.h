// An operation on a file or a socket under way, the pool it comes from, and the queue it may wait in.
//
// Operations are made once and used again. In steady state starting one allocates nothing, unless the
// caller's Completion captures more than std::function holds in place. Their addresses are stable, so that
// another thread may work on one while the pool grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "io/loop.h"

namespace penstock::io {

// More operations than this at one time is a bug of the caller: every one of them holds memory of a worker,
// and the 192 MiB of the default, read and written in pieces of 4 KiB, make 49,152.
inline constexpr std::size_t k_operations_max = 65'536;

struct Operation {
  enum class Kind : std::uint8_t { write, read, sync_data, sync_all, connect, send, receive };

  Kind kind = Kind::write;
  bool in_kernel = false;
  // It was canceled before it got into the kernel.
  bool canceled = false;
  int fd = -1;
  std::int32_t result = 0;
  std::uint32_t length = 0;
  // For files.
  std::uint64_t offset = 0;
  // A write or send only reads from it. For a connect it is the address.
  std::byte* data = nullptr;
  Completion done;

  // Its place in the pool, for ever.
  std::uint32_t index = 0;
  // How often it was used, by which an answer to an earlier use is recognized.
  std::uint32_t generation = 0;
  // The one behind it in the queue that holds it.
  Operation* next = nullptr;
};

constexpr bool on_socket(const Operation& operation) {
  return operation.kind >= Operation::Kind::connect;
}

// First in, first out. Owns nothing.
class OperationQueue {
 public:
  bool empty() const { return first_ == nullptr; }

  void push(Operation& operation) {
    operation.next = nullptr;
    (first_ == nullptr ? first_ : last_->next) = &operation;
    last_ = &operation;
  }

  // Both only when not empty.
  Operation& first() const { return *first_; }
  Operation& pop() { return *std::exchange(first_, first_->next); }

 private:
  Operation* first_ = nullptr;
  Operation* last_ = nullptr;
};

class OperationPool {
 public:
  // Makes `expected` operations at once; more are made as they are needed.
  explicit OperationPool(std::size_t expected);

  // More than k_operations_max at one time stop the process (CHECK).
  Operation& take();

  // Makes it free for another use, and hands out its completion.
  Completion give_back(Operation& operation);

  Operation& at(std::uint32_t index) { return all_[index]; }
  std::deque<Operation>& all() { return all_; }

 private:
  void grow();

  std::deque<Operation> all_;
  OperationQueue free_;
};

}  // namespace penstock::io
