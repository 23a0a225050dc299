// Sockets: connect, send and receive; what ends them; and that nobody touches their memory afterwards.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/socket_address.h"
#include "unit/io/loop_fixture.h"

namespace penstock::io {
namespace {

UniqueFd tcp_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(fd.valid());
  return fd;
}

SocketAddress local_address(const UniqueFd& fd) {
  SocketAddress address{.storage = {}, .length = sizeof(sockaddr_storage)};
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.length), 0);
  return address;
}

// Bound to a free port of 127.0.0.1; it listens if `backlog` is not negative.
UniqueFd bound_socket(int backlog) {
  UniqueFd fd = tcp_socket();
  const SocketAddress any = *numeric_address("127.0.0.1", 0);
  EXPECT_EQ(::bind(fd.get(), any.get(), any.length), 0);
  EXPECT_TRUE(backlog < 0 || ::listen(fd.get(), backlog) == 0);
  return fd;
}

class LoopSocket : public LoopTest {
 protected:
  std::int32_t connect(const UniqueFd& fd, const SocketAddress& address) {
    return result_of([&](Completion done) { loop->connect(fd.get(), address, std::move(done)); });
  }
  std::int32_t send(const UniqueFd& fd, Bytes bytes) {
    return result_of([&](Completion done) { loop->send(fd.get(), bytes, std::move(done)); });
  }
  std::int32_t receive(const UniqueFd& fd, MutableBytes bytes) {
    return result_of([&](Completion done) { loop->receive(fd.get(), bytes, std::move(done)); });
  }

  std::array<std::byte, 64> in{};
};

TEST_P(LoopSocket, connects_sends_and_receives) {
  const UniqueFd listener = bound_socket(1);
  const SocketAddress address = local_address(listener);
  const UniqueFd ours = tcp_socket();
  ASSERT_EQ(connect(ours, address), 0);
  const UniqueFd theirs(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  ASSERT_TRUE(theirs.valid());
  EXPECT_EQ(send(ours, as_bytes("ping")), 4);
  EXPECT_EQ(receive(theirs, in), 4);
  EXPECT_EQ(as_text(Bytes(in).first(4)), "ping");
}

TEST_P(LoopSocket, a_port_where_nobody_listens_refuses) {
  const UniqueFd silent = bound_socket(-1);
  const SocketAddress address = local_address(silent);
  EXPECT_EQ(connect(tcp_socket(), address), -ECONNREFUSED);
}

// A backlog of 0 holds one connection; what comes beyond it gets no answer.
TEST_P(LoopSocket, a_connect_without_an_answer_is_canceled) {
  const UniqueFd listener = bound_socket(0);
  const SocketAddress address = local_address(listener);
  const UniqueFd first = tcp_socket();
  ASSERT_EQ(connect(first, address), 0);
  const UniqueFd second = tcp_socket();
  std::int32_t result = 1;
  loop->connect(second.get(), address, [&](std::int32_t r) { result = r; });
  run_a_while();
  ASSERT_EQ(result, 1);
  loop->cancel(second.get());
  ASSERT_EQ(result, 1) << "the callback ran inside cancel()";
  run_until([&] { return result != 1; });
  EXPECT_EQ(result, -ECANCELED);
}

TEST_P(LoopSocket, a_receive_waits_for_bytes_and_sees_the_end) {
  Pair pair = socket_pair();
  std::int32_t result = -1;
  const auto note = [&](std::int32_t r) { result = r; };
  loop->receive(pair.ours.get(), in, note);
  run_a_while();
  EXPECT_EQ(result, -1);
  send_byte(pair.theirs);
  run_until([&] { return result != -1; });
  EXPECT_EQ(result, 1);
  result = -1;
  loop->receive(pair.ours.get(), in, note);
  run_a_while();
  EXPECT_EQ(result, -1);
  pair.theirs.reset();
  run_until([&] { return result != -1; });
  EXPECT_EQ(result, 0);
}

TEST_P(LoopSocket, bytes_that_nobody_asks_for_let_the_loop_sleep) {
  const Pair pair = socket_pair();
  send_byte(pair.theirs);
  ASSERT_EQ(receive(pair.ours, in), 1);
  bool second = false;
  loop->receive(pair.ours.get(), in, [&](std::int32_t) { second = true; });
  run_a_while();
  send_byte(pair.theirs);
  run_until([&] { return second; });
  send_byte(pair.theirs);
  run_a_while();
  Duration longest{};  // readiness may be told once, late on a busy machine; it must not be told for ever
  for (int turn = 0; turn < 3; ++turn) {
    const MonoTime before = system_clock().now();
    loop->run_once(100ms);
    longest = std::max(longest, system_clock().now() - before);
  }
  EXPECT_GE(longest, 50ms) << "readiness that nobody waits for ends the sleep";
  EXPECT_EQ(receive(pair.ours, in), 1);
}

TEST_P(LoopSocket, a_send_waits_for_room_while_bytes_are_received) {
  const Pair pair = socket_pair();
  const std::vector<std::byte> out(4 << 20, std::byte{7});
  std::size_t sent = 0;
  std::int32_t last = -1;
  const auto send_rest = [&](const auto& self) -> void {
    loop->send(pair.ours.get(), Bytes(out).subspan(sent), [&, self](std::int32_t result) {
      ASSERT_GT(result, 0);
      sent += static_cast<std::size_t>(result);
      if (sent < out.size()) {
        self(self);
      }
    });
  };
  send_rest(send_rest);
  loop->receive(pair.ours.get(), in, [&](std::int32_t result) { last = result; });
  run_a_while();
  EXPECT_LT(sent, out.size());
  EXPECT_EQ(last, -1);
  send_byte(pair.theirs);
  run_until([&] { return last != -1; });
  EXPECT_EQ(last, 1);
  std::vector<std::byte> taken(256 << 10);
  for (std::size_t got = 0; got < out.size();) {
    const std::int32_t more = receive(pair.theirs, taken);
    ASSERT_GT(more, 0);
    got += static_cast<std::size_t>(more);
  }
  run_until([&] { return sent == out.size(); });
}

TEST_P(LoopSocket, a_send_to_one_who_has_left_is_an_error_and_no_signal) {
  Pair pair = socket_pair();
  pair.theirs.reset();
  EXPECT_EQ(send(pair.ours, as_bytes("x")), -EPIPE);
  EXPECT_EQ(send(UniqueFd(), as_bytes("x")), -EBADF);
  EXPECT_EQ(receive(UniqueFd(), in), -EBADF);
}

TEST_P(LoopSocket, cancel_ends_both_directions_before_and_after_they_got_to_the_kernel) {
  for (const bool turn_between : {false, true}) {
    SCOPED_TRACE(turn_between);
    const Pair pair = socket_pair();
    const std::vector<std::byte> out(4 << 20);
    while (::send(pair.ours.get(), out.data(), out.size(), MSG_NOSIGNAL) > 0) {
    }
    int ended = 0;
    const auto note = [&](std::int32_t result) {
      EXPECT_EQ(result, -ECANCELED);
      ++ended;
    };
    loop->send(pair.ours.get(), out, note);
    loop->receive(pair.ours.get(), in, note);
    if (turn_between) {
      run_a_while();
    }
    EXPECT_EQ(ended, 0);
    loop->cancel(pair.ours.get());
    loop->cancel(pair.ours.get());
    run_until([&] { return ended == 2; });
    // Others are not touched, and the descriptor can be used on.
    std::int32_t again = -1;
    loop->receive(pair.ours.get(), in, [&](std::int32_t result) { again = result; });
    loop->cancel(pair.theirs.get());
    run_a_while();
    EXPECT_EQ(again, -1);
    send_byte(pair.theirs);
    run_until([&] { return again != -1; });
    EXPECT_EQ(again, 1);
    loop->cancel(pair.ours.get());
  }
}

// The number of a closed descriptor is given out again at once.
TEST_P(LoopSocket, a_descriptor_s_number_is_used_again) {
  for (int i = 0; i < 100; ++i) {
    const Pair pair = socket_pair();
    std::int32_t result = 1;
    loop->receive(pair.ours.get(), in, [&](std::int32_t r) { result = r; });
    loop->run_once(0s);
    loop->cancel(pair.ours.get());
    run_until([&] { return result != 1; });
    EXPECT_EQ(result, -ECANCELED);
  }
}

TEST_P(LoopSocket, silent_receives_do_not_hold_up_files) {
  remake(4);
  std::vector<Pair> pairs;
  int ended = 0;
  for (int i = 0; i < 40; ++i) {
    pairs.push_back(socket_pair());
    loop->receive(pairs.back().ours.get(), in, [&](std::int32_t) { ++ended; });
  }
  const UniqueFd file = temporary_file();
  EXPECT_EQ(
      result_of([&](Completion done) { loop->write_at(file.get(), as_bytes("abc"), 0, std::move(done)); }),
      3);
  EXPECT_EQ(ended, 0);
  for (const Pair& pair : pairs) {
    send_byte(pair.theirs);
  }
  run_until([&] { return ended == 40; });
}

TEST_P(LoopSocket, destroyed_with_a_silent_peer_nobody_touches_the_memory_and_no_callback_runs) {
  const UniqueFd listener = bound_socket(0);
  const SocketAddress address = local_address(listener);
  const UniqueFd first = tcp_socket();
  ASSERT_EQ(connect(first, address), 0);
  const UniqueFd second = tcp_socket();
  const Pair pair = socket_pair();
  const Pair other = socket_pair();
  auto memory = std::make_unique<std::array<std::byte, 64>>();
  bool ran = false;
  const auto note = [&](std::int32_t) { ran = true; };
  loop->connect(second.get(), address, note);
  loop->receive(pair.ours.get(), *memory, note);
  run_a_while();
  loop->receive(other.ours.get(), in, note);  // never got to the kernel
  loop->cancel(pair.ours.get());
  loop.reset();
  EXPECT_FALSE(ran);
  send_byte(pair.theirs);
  EXPECT_EQ((*memory)[0], std::byte{0});
}

PENSTOCK_OVER_BOTH_LOOPS(LoopSocket);

TEST(SocketAddress, is_read_from_digits_only_and_written_as_people_do) {
  EXPECT_EQ(to_string(*numeric_address("127.0.0.1", 9093)), "127.0.0.1:9093");
  EXPECT_EQ(to_string(*numeric_address("::1", 443)), "[::1]:443");
  EXPECT_FALSE(numeric_address("localhost", 1).has_value());
  EXPECT_FALSE(numeric_address("", 1).has_value());
  EXPECT_EQ(to_string(SocketAddress{}), "an address of no known kind");
}

}  // namespace
}  // namespace penstock::io
