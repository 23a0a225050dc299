// A path that is gone for a moment, and what arrives when it is back. The server's socket drops every segment
// by a filter, so that the kernel on our side sees no acknowledgement and repeats: after 0.2, 0.6, 1.4, 3 s.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>

#include "unit/io/loop_fixture.h"
#include "unit/wire/stream_server.h"
#include "wire/byte_stream.h"

namespace penstock::wire {
namespace {

using io::Choice;
using io::choice_name;
using namespace std::chrono_literals;

class LateArrivalTest : public io::LoopTest {
 protected:
  void open(std::optional<Duration> unacknowledged_max) {
    stream = std::make_unique<ByteStream>(
        *loop, ByteStream::Options{
                   .host = "127.0.0.1", .port = port, .tls = {}, .unacknowledged_max = unacknowledged_max});
    std::optional<bool> opened;
    stream->open([&](const Result<void>& result) { opened = result.ok(); });
    run_until([&] { return opened.has_value(); });
    ASSERT_TRUE(*opened);
    server = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(server.valid());
  }

  // The kernel takes it, and it does not get through.
  void send_into_the_void() {
    std::array<sock_filter, 1> drop{sock_filter{BPF_RET | BPF_K, 0, 0, 0}};
    const sock_fprog filter{.len = 1, .filter = drop.data()};
    ASSERT_EQ(::setsockopt(server.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), 0);
    std::optional<bool> sent;
    stream->send(as_bytes("commit"), nullptr, [&](const Result<void>& result) { sent = result.ok(); });
    run_until([&] { return sent.has_value(); });
    ASSERT_TRUE(*sent);
  }

  void run_for(Duration duration) {
    const MonoTime until = system_clock().now() + duration;
    while (system_clock().now() < until) {
      loop->run_once(10ms);
    }
  }

  // What arrives within two seconds after the path is back.
  std::string arrives() {
    const int unused = 0;
    EXPECT_EQ(::setsockopt(server.get(), SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)), 0);
    pollfd readable{.fd = server.get(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, 2000) <= 0) {
      return "";
    }
    std::array<char, 100> bytes{};
    const ssize_t got = ::recv(server.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return {bytes.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
  }

  std::uint16_t port = 0;
  UniqueFd listener = StreamServer::listening(port);
  UniqueFd server;
  std::unique_ptr<ByteStream> stream;
};

// This is what the kernel does by itself, and what the two tests below are about.
TEST_P(LateArrivalTest, after_an_orderly_close_what_was_sent_arrives_all_the_same) {
  open(std::nullopt);
  send_into_the_void();
  stream->close();
  run_for(400ms);
  EXPECT_EQ(arrives(), "commit");
}

TEST_P(LateArrivalTest, after_a_reset_it_never_arrives) {
  open(std::nullopt);
  send_into_the_void();
  stream->abort();
  run_for(400ms);
  EXPECT_EQ(arrives(), "");
}

// A process that is frozen, or waits for something else, closes nothing.
TEST_P(LateArrivalTest, the_kernel_gives_up_by_itself_where_delivery_is_bounded) {
  open(300ms);
  send_into_the_void();
  std::this_thread::sleep_for(1000ms);
  EXPECT_EQ(arrives(), "");
}

PENSTOCK_OVER_BOTH_LOOPS(LateArrivalTest);

}  // namespace
}  // namespace penstock::wire
