// What a client may do to the admin server: send without end, send slowly, say nothing, read slowly, come in
// numbers. Each case is bounded in the test too.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/server.h"
#include "base/unique_fd.h"

namespace penstock::admin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::StartsWith;

constexpr std::string_view k_probe = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

// Far more than the buffers of both sockets hold: who has sent so much was read.
constexpr std::size_t k_flood_bytes = std::size_t{32} << 20;

std::unique_ptr<Server> serve(Duration connection_max = seconds(5), std::size_t page_bytes = 10) {
  Handlers handlers{.metrics = [page_bytes] { return std::string(page_bytes, 'm'); },
                    .health = [] { return Health{}; },
                    .ready = [] { return Readiness{}; }};
  auto server = Server::start({"127.0.0.1:0", connection_max}, std::move(handlers));
  EXPECT_TRUE(server.ok());
  return std::move(server).value();
}

UniqueFd client_of(const Server& server) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.bound_port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

bool sent(const UniqueFd& fd, std::string_view text) {
  return ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

std::string read_all(const UniqueFd& fd) {
  std::string all;
  std::array<char, 65536> part;
  for (ssize_t n = 0; (n = ::recv(fd.get(), part.data(), part.size(), 0)) > 0;) {
    all.append(part.data(), static_cast<std::size_t>(n));
  }
  return all;
}

double seconds_of(const std::function<void()>& deed) {
  const auto begun = std::chrono::steady_clock::now();
  deed();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

void expect_prompt(const Server& server) {
  const double taken = seconds_of([&] {
    const UniqueFd fd = client_of(server);
    EXPECT_TRUE(sent(fd, k_probe));
    EXPECT_THAT(read_all(fd), StartsWith("HTTP/1.1 200"));
  });
  EXPECT_LT(taken, 1) << "a probe waited";
}

// What a client sends again and again after its beginning, and what it is told if it stops in time.
struct Flood {
  std::string_view name;
  std::string begin;
  std::string again;
  std::string_view answer;
};

std::vector<Flood> floods() {
  return {
      {"header lines", "GET /metrics HTTP/1.1\r\n", "X-Y: " + std::string(90, 'z') + "\r\n", "HTTP/1.1 431"},
      {"a request line", "GET /", std::string(100, 'z'), "HTTP/1.1 414"},
      {"a header line", "GET /metrics HTTP/1.1\r\nX-Y: ", std::string(100, 'z'), "HTTP/1.1 431"},
      {"a chunked body", "POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "64\r\n" + std::string(100, 'z') + "\r\n", "HTTP/1.1 405"},
      {"a body without a length", "POST /metrics HTTP/1.1\r\n\r\n", std::string(100, 'z'), "HTTP/1.1 405"},
      {"a body behind GET", "GET /healthz HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
       std::string(100, 'z'), "HTTP/1.1 200"},
  };
}

TEST(HostileClients, what_has_no_end_is_cut_off) {
  const auto server = serve();
  for (const Flood& flood : floods()) {
    const UniqueFd fd = client_of(*server);
    ASSERT_TRUE(sent(fd, flood.begin));
    std::string much;
    while (much.size() < 65536) {
      much += flood.again;
    }
    std::size_t bytes = 0;
    while (bytes < k_flood_bytes && sent(fd, much)) {
      bytes += much.size();
    }
    EXPECT_LT(bytes, k_flood_bytes) << flood.name;
    expect_prompt(*server);
  }
}

TEST(HostileClients, who_stops_in_time_is_told_what_was_wrong) {
  const auto server = serve();
  for (const Flood& flood : floods()) {
    const UniqueFd fd = client_of(*server);
    ASSERT_TRUE(sent(fd, flood.begin));
    for (int i = 0; i < 100; ++i) {  // 10 kB: more than any part of a request may have
      ASSERT_TRUE(sent(fd, flood.again)) << flood.name;
    }
    EXPECT_THAT(read_all(fd), StartsWith(flood.answer)) << flood.name;
  }
}

// That something comes now and then does not prolong it.
TEST(HostileClients, a_slow_client_is_closed_at_its_time) {
  const auto server = serve(milliseconds(400));
  const UniqueFd fd = client_of(*server);
  const double taken = seconds_of([&] {
    EXPECT_TRUE(sent(fd, "GET /metrics HTTP/1.1\r\n"));
    for (int i = 0; i < 200 && sent(fd, "x"); ++i) {
      std::this_thread::sleep_for(milliseconds(50));
    }
  });
  EXPECT_GT(taken, 0.3);
  EXPECT_LT(taken, 3);
  expect_prompt(*server);
}

TEST(HostileClients, a_silent_client_is_closed_at_its_time) {
  const auto server = serve(milliseconds(200));
  const UniqueFd fd = client_of(*server);
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(read_all(fd), ""); }), 3);
}

TEST(HostileClients, many_do_not_delay_a_probe_nor_the_end) {
  const auto server = serve(seconds(60));
  std::vector<UniqueFd> slow;
  for (int i = 0; i < 64; ++i) {
    slow.push_back(client_of(*server));
    ASSERT_TRUE(sent(slow.back(), "GET /metr"));
  }
  for (int second = 0; second < 2; ++second) {
    for (const UniqueFd& fd : slow) {
      sent(fd, "x");  // the older half is closed by now
    }
    expect_prompt(*server);
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_LT(seconds_of([&] { server->stop(); }), 1);
}

TEST(HostileClients, idle_connections_without_number_do_not_delay_a_probe) {
  const auto server = serve(seconds(60));
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 300; ++i) {
    idle.push_back(client_of(*server));
  }
  expect_prompt(*server);
  std::size_t open = 0;
  for (const UniqueFd& fd : idle) {
    pollfd closed{fd.get(), POLLIN, 0};
    open += ::poll(&closed, 1, 0) == 0 ? 1 : 0;
  }
  EXPECT_LE(open, k_connections_max);
  EXPECT_GE(open, k_connections_max - 1);
}

TEST(HostileClients, who_does_not_read_does_not_pile_up_pages) {
  constexpr std::size_t k_page_bytes = std::size_t{4} << 20;
  const auto server = serve(seconds(60), k_page_bytes);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(client_of(*server));
    ASSERT_TRUE(sent(clients.back(), "GET /metrics HTTP/1.1\r\n\r\n"));
    expect_prompt(*server);
  }
  EXPECT_LT(read_all(clients.front()).size(), k_page_bytes);
  EXPECT_GT(read_all(clients.back()).size(), k_page_bytes);
}

// The socket is not closed over what they still have on the way, which would take the answer with it.
TEST(HostileClients, an_answer_survives_what_follows_the_request) {
  const auto server = serve();
  const std::string more(20'000, 'x');
  for (int i = 0; i < 50; ++i) {
    const UniqueFd fd = client_of(*server);
    ASSERT_TRUE(sent(fd, k_probe));
    ASSERT_TRUE(sent(fd, more));
    ASSERT_THAT(read_all(fd), StartsWith("HTTP/1.1 200"));
  }
}

}  // namespace
}  // namespace penstock::admin
