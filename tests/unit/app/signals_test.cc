#include "app/signals.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/exit_code.h"
#include "app/service_notify.h"

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

void second_signal() {
  std::promise<void> drained;
  Signals signals([&] { drained.set_value(); });
  ::kill(::getpid(), SIGTERM);
  drained.get_future().wait();
  ::kill(::getpid(), SIGINT);
  ::sleep(20);
  std::_Exit(43);
}

TEST_F(SignalsDeathTest, the_first_drains) {
  EXPECT_EXIT(first_signal(SIGTERM), testing::ExitedWithCode(42), "SIGTERM: publishing what was read");
  EXPECT_EXIT(first_signal(SIGINT), testing::ExitedWithCode(42), "SIGINT: publishing what was read");
}

TEST_F(SignalsDeathTest, the_second_leaves_at_once) {
  EXPECT_EXIT(second_signal(), testing::ExitedWithCode(k_failed), "left at once");
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

TEST(ServiceNotify, tells_systemd_where_it_asked_to_be_told) {
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(socket, 0);
  std::string path = testing::TempDir() + "/penstock-notify-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  notify_ready();
  notify_status("100 % there");
  notify_stopping();
  ::unsetenv("NOTIFY_SOCKET");
  notify_ready();  // nobody asked: nothing happens
  for (const char* expected : {"READY=1", "STATUS=100 % there", "STOPPING=1"}) {
    char text[100] = {};
    ASSERT_GT(::recv(socket, text, sizeof(text) - 1, MSG_DONTWAIT), 0);
    EXPECT_STREQ(text, expected);
  }
  ::close(socket);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace penstock::app
