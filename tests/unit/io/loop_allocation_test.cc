// In steady state a loop allocates nothing: files, sockets, timers and readiness come round a thousand times.
// operator new of this whole test program is counted; the portable loop's threads count too.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "unit/io/loop_fixture.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

// Not inlined: the compiler would take malloc and free for mismatched.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) {
    return memory;
  }
  throw std::bad_alloc();
}

// The library's own would do as well, but AddressSanitizer's takes its place and minds who frees what it
// gave.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}

[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}

[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace penstock::io {
namespace {

class LoopAllocation : public LoopTest {
 protected:
  // One round of everything. Each callback captures one pointer, which std::function holds in place.
  void round() {
    left = 22;
    for (std::size_t i = 0; i < 16; ++i) {
      loop->write_at(file.get(), Bytes(bytes).subspan(i * 16, 16), i * 16,
                     [this](std::int32_t result) { left -= result == 16 ? 1 : 0; });
    }
    loop->start_timer(0s, [this] { --left; });
    loop->cancel_timer(loop->start_timer(1h, [this] { --left; }));
    loop->defer([this] { --left; });
    send_byte(pair.theirs);
    loop->watch(pair.ours.get(), {.readable = true}, [this](Interest) {
      take_byte(pair.ours);
      loop->unwatch(pair.ours.get());
      --left;
    });
    loop->sync_data(file.get(), [this](std::int32_t result) { left -= result == 0 ? 1 : 0; });
    loop->receive(sockets.ours.get(), received, [this](std::int32_t result) { left -= result == 1 ? 1 : 0; });
    loop->send(sockets.theirs.get(), Bytes(bytes).first(1),
               [this](std::int32_t result) { left -= result == 1 ? 1 : 0; });
    while (left > 0) {
      loop->run_once(1s);
    }
  }

  const UniqueFd file = temporary_file();
  const Pair pair = pipe_pair();
  const Pair sockets = socket_pair();
  std::byte bytes[256]{};
  std::byte received[16]{};
  int left = 0;
};

TEST_P(LoopAllocation, what_was_needed_once_is_used_again) {
  for (int i = 0; i < 10; ++i) {
    round();
  }
  const std::uint64_t before = allocations.load();
  for (int i = 0; i < 100; ++i) {
    round();
  }
  EXPECT_EQ(allocations.load() - before, 0U);
}

PENSTOCK_OVER_BOTH_LOOPS(LoopAllocation);

}  // namespace
}  // namespace penstock::io
