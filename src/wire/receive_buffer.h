// The memory that a response is received into. It has one size from the start, and is larger only while a
// response needs it. One thread. Its only failure is the want of memory, which stops the process (CHECK).
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "base/check.h"
#include "base/types.h"

namespace penstock::wire {

class ReceiveBuffer {
 public:
  explicit ReceiveBuffer(std::size_t bytes) : bytes_(bytes), memory_(allocate(bytes)) {}

  // What has been received, and where the next bytes go.
  Bytes filled() const { return {memory_.get(), filled_}; }
  MutableBytes free_part() { return {memory_.get() + filled_, capacity() - filled_}; }
  void add(std::size_t count) {
    CHECK(count <= capacity() - filled_);
    filled_ += count;
  }
  std::size_t capacity() const { return capacity_; }

  // Makes room for `total` bytes from the beginning. Nothing may be receiving into it.
  void grow(std::size_t total) {
    if (total <= capacity_) {
      return;
    }
    Memory larger = allocate(total);
    std::copy(memory_.get(), memory_.get() + filled_, larger.get());
    memory_ = std::move(larger);
    capacity_ = total;
  }

  // Empty, and of its first size again.
  void clear() {
    filled_ = 0;
    if (capacity_ > bytes_) {
      memory_ = allocate(bytes_);
      capacity_ = bytes_;
    }
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  using Memory = std::unique_ptr<std::byte[], Free>;

  // Not cleared: pages that no response has reached stay untouched.
  static Memory allocate(std::size_t bytes) {
    auto* memory = static_cast<std::byte*>(std::malloc(bytes));
    CHECK(memory != nullptr);
    return Memory(memory);
  }

  std::size_t bytes_;
  Memory memory_;
  std::size_t capacity_ = bytes_;
  std::size_t filled_ = 0;
};

}  // namespace penstock::wire
