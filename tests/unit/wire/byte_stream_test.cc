// Byte streams against real sockets of 127.0.0.1, plain and TLS, over both loops.
#include "wire/byte_stream.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/concat.h"
#include "unit/io/loop_fixture.h"
#include "unit/wire/stream_server.h"

namespace penstock::wire {
namespace {

using namespace std::chrono_literals;
using io::Choice;
using io::choice_name;

// This process's socket that is connected to the port; -1: there is none.
int client_of(std::uint16_t port) {
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof(peer);
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && peer.sin_family == AF_INET &&
        ntohs(peer.sin_port) == port) {
      return fd;
    }
  }
  return -1;
}

class ByteStreamTest : public io::LoopTest {
 protected:
  // Every test runs plain and with TLS: this is what one of the two needs.
  struct Way {
    const char* name;
    SSL_CTX* server;
    std::shared_ptr<const crypto::TlsContext> client;
  };

  std::vector<Way> both_ways() {
    auto trust = crypto::TlsContext::make({.ca = ca});
    EXPECT_TRUE(trust.ok()) << trust.error().message;
    return {{"plain", nullptr, nullptr}, {"tls", server_context.get(), *trust}};
  }

  ByteStream::Options to(std::uint16_t port, const Way& way, const std::string& host = "127.0.0.1") {
    return {.host = host, .port = port, .tls = way.client, .connect_timeout = 30s};
  }

  Result<void> open(ByteStream& stream) {
    std::optional<Result<void>> answer;
    stream.open([&](Result<void> result) { answer = std::move(result); });
    EXPECT_FALSE(answer.has_value()) << "answered inside the call";
    run_until([&] { return answer.has_value(); });
    return *std::move(answer);
  }

  Result<void> send(ByteStream& stream, Bytes bytes) {
    std::optional<Result<void>> answer;
    stream.send(bytes, nullptr, [&](Result<void> result) { answer = std::move(result); });
    EXPECT_FALSE(answer.has_value()) << "answered inside the call";
    run_until([&] { return answer.has_value(); });
    return *std::move(answer);
  }

  Result<std::size_t> receive(ByteStream& stream, MutableBytes into) {
    std::optional<Result<std::size_t>> answer;
    stream.receive_some(into, nullptr, [&](Result<std::size_t> result) { answer = std::move(result); });
    EXPECT_FALSE(answer.has_value()) << "answered inside the call";
    run_until([&] { return answer.has_value(); });
    return *std::move(answer);
  }

  // The error of open().
  Error refusal(ByteStream::Options options) {
    ByteStream stream(*loop, std::move(options));
    const Result<void> opened = open(stream);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? Error{} : opened.error();
  }

  static void expect_part(const Error& error, const std::string& part) {
    EXPECT_NE(error.message.find(part), std::string::npos) << part << " is not in: " << error.message;
  }

  const crypto::PemDirectory pem;
  const crypto::Identity authority = crypto::make_identity({.subject = "ca", .names = {}}, nullptr);
  const std::string ca = pem.write("ca.pem", authority);
  const crypto::Identity broker =
      crypto::make_identity({.subject = "broker", .names = "DNS:localhost,IP:127.0.0.1"}, &authority);
  const crypto::ServerContext server_context = crypto::make_server_context(broker);
};

TEST_P(ByteStreamTest, asks_and_is_answered) {
  for (const Way& way : both_ways()) {
    SCOPED_TRACE(way.name);
    const StreamServer server(way.server, [](ServerEnd& end) {
      EXPECT_EQ(end.read_exactly(4), "ping");
      end.write_text("pong and more");
      EXPECT_EQ(end.read_exactly(3), "bye");
    });
    ByteStream stream(*loop, to(server.port(), way));
    ASSERT_TRUE(open(stream).ok());
    ASSERT_TRUE(send(stream, as_bytes("ping")).ok());
    std::string in(4, '\0');
    std::string rest;
    while (rest.size() < 13) {
      const Result<std::size_t> got = receive(stream, std::as_writable_bytes(std::span(in)));
      ASSERT_TRUE(got.ok()) << got.error().message;
      ASSERT_GT(*got, 0U);
      rest += in.substr(0, *got);
    }
    EXPECT_EQ(rest, "pong and more");
    EXPECT_TRUE(send(stream, {}).ok()) << "nothing is sent at once";
    EXPECT_TRUE(send(stream, as_bytes("bye")).ok());
  }
}

TEST_P(ByteStreamTest, what_is_known_without_the_kernel_is_told_without_a_sleep) {
  const Way tls = both_ways().back();
  const StreamServer server(tls.server, [](ServerEnd& end) {
    end.write_text("two");
    end.wait_for_end();
  });
  ByteStream stream(*loop, to(server.port(), tls));
  ASSERT_TRUE(open(stream).ok());
  std::byte in{};
  ASSERT_TRUE(receive(stream, {&in, 1}).ok());
  bool told = false;
  stream.receive_some({&in, 1}, nullptr,
                      [&](const Result<std::size_t>&) { told = true; });  // deciphered before
  const MonoTime before = system_clock().now();
  loop->run_once(10s);
  EXPECT_TRUE(told);
  EXPECT_LT(system_clock().now() - before, 5s);
}

TEST_P(ByteStreamTest, a_name_is_looked_up_and_its_addresses_are_tried_in_turn) {
  for (const Way& way : both_ways()) {
    SCOPED_TRACE(way.name);
    const StreamServer server(way.server, [](ServerEnd& end) { end.write_text("x"); });
    ByteStream stream(*loop, to(server.port(), way, "localhost"));  // ::1 too, where nobody listens
    const Result<void> opened = open(stream);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    std::byte in{};
    EXPECT_TRUE(receive(stream, {&in, 1}).ok());
  }
}

TEST_P(ByteStreamTest, a_port_where_nobody_listens_is_an_error_that_may_pass) {
  std::uint16_t port = 0;
  StreamServer::listening(port).reset();
  for (const Way& way : both_ways()) {
    const Error error = refusal(to(port, way));
    EXPECT_EQ(error.kind, ErrorKind::unavailable);
    EXPECT_EQ(error.action, Action::retry);
    EXPECT_EQ(error.code, "ECONNREFUSED");
    expect_part(error, concat("connecting to 127.0.0.1:", port));
  }
}

// A backlog of 0 holds one connection; what comes beyond it gets no answer.
TEST_P(ByteStreamTest, a_connect_without_an_answer_times_out) {
  std::uint16_t port = 0;
  const UniqueFd listener = StreamServer::listening(port, 0);
  const Way way = both_ways().front();
  ByteStream first(*loop, to(port, way));
  ASSERT_TRUE(open(first).ok());
  ByteStream::Options options = to(port, way);
  options.connect_timeout = 50ms;
  const Error error = refusal(options);
  EXPECT_EQ(error.kind, ErrorKind::timed_out);
  EXPECT_EQ(error.action, Action::retry);
  expect_part(error, concat("127.0.0.1:", port));
}

TEST_P(ByteStreamTest, a_handshake_without_an_answer_times_out) {
  const StreamServer server(nullptr, [](ServerEnd& end) { end.wait_for_end(); });
  ByteStream::Options options = to(server.port(), both_ways().back());
  options.connect_timeout = 100ms;
  const Error error = refusal(options);
  EXPECT_EQ(error.kind, ErrorKind::timed_out);
  expect_part(error, "TLS handshake");
}

TEST_P(ByteStreamTest, an_unknown_host_is_an_error_that_names_it) {
  const Error error = refusal(to(1, both_ways().front(), "no-such-broker.invalid"));
  EXPECT_EQ(error.action, Action::retry);
  expect_part(error, "no-such-broker.invalid");
}

TEST_P(ByteStreamTest, what_tls_refuses_is_told_and_the_server_hears_of_it) {
  const auto tls = both_ways().back();
  const crypto::Identity stranger =
      crypto::make_identity({.subject = "stranger", .names = "IP:127.0.0.1"}, nullptr);
  const crypto::ServerContext strange = crypto::make_server_context(stranger);
  {
    const StreamServer server(strange.get(), [](ServerEnd& end) { end.wait_for_end(); });
    const Error error = refusal(to(server.port(), tls));
    EXPECT_EQ(error.action, Action::fatal);
    expect_part(error, "source.tls.ca");
  }
  {
    const StreamServer server(nullptr, [](ServerEnd& end) { end.write_text("no TLS is spoken here\n"); });
    const Error error = refusal(to(server.port(), tls));
    EXPECT_EQ(error.kind, ErrorKind::unsupported);
    expect_part(error, "does not speak TLS");
  }
  {
    const StreamServer server(nullptr, [](ServerEnd&) {});  // closes, as a plain Kafka broker does
    const Error error = refusal(to(server.port(), tls));
    EXPECT_EQ(error.action, Action::retry);
  }
}

TEST_P(ByteStreamTest, the_server_s_close_is_told_after_its_last_bytes_and_to_every_later_call) {
  for (const Way& way : both_ways()) {
    SCOPED_TRACE(way.name);
    const StreamServer server(way.server, [](ServerEnd& end) { end.write_text("half a resp"); });
    ByteStream stream(*loop, to(server.port(), way));
    ASSERT_TRUE(open(stream).ok());
    std::string in(64, '\0');
    std::size_t filled = 0;
    std::optional<Error> end;
    while (!end.has_value()) {
      const auto got = receive(stream, std::as_writable_bytes(std::span(in)).subspan(filled));
      if (got.ok()) {
        filled += *got;
      } else {
        end = got.error();
      }
    }
    EXPECT_EQ(in.substr(0, filled), "half a resp");
    EXPECT_EQ(end->kind, ErrorKind::unavailable);
    EXPECT_EQ(end->action, Action::retry);
    expect_part(*end, concat("127.0.0.1:", server.port(), " closed the connection"));
    const Result<void> sent = send(stream, as_bytes("x"));
    ASSERT_FALSE(sent.ok());
    EXPECT_EQ(sent.error().message, end->message);
    EXPECT_FALSE(receive(stream, std::as_writable_bytes(std::span(in))).ok());
  }
}

TEST_P(ByteStreamTest, an_error_of_one_direction_ends_the_other) {
  for (const Way& way : both_ways()) {
    SCOPED_TRACE(way.name);
    const StreamServer server(way.server, [](ServerEnd& end) { end.read_exactly(1000); });
    ByteStream stream(*loop, to(server.port(), way));
    ASSERT_TRUE(open(stream).ok());
    const std::vector<std::byte> out(64 << 20);
    std::vector<std::byte> in(100);
    std::optional<Result<void>> sent;
    std::optional<Result<std::size_t>> got;
    stream.send(out, nullptr, [&](Result<void> result) { sent = std::move(result); });
    stream.receive_some(in, nullptr, [&](Result<std::size_t> result) { got = std::move(result); });
    run_until([&] { return sent.has_value() && got.has_value(); });
    ASSERT_FALSE(sent->ok());
    ASSERT_FALSE(got->ok());
    EXPECT_EQ(sent->error().message, got->error().message);
  }
}

TEST_P(ByteStreamTest, closes_in_the_orderly_way_and_aborts_with_a_reset) {
  for (const Way& way : both_ways()) {
    for (const bool bounded : {false, true}) {
      for (const bool aborts : {false, true}) {
        SCOPED_TRACE(concat(way.name, bounded ? ", bounded" : "", aborts ? ", aborts" : ""));
        int end = -1;
        std::atomic<bool> heard = false;
        {
          const StreamServer server(way.server, [&](ServerEnd& peer) {
            heard = peer.read_exactly(3) == "ask";
            end = peer.how_it_ended();
          });
          ByteStream::Options options = to(server.port(), way);
          if (bounded) {
            options.unacknowledged_max = 5s;
          }
          ByteStream stream(*loop, options);
          ASSERT_TRUE(open(stream).ok());
          ASSERT_TRUE(send(stream, as_bytes("ask")).ok());
          std::vector<std::byte> in(100);
          bool told = false;
          stream.receive_some(in, nullptr, [&](const Result<std::size_t>&) { told = true; });
          run_until([&] { return heard.load(); });
          aborts ? stream.abort() : stream.close();
          run_a_while();
          EXPECT_FALSE(told);
        }
        EXPECT_EQ(end, aborts ? ECONNRESET : 0);
      }
    }
  }
}

TEST_P(ByteStreamTest, an_idle_path_is_kept_open_before_azure_drops_it) {
  const StreamServer server(nullptr, [](ServerEnd& peer) { peer.wait_for_end(); });
  ByteStream stream(*loop, to(server.port(), both_ways().front()));
  ASSERT_TRUE(open(stream).ok());
  const int fd = client_of(server.port());
  ASSERT_GE(fd, 0);
  const auto value_of = [fd](int level, int name) {
    int value = -1;
    socklen_t size = sizeof(value);
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(value_of(SOL_SOCKET, SO_KEEPALIVE), 1);
  const int told_after_s = value_of(IPPROTO_TCP, TCP_KEEPIDLE) +
                           value_of(IPPROTO_TCP, TCP_KEEPINTVL) * value_of(IPPROTO_TCP, TCP_KEEPCNT);
  EXPECT_LT(told_after_s, 240);
}

// What the kernel does for a process that dies, or a path that is gone, is set from the start.
TEST_P(ByteStreamTest, a_bounded_stream_leaves_nothing_to_the_kernel) {
  for (const bool bounded : {false, true}) {
    const StreamServer server(nullptr, [](ServerEnd& peer) { peer.wait_for_end(); });
    ByteStream::Options options = to(server.port(), both_ways().front());
    if (bounded) {
      options.unacknowledged_max = 2500ms;
    }
    ByteStream stream(*loop, options);
    ASSERT_TRUE(open(stream).ok());
    const int fd = client_of(server.port());
    ASSERT_GE(fd, 0);
    unsigned milliseconds = 0;
    linger closing{};
    socklen_t size = sizeof(milliseconds);
    ASSERT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, &size), 0);
    size = sizeof(closing);
    ASSERT_EQ(::getsockopt(fd, SOL_SOCKET, SO_LINGER, &closing, &size), 0);
    EXPECT_EQ(milliseconds, bounded ? 2500U : 0U);
    EXPECT_EQ(closing.l_onoff, bounded ? 1 : 0);
    EXPECT_EQ(closing.l_linger, 0);
  }
}

// A broker sends a response in many pieces. A wake-up for each would cost more than the bytes.
TEST_P(ByteStreamTest, sleeps_until_a_good_part_of_what_is_sure_to_come_is_there) {
  for (const Way& way : both_ways()) {
    SCOPED_TRACE(way.name);
    std::atomic<int> step = 0;
    const auto wait_for = [&step](int wanted) {
      while (step < wanted) {
        std::this_thread::yield();
      }
    };
    const StreamServer server(way.server, [&](ServerEnd& end) {
      end.write_text("x");  // behind it TLS has nothing more to say by itself
      wait_for(1);
      end.write_text(std::string(1000, 'a'));
      wait_for(2);
      end.write_text(std::string(59'000, 'b'));
      end.wait_for_end();
    });
    ByteStream stream(*loop, to(server.port(), way));
    ASSERT_TRUE(open(stream).ok());
    std::string in(64'000, '\0');
    ASSERT_EQ(receive(stream, std::as_writable_bytes(std::span(in))).value(), 1U);

    std::optional<Result<std::size_t>> got;
    stream.receive_some(
        std::as_writable_bytes(std::span(in)), nullptr,
        [&](Result<std::size_t> result) { got = std::move(result); }, 60'000);
    const auto a_few_turns = [&] {
      for (int i = 0; i < 20; ++i) {
        loop->run_once(Duration::zero());
      }
    };
    a_few_turns();
    step = 1;
    const int fd = client_of(server.port());
    int here = 0;
    run_until([&] { return ::ioctl(fd, FIONREAD, &here) == 0 && here >= 1000; });
    a_few_turns();
    EXPECT_FALSE(got.has_value()) << "a 60th of what is sure woke it";
    step = 2;
    run_until([&] { return got.has_value(); });
    ASSERT_TRUE(got->ok());
    EXPECT_GT(got->value(), 1000U);
    // The next receive is sure of nothing: one byte wakes it.
    std::size_t received = got->value();
    while (received < 60'000) {
      const Result<std::size_t> more = receive(stream, std::as_writable_bytes(std::span(in)));
      ASSERT_TRUE(more.ok());
      received += *more;
    }
    EXPECT_EQ(received, 60'000U);
  }
}

// Half of a record is here, and of the rest there is less than what is sure to come of its plaintext.
TEST_P(ByteStreamTest, a_part_of_a_record_that_is_here_is_not_waited_for_again) {
  for (const Way& way : both_ways()) {
    SCOPED_TRACE(way.name);
    std::atomic<int> step = 0;
    const auto wait_for = [&step](int wanted) {
      while (step < wanted) {
        std::this_thread::yield();
      }
    };
    const StreamServer server(way.server, [&](ServerEnd& end) {
      end.write_text("x");
      wait_for(1);
      const std::string record = end.sealed(std::string(16'000, 'a'));
      end.write_raw(record.substr(0, 8'000));
      wait_for(2);
      end.write_raw(record.substr(8'000));
      end.wait_for_end();
    });
    ByteStream stream(*loop, to(server.port(), way));
    ASSERT_TRUE(open(stream).ok());
    std::string in(64'000, '\0');
    const MutableBytes into = std::as_writable_bytes(std::span(in));
    ASSERT_EQ(receive(stream, into).value(), 1U);
    step = 1;
    const int fd = client_of(server.port());
    int here = 0;
    run_until([&] { return ::ioctl(fd, FIONREAD, &here) == 0 && here >= 8'000; });
    std::size_t received = 0;
    bool failed = false;
    const std::function<void()> receive_more = [&] {
      stream.receive_some(
          into, nullptr,
          [&](const Result<std::size_t>& result) {
            failed = !result.ok();
            received += result.ok() ? *result : 0;
            if (!failed && received < 16'000) {
              receive_more();
            }
          },
          16'000 - received);
    };
    receive_more();
    run_until([&] { return ::ioctl(fd, FIONREAD, &here) == 0 && here == 0; });
    step = 2;
    run_until([&] { return failed || received == 16'000; });
    EXPECT_FALSE(failed);
  }
}

// What comes is less than was sure: the end of the connection wakes all the same.
TEST_P(ByteStreamTest, the_end_is_told_to_who_waits_for_more) {
  for (const Way& way : both_ways()) {
    SCOPED_TRACE(way.name);
    const StreamServer server(way.server, [](ServerEnd& end) { end.write_text("cut off"); });
    ByteStream stream(*loop, to(server.port(), way));
    ASSERT_TRUE(open(stream).ok());
    std::string in(1000, '\0');
    std::size_t received = 0;
    std::optional<Error> end;
    const std::function<void()> receive_more = [&] {
      stream.receive_some(
          std::as_writable_bytes(std::span(in)).subspan(received), nullptr,
          [&](const Result<std::size_t>& result) {
            if (!result.ok()) {
              end = result.error();
              return;
            }
            received += *result;
            receive_more();
          },
          1'000'000);
    };
    receive_more();
    run_until([&] { return end.has_value(); });
    EXPECT_EQ(in.substr(0, received), "cut off");
    EXPECT_EQ(end->action, Action::retry);
    expect_part(*end, "closed the connection");
  }
}

// The server sends back what it gets; both directions run at once and are cut at odd places.
TEST_P(ByteStreamTest, sixty_four_mebibytes_in_odd_pieces_come_back_unchanged) {
  std::vector<std::byte> out(64 << 20);
  std::mt19937_64 random(3);
  for (std::size_t i = 0; i < out.size(); i += 8) {
    const std::uint64_t bits = random();
    std::memcpy(out.data() + i, &bits, 8);
  }
  for (const Way& way : both_ways()) {
    SCOPED_TRACE(way.name);
    const std::size_t size = out.size();
    const StreamServer server(way.server, [size](ServerEnd& end) {
      std::vector<std::byte> buffer(77'777);
      for (std::size_t back = 0; back < size;) {
        const std::size_t got = end.read(buffer);
        ASSERT_GT(got, 0U);
        ASSERT_TRUE(end.write(Bytes(buffer).first(got)));
        back += got;
      }
    });
    ByteStream stream(*loop, to(server.port(), way));
    ASSERT_TRUE(open(stream).ok());
    std::vector<std::byte> in(out.size());
    std::size_t sent = 0;
    std::size_t received = 0;
    bool failed = false;
    const std::function<void()> send_more = [&] {
      const std::size_t piece = std::min<std::size_t>(1 + random() % 3'000'017, out.size() - sent);
      stream.send(Bytes(out).subspan(sent, piece), nullptr, [&, piece](const Result<void>& result) {
        failed = failed || !result.ok();
        sent += piece;
        if (!failed && sent < out.size()) {
          send_more();
        }
      });
    };
    const std::function<void()> receive_more = [&] {
      const std::size_t piece = std::min<std::size_t>(1 + random() % (1 << 20), in.size() - received);
      const MutableBytes into = MutableBytes(in).subspan(received, piece);
      stream.receive_some(
          into, nullptr,
          [&](const Result<std::size_t>& result) {
            failed = failed || !result.ok();
            received += result.ok() ? result.value() : 0;
            if (!failed && received < in.size()) {
              receive_more();
            }
          },
          in.size() - received);  // all of it is sure to come back, whatever part of a record is here
    };
    send_more();
    receive_more();
    run_until([&] { return failed || received == in.size(); });
    ASSERT_FALSE(failed);
    EXPECT_TRUE(in == out);
  }
}

// Closed after any number of turns, from before the lookup to the middle of a transfer: no callback runs, and
// the stream lets go of the buffers.
TEST_P(ByteStreamTest, may_be_closed_at_any_time) {
  for (const Way& way : both_ways()) {
    for (const std::string host : {"127.0.0.1", "localhost"}) {
      for (int turns = 0; turns < 30; ++turns) {
        SCOPED_TRACE(concat(way.name, " ", host, " ", turns));
        const StreamServer server(way.server, [](ServerEnd& end) {
          const std::vector<std::byte> much(1 << 20);
          end.write(much);
          end.wait_for_end();
        });
        bool closed = false;
        auto in = std::make_shared<std::vector<std::byte>>(300'000);
        auto out = std::make_shared<std::vector<std::byte>>(8 << 20);
        const std::weak_ptr<void> in_use[] = {in, out};
        auto stream = std::make_unique<ByteStream>(*loop, to(server.port(), way, host));
        stream->open([&, in, out](const Result<void>& result) {
          EXPECT_FALSE(closed);
          ASSERT_TRUE(result.ok()) << result.error().message;
          stream->send(*out, out, [&](const Result<void>&) { EXPECT_FALSE(closed); });
          stream->receive_some(*in, in, [&](const Result<std::size_t>&) { EXPECT_FALSE(closed); });
        });
        in.reset();
        out.reset();
        for (int i = 0; i < turns; ++i) {
          loop->run_once(1ms);
        }
        stream.reset();
        closed = true;
        run_until([&] { return in_use[0].expired() && in_use[1].expired(); });
      }
    }
  }
}

TEST_P(ByteStreamTest, may_be_destroyed_by_each_of_its_callbacks) {
  for (const Way& way : both_ways()) {
    for (const std::string which : {"open", "send", "receive", "error"}) {
      SCOPED_TRACE(concat(way.name, " ", which));
      const StreamServer server(way.server, [&](ServerEnd& end) {
        if (which != "error") {
          end.write_text("x");
          end.wait_for_end();
        }
      });
      bool done = false;
      auto buffer = std::make_shared<std::vector<std::byte>>(100);
      auto stream = std::make_unique<ByteStream>(*loop, to(server.port(), way));
      const auto destroy_if = [&](bool so) {
        if (so) {
          stream.reset();
          done = true;
        }
      };
      const std::function<void()> receive_on = [&] {
        stream->receive_some(*buffer, buffer, [&](const Result<std::size_t>& result) {
          destroy_if(which == "receive" || (which == "error" && !result.ok()));
        });
      };
      stream->open([&](const Result<void>&) {
        destroy_if(which == "open");
        if (which == "send") {
          stream->send(*buffer, buffer, [&](const Result<void>&) { destroy_if(true); });
        } else if (which != "open") {
          receive_on();
        }
      });
      run_until([&] { return done; });
      run_a_while();
    }
  }
}

TEST_P(ByteStreamTest, the_loop_may_be_destroyed_while_the_kernel_still_holds_a_closed_stream_s_memory) {
  for (const Way& way : both_ways()) {
    SCOPED_TRACE(way.name);
    const StreamServer server(way.server, [](ServerEnd& end) { end.wait_for_end(); });
    auto buffer = std::make_shared<std::vector<std::byte>>(1000);
    const std::weak_ptr<void> in_use = buffer;
    {
      ByteStream stream(*loop, to(server.port(), way));
      ASSERT_TRUE(open(stream).ok());
      const MutableBytes into = *buffer;
      stream.receive_some(into, std::move(buffer), [](const Result<std::size_t>&) { FAIL(); });
      run_a_while();
    }
    EXPECT_FALSE(in_use.expired()) << "the kernel may still write there";
    loop.reset();
    EXPECT_TRUE(in_use.expired());
    remake(64);
  }
}

PENSTOCK_OVER_BOTH_LOOPS(ByteStreamTest);

}  // namespace
}  // namespace penstock::wire
