#include "app/signals.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/exit_code.h"
#include "app/service_notify.h"
#include "app/service_status.h"

namespace penstock::app {
namespace {

// Each runs in a process of its own: what is done to signals stays done.
class SignalsDeathTest : public testing::Test {
 protected:
  SignalsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

void first_signal(int number) {
  std::promise<void> drained;
  Signals signals([&] { drained.set_value(); });
  ::kill(::getpid(), SIGHUP);  // no reason to end
  ::kill(::getpid(), number);
  const bool told = drained.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  std::_Exit(told ? 42 : 43);
}

void second_signal(std::chrono::milliseconds pause, unsigned seconds_after) {
  std::promise<void> drained;
  Signals signals([&] { drained.set_value(); });
  ::kill(::getpid(), SIGTERM);
  drained.get_future().wait();
  std::this_thread::sleep_for(pause);
  ::kill(::getpid(), SIGINT);
  ::sleep(seconds_after);
  std::_Exit(43);
}

TEST_F(SignalsDeathTest, the_first_drains) {
  EXPECT_EXIT(first_signal(SIGTERM), testing::ExitedWithCode(42), "SIGTERM: publishing what was read");
  EXPECT_EXIT(first_signal(SIGINT), testing::ExitedWithCode(42), "SIGINT: publishing what was read");
}

TEST_F(SignalsDeathTest, the_second_leaves_at_once) {
  EXPECT_EXIT(second_signal(std::chrono::milliseconds(600), 20), testing::ExitedWithCode(k_failed),
              "left at once");
}

// timeout(1) signals its child, and then the group that the child is in.
TEST_F(SignalsDeathTest, two_at_once_count_as_one) {
  EXPECT_EXIT(second_signal(std::chrono::milliseconds(0), 1), testing::ExitedWithCode(43),
              "SIGTERM: publishing");
}

void signal_of_somebody_else(int number) {
  std::promise<void> drained;
  Signals signals([&] { drained.set_value(); });
  for (int i = 0; i < 3; ++i) {
    ::kill(::getpid(), number);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ::kill(::getpid(), SIGTERM);
  const bool told = drained.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  std::_Exit(told ? 42 : 43);
}

TEST_F(SignalsDeathTest, others_do_not_make_it_deaf) {
  EXPECT_EXIT(signal_of_somebody_else(SIGUSR2), testing::ExitedWithCode(42), "SIGTERM: publishing");
  EXPECT_EXIT(signal_of_somebody_else(SIGHUP), testing::ExitedWithCode(42), "SIGTERM: publishing");
  EXPECT_EXIT(signal_of_somebody_else(SIGPIPE), testing::ExitedWithCode(42), "SIGTERM: publishing");
}

TEST_F(SignalsDeathTest, without_a_signal_its_thread_ends_with_it) {
  EXPECT_EXIT(
      {
        {
          const Signals signals([] {});
        }
        std::_Exit(42);
      },
      testing::ExitedWithCode(42), "");
}

// Where the service manager listens, by way of the environment.
class ServiceNotify : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_GE(socket_, 0);
    ::unlink(path_.c_str());
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    const timeval patience{5, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::close(socket_);
    ::unlink(path_.c_str());
  }

  // Empty: nothing came.
  std::string told(int flags = 0) const {
    char text[200] = {};
    const ssize_t n = ::recv(socket_, text, sizeof(text), flags);
    return std::string(text, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }

  const int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const std::string path_ = testing::TempDir() + "/penstock-notify-" + std::to_string(::getpid());
};

TEST_F(ServiceNotify, tells_systemd_where_it_asked_to_be_told) {
  notify_ready();
  notify_status("100 % there");
  notify_stopping();
  ::unsetenv("NOTIFY_SOCKET");
  notify_ready();  // nobody asked: nothing happens
  for (const char* expected : {"READY=1", "STATUS=100 % there", "STOPPING=1", ""}) {
    EXPECT_EQ(told(MSG_DONTWAIT), expected);
  }
}

TEST_F(ServiceNotify, a_status_is_one_line_and_no_other_field) {
  notify_status("the broker says \"a\nWATCHDOG=trigger\r\n\tb\x7f\x1b[31m\"; B\u00fccher");
  EXPECT_EQ(told(), "STATUS=the broker says \"a WATCHDOG=trigger   b  [31m\"; B\u00fccher");
}

// Of all that is told, what begins with `field`; the next one, or the one that is there.
std::string next_told(const std::function<std::string()>& told, const std::string& field) {
  for (std::string text = told(); !text.empty(); text = told()) {
    if (text.rfind(field, 0) == 0) {
      return text;
    }
  }
  return {};
}

TEST_F(ServiceNotify, the_watchdog_is_told_while_all_is_well) {
  ::setenv("WATCHDOG_USEC", "100000", 1);
  std::atomic<bool> well = true;
  const auto begun = std::chrono::steady_clock::now();
  {
    const ServiceReport report({.alive = [&well] { return well.load(); },
                                .status = [] { return std::string("lag 0"); },
                                .needs_time = [] { return false; }});
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(next_told([this] { return told(); }, "WATCHDOG"), "WATCHDOG=1");
    }
    EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(190));
    well = false;
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    while (!told(MSG_DONTWAIT).empty()) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(next_told([this] { return told(MSG_DONTWAIT); }, "WATCHDOG"), "");
    well = true;
    EXPECT_EQ(next_told([this] { return told(); }, "WATCHDOG"), "WATCHDOG=1");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(ServiceNotify, the_watchdog_is_told_nothing_where_nobody_asked) {
  ::setenv("WATCHDOG_USEC", "10000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);  // meant for another process
  {
    const ServiceReport report({.alive = [] { return true; },
                                .status = [] { return std::string("draining"); },
                                .needs_time = [] { return true; }});
    EXPECT_EQ(told(), "EXTEND_TIMEOUT_USEC=30000000");
    EXPECT_EQ(told(), "STATUS=draining");
  }
  ::unsetenv("WATCHDOG_PID");
  EXPECT_EQ(told(MSG_DONTWAIT), "");
}

TEST_F(ServiceNotify, one_that_hangs_gets_no_more_time) {
  {
    const ServiceReport report({.alive = [] { return false; },
                                .status = [] { return std::string("draining"); },
                                .needs_time = [] { return true; }});
    EXPECT_EQ(told(), "STATUS=draining");
  }
  EXPECT_EQ(told(MSG_DONTWAIT), "");
}

TEST(ServiceStatus, says_what_is_in_the_way_or_what_has_landed) {
  ServiceStatus status;
  const MonoTime now{std::chrono::hours{1}};
  Counters counters{.record_bytes = 1'234'567'890, .blobs = 0, .lag_records = 12'000, .topics = {}};
  EXPECT_EQ(status.line("waiting for the brokers", counters, now), "waiting for the brokers");
  EXPECT_EQ(status.line("", counters, now), "lag 12,000 records, 0 files, 1,234 MB");
  counters.blobs = 40;
  EXPECT_EQ(status.line("", counters, now), "lag 12,000 records, 40 files, 1,234 MB, the last file 0 s ago");
  EXPECT_EQ(status.line("", counters, now + std::chrono::seconds{35}),
            "lag 12,000 records, 40 files, 1,234 MB, the last file 35 s ago");
}

}  // namespace
}  // namespace penstock::app
