// The same behaviours over both loops of this machine. Where the kernel refuses io_uring, that half is
// skipped and says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "io/loop.h"

namespace penstock::io {

using namespace std::chrono_literals;

// How long a test waits for what should come at once: as long as a very slow machine may need.
inline constexpr Duration k_patience = 60s;

class LoopTest : public testing::TestWithParam<Choice> {
 protected:
  void SetUp() override { remake(64); }

  void remake(std::uint32_t queue_entries) {
    loop.reset();
    auto made = make_loop({.choice = GetParam(), .queue_entries = queue_entries}, system_clock());
    if (!made.ok() && made.error().kind == ErrorKind::unsupported) {
      GTEST_SKIP() << made.error().message;
    }
    ASSERT_TRUE(made.ok()) << made.error().message;
    loop = std::move(made).value();
  }

  // Runs the loop until `done`, in turns that may sleep.
  void run_until(const std::function<bool()>& done) {
    const MonoTime given_up = system_clock().now() + k_patience;
    while (!done()) {
      ASSERT_LT(system_clock().now(), given_up) << "the loop does not get there";
      loop->run_once(1s);
    }
  }

  // Turns that do not sleep: enough for anything that is ready, to show that nothing is.
  void run_a_while() {
    for (int i = 0; i < 20; ++i) {
      loop->run_once(1ms);
    }
  }

  // The result of one operation, started by `start`.
  std::int32_t result_of(const std::function<void(Completion)>& start) {
    bool done = false;
    std::int32_t result = 0;
    start([&](std::int32_t r) {
      result = r;
      done = true;
    });
    EXPECT_FALSE(done) << "the callback ran inside the call that started the operation";
    run_until([&] { return done; });
    return result;
  }

  std::unique_ptr<Loop> loop;
};

// An unnamed file in the directory of the tests.
inline UniqueFd temporary_file(int flags = 0) {
  std::string name = testing::TempDir() + "penstock-io-XXXXXX";
  UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
  EXPECT_TRUE(fd.valid()) << name;
  UniqueFd again(flags == 0 ? fd.release() : ::open(name.c_str(), O_RDWR | O_CLOEXEC | flags));
  ::unlink(name.c_str());
  return again;
}

struct Pair {
  UniqueFd ours;
  UniqueFd theirs;
};

inline Pair socket_pair() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// ours: the end to read from; theirs: the end to write to.
inline Pair pipe_pair() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(::pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

inline void send_byte(const UniqueFd& fd) {
  const char byte = 'x';
  EXPECT_EQ(::write(fd.get(), &byte, 1), 1);
}

inline void take_byte(const UniqueFd& fd) {
  char byte = 0;
  EXPECT_EQ(::read(fd.get(), &byte, 1), 1);
}

inline std::string choice_name(const testing::TestParamInfo<Choice>& info) {
  return info.param == Choice::io_uring ? "io_uring" : "portable";
}

#define PENSTOCK_OVER_BOTH_LOOPS(suite) \
  INSTANTIATE_TEST_SUITE_P(Loops, suite, testing::Values(Choice::io_uring, Choice::portable), choice_name)

}  // namespace penstock::io
