// Files: what is written is read back, in every form that the loop chooses among; errors arrive by callback.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "unit/io/loop_fixture.h"

namespace penstock::io {
namespace {

// Page-aligned memory, as the slab pool gives it.
class Pages {
 public:
  explicit Pages(std::size_t size)
      : memory_(static_cast<std::byte*>(std::aligned_alloc(4096, size)), &std::free), size_(size) {}

  MutableBytes bytes() const { return {memory_.get(), size_}; }
  MutableBytes part(std::size_t first, std::size_t size) const { return bytes().subspan(first, size); }

  void fill(unsigned seed) const {
    for (std::size_t i = 0; i < size_; ++i) {
      memory_.get()[i] = static_cast<std::byte>((i * 31 + i / 251 + seed) & 0xff);
    }
  }

 private:
  std::unique_ptr<std::byte, decltype(&std::free)> memory_;
  std::size_t size_;
};

class LoopFile : public LoopTest {
 protected:
  std::int32_t write(const UniqueFd& fd, Bytes bytes, std::uint64_t offset) {
    return result_of([&](Completion done) { loop->write_at(fd.get(), bytes, offset, std::move(done)); });
  }
  std::int32_t read(const UniqueFd& fd, MutableBytes bytes, std::uint64_t offset) {
    return result_of([&](Completion done) { loop->read_at(fd.get(), bytes, offset, std::move(done)); });
  }

  void expect_round_trip(const UniqueFd& fd, Bytes out, MutableBytes in, std::uint64_t offset) {
    ASSERT_EQ(write(fd, out, offset), static_cast<std::int32_t>(out.size()));
    ASSERT_EQ(read(fd, in, offset), static_cast<std::int32_t>(in.size()));
    EXPECT_TRUE(std::ranges::equal(out, in));
  }
};

TEST_P(LoopFile, what_is_written_is_read_back) {
  const UniqueFd fd = temporary_file();
  const Pages out(1 << 20);
  const Pages in(1 << 20);
  out.fill(1);
  expect_round_trip(fd, out.bytes(), in.bytes(), 0);
  expect_round_trip(fd, out.part(1, 77), in.part(0, 77), 12'345'678'901);  // unaligned, beyond 4 GiB
}

TEST_P(LoopFile, o_direct_is_read_back) {
  const UniqueFd fd = temporary_file(O_DIRECT);
  if (!fd.valid()) {
    GTEST_SKIP() << "no O_DIRECT on the file system of " << testing::TempDir();
  }
  const Pages out(1 << 20);
  const Pages in(1 << 20);
  out.fill(2);
  loop->register_memory(out.bytes());
  expect_round_trip(fd, out.bytes(), in.bytes(), 0);
  expect_round_trip(fd, out.part(8192, 65536), in.part(0, 65536), 4096);
}

TEST_P(LoopFile, registered_memory_and_other_memory_mix) {
  const UniqueFd fd = temporary_file();
  const Pages all(1 << 20);
  all.fill(3);
  // The middle is registered: there are bytes before it, behind it, and across both of its edges.
  const MutableBytes region = all.part(256 << 10, 512 << 10);
  loop->register_memory(region);
  if (loop->grant().registered_bytes == 0) {
    EXPECT_TRUE(loop->grant().backend == Backend::portable || !loop->grant().reason.empty());
  } else {
    EXPECT_EQ(loop->grant().registered_bytes, region.size());
  }
  const Pages in(8192);
  for (const std::size_t first : {0, 254 << 10, 256 << 10, 500 << 10, 760 << 10, 766 << 10, 900 << 10}) {
    SCOPED_TRACE(first);
    expect_round_trip(fd, all.part(first, 8192), in.bytes(), first);
  }
  // And a fixed read into the region.
  const std::vector<std::byte> expected(all.part(0, 4096).begin(), all.part(0, 4096).end());
  ASSERT_EQ(read(fd, all.part(300 << 10, 4096), 0), 4096);
  EXPECT_TRUE(std::ranges::equal(expected, all.part(300 << 10, 4096)));
}

TEST_P(LoopFile, a_read_at_the_end_is_short_and_past_it_empty) {
  const UniqueFd fd = temporary_file();
  const Pages page(4096);
  page.fill(4);
  ASSERT_EQ(write(fd, page.part(0, 100), 0), 100);
  EXPECT_EQ(read(fd, page.bytes(), 60), 40);
  EXPECT_EQ(read(fd, page.bytes(), 100), 0);
  EXPECT_EQ(write(fd, page.part(0, 0), 0), 0);
}

TEST_P(LoopFile, errors_arrive_by_callback) {
  const UniqueFd closed;
  const Pages page(4096);
  page.fill(5);
  EXPECT_EQ(write(closed, page.bytes(), 0), -EBADF);
  EXPECT_EQ(read(closed, page.bytes(), 0), -EBADF);
  EXPECT_EQ(result_of([&](Completion done) { loop->sync_data(-1, std::move(done)); }), -EBADF);
  const UniqueFd read_only(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(write(read_only, page.bytes(), 0), -EBADF);
}

TEST_P(LoopFile, files_and_directories_are_synced) {
  const UniqueFd fd = temporary_file();
  const UniqueFd directory(::open(testing::TempDir().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(result_of([&](Completion done) { loop->sync_data(fd.get(), std::move(done)); }), 0);
  EXPECT_EQ(result_of([&](Completion done) { loop->sync_data(directory.get(), std::move(done)); }), 0);
}

// 10,000 operations asked for at once, through a queue of 8: each gets its own answer.
TEST_P(LoopFile, many_operations_pass_through_a_small_queue) {
  remake(8);
  const UniqueFd fd = temporary_file();
  constexpr std::uint32_t k_count = 10'000;
  std::vector<std::uint32_t> values(k_count);
  std::vector<int> answers(k_count);
  std::uint32_t answered = 0;
  for (std::uint32_t i = 0; i < k_count; ++i) {
    values[i] = i * 7919;
    const Bytes bytes = std::as_bytes(std::span(&values[i], 1));
    loop->write_at(fd.get(), bytes.first(1 + i % 4), std::uint64_t{i} * 4, [&, i](std::int32_t result) {
      EXPECT_EQ(result, static_cast<std::int32_t>(1 + i % 4));
      ++answers[i];
      ++answered;
    });
  }
  run_until([&] { return answered == k_count; });
  EXPECT_EQ(std::ranges::count(answers, 1), k_count);
  std::vector<std::uint32_t> in(k_count);
  ASSERT_GT(read(fd, std::as_writable_bytes(std::span(in)), 0), static_cast<std::int32_t>(k_count * 4 - 4));
  for (std::uint32_t i = 0; i < k_count; ++i) {
    EXPECT_EQ(std::memcmp(&in[i], &values[i], 1 + i % 4), 0) << i;
  }
}

TEST_P(LoopFile, a_completion_starts_the_next_operation) {
  const UniqueFd fd = temporary_file();
  const Pages page(4096);
  page.fill(6);
  int left = 300;  // more than the queue has entries
  std::function<void(std::int32_t)> next = [&](std::int32_t result) {
    EXPECT_EQ(result, 16);
    if (--left > 0) {
      loop->write_at(fd.get(), page.part(0, 16), static_cast<std::uint64_t>(left) * 16, next);
    }
  };
  loop->write_at(fd.get(), page.part(0, 16), 0, next);
  run_until([&] { return left == 0; });
}

// More than the queue takes at once, so that some have not begun. The pattern would show a late write.
TEST_P(LoopFile, destroyed_with_operations_under_way_nobody_touches_their_memory_and_no_callback_runs) {
  UniqueFd fd = temporary_file(O_DIRECT);
  if (!fd.valid()) {
    fd = temporary_file();
  }
  constexpr std::size_t k_count = 200;
  const Pages out(k_count * 4096);
  auto in = std::make_unique<Pages>(k_count * 4096);
  out.fill(7);
  ASSERT_EQ(write(fd, out.bytes(), 0), static_cast<std::int32_t>(out.bytes().size()));
  const Pair sockets = socket_pair();
  int ran = 0;
  for (std::size_t i = 0; i < k_count; ++i) {
    loop->read_at(fd.get(), in->part(i * 4096, 4096), i * 4096, [&](std::int32_t) { ++ran; });
    loop->write_at(fd.get(), out.part(i * 4096, 4096), i * 4096, [&](std::int32_t) { ++ran; });
  }
  loop->watch(sockets.ours.get(), {.readable = true}, [&](Interest) { ++ran; });
  loop->start_timer(0s, [&] { ++ran; });
  loop->run_once(0s);
  loop->start_timer(0s, [&] { ++ran; });
  loop->defer([&] { ++ran; });
  send_byte(sockets.theirs);
  EXPECT_LT(ran, static_cast<int>(k_count));
  ran = 0;
  loop.reset();
  EXPECT_EQ(ran, 0);
  std::ranges::fill(in->bytes(), std::byte{0x55});
  std::this_thread::sleep_for(20ms);
  EXPECT_TRUE(std::ranges::all_of(in->bytes(), [](std::byte b) { return b == std::byte{0x55}; }));
}

// io_uring alone waits for pipes without a thread; the portable loop's threads would block for ever.
TEST_P(LoopFile, destroyed_with_a_read_that_would_never_end_and_polls_being_canceled) {
  if (GetParam() == Choice::portable) {
    GTEST_SKIP() << "the portable loop reads files only";
  }
  int fds[2] = {-1, -1};
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);  // blocking: so the kernel keeps the read
  const Pair ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
  const Pair watched = pipe_pair();
  std::array<std::byte, 16> in{};
  bool ran = false;
  loop->read_at(ends.ours.get(), in, 0, [&](std::int32_t) { ran = true; });
  loop->watch(watched.ours.get(), {.readable = true}, [&](Interest) { ran = true; });
  run_a_while();
  loop->unwatch(watched.ours.get());
  loop->watch(watched.ours.get(), {.readable = true}, [&](Interest) { ran = true; });
  loop.reset();
  EXPECT_FALSE(ran);
  EXPECT_EQ(::write(ends.theirs.get(), "late", 4), 4);
  EXPECT_EQ(in[0], std::byte{0});
}

PENSTOCK_OVER_BOTH_LOOPS(LoopFile);

}  // namespace
}  // namespace penstock::io
