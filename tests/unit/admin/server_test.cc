#include "admin/server.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/unique_fd.h"

namespace penstock::admin {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

Handlers handlers() {
  return {[] { return std::string("# the page\n"); }, [] { return Health{}; }, [] { return Readiness{}; }};
}

std::unique_ptr<Server> started(Handlers given, Duration connection_max = std::chrono::seconds(5)) {
  Result<std::unique_ptr<Server>> server = Server::start({"127.0.0.1:0", connection_max}, std::move(given));
  EXPECT_TRUE(server.ok()) << server.error().message;
  return std::move(server).value();
}

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fd.reset();
  }
  return fd;
}

void send_text(const UniqueFd& fd, std::string_view text) {
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

std::string read_to_end(const UniqueFd& fd) {
  std::string all;
  std::array<char, 4096> part;
  for (ssize_t n = ::recv(fd.get(), part.data(), part.size(), 0); n > 0;
       n = ::recv(fd.get(), part.data(), part.size(), 0)) {
    all.append(part.data(), static_cast<std::size_t>(n));
  }
  return all;
}

// The whole answer, headers too; the server closes behind it.
std::string ask(std::uint16_t port, std::string_view method_and_path) {
  const UniqueFd fd = connect_to(port);
  EXPECT_TRUE(fd.valid());
  send_text(fd, concat(method_and_path, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"));
  return read_to_end(fd);
}

TEST(AdminServer, serves_the_metrics_page_with_prometheus_content_type) {
  const auto server = started(handlers());
  const std::string answer = ask(server->bound_port(), "GET /metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n# the page\n"));
}

TEST(AdminServer, health_and_readiness_follow_their_handlers) {
  std::atomic<bool> good = true;
  Handlers given = handlers();
  std::atomic<bool> noted = false;
  given.health = [&] { return Health{good, good ? "" : "worker 1 has not moved for 60 s"}; };
  given.ready = [&] { return Readiness{good, !good ? "draining" : noted ? "no topic yet" : ""}; };
  const auto server = started(std::move(given));
  EXPECT_THAT(ask(server->bound_port(), "GET /healthz"), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("ok\n")));
  EXPECT_THAT(ask(server->bound_port(), "GET /readyz"), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("ok\n")));
  noted = true;
  EXPECT_THAT(ask(server->bound_port(), "GET /readyz"),
              AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\nok: no topic yet\n")));
  good = false;
  EXPECT_THAT(ask(server->bound_port(), "GET /healthz"),
              AllOf(StartsWith("HTTP/1.1 503"), EndsWith("\r\n\r\nworker 1 has not moved for 60 s\n")));
  EXPECT_THAT(ask(server->bound_port(), "GET /readyz"),
              AllOf(StartsWith("HTTP/1.1 503"), EndsWith("\r\n\r\ndraining\n")));
}

TEST(AdminServer, any_other_path_is_404_with_the_paths_there_are) {
  const auto server = started(handlers());
  for (const std::string_view request : {"GET /", "GET /metrics/x", "GET /etc/passwd", "GET /metricsx"}) {
    const std::string answer = ask(server->bound_port(), request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 404")) << request;
    EXPECT_THAT(answer, HasSubstr("/metrics\n/healthz\n/readyz\n")) << request;
  }
}

std::string ask_with(std::uint16_t port, std::string_view method_and_path, std::string_view headers) {
  const UniqueFd fd = connect_to(port);
  EXPECT_TRUE(fd.valid());
  send_text(fd, concat(method_and_path, " HTTP/1.1\r\n", headers, "\r\n"));
  return read_to_end(fd);
}

Handlers handlers_with_status() {
  Handlers given = handlers();
  given.status = [] { return std::string("{}"); };
  return given;
}

TEST(AdminServer, the_status_page_comes_with_a_policy_that_lets_nothing_else_in) {
  const auto server = started(handlers_with_status());
  for (const std::string_view request : {"GET /", "GET /page.css", "GET /page.js", "GET /api/status"}) {
    const std::string answer = ask(server->bound_port(), request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200")) << request;
    EXPECT_THAT(answer, HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self';"));
    EXPECT_THAT(answer, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
    EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store\r\n"));
  }
  EXPECT_THAT(ask(server->bound_port(), "GET /api/status"), EndsWith("\r\n\r\n{}"));
}

// A page of somebody else's may have a name that leads to this machine.
TEST(AdminServer, without_a_token_the_status_is_for_addresses_and_localhost) {
  const auto server = started(handlers_with_status());
  for (const std::string_view path : {"GET /", "GET /api/status", "GET /page.js"}) {
    EXPECT_THAT(ask_with(server->bound_port(), path, "Host: evil.example.com:9464\r\n"),
                StartsWith("HTTP/1.1 421 "));
    EXPECT_THAT(ask_with(server->bound_port(), path, "Host: 127.0.0.1\r\n"), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(ask_with(server->bound_port(), "GET /metrics", "Host: prometheus.example.com\r\n"),
              StartsWith("HTTP/1.1 200"));
}

std::unique_ptr<Server> guarded(bool open_probes) {
  Options options;
  options.listen = "127.0.0.1:0";
  options.token = [] { return std::string("0123456789abcdef"); };
  options.open_probes = open_probes;
  auto server = Server::start(options, handlers_with_status());
  EXPECT_TRUE(server.ok());
  return std::move(server).value();
}

TEST(AdminServer, a_token_is_asked_for_everywhere_but_at_the_probes) {
  const auto server = guarded(true);
  constexpr std::string_view k_shown = "Authorization: Bearer 0123456789abcdef\r\n";
  for (const std::string_view path :
       {"GET /", "GET /page.js", "GET /api/status", "GET /metrics", "HEAD /metrics"}) {
    const std::string refused =
        ask_with(server->bound_port(), path, "Authorization: Bearer 0123456789abcdeX\r\n");
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 401 ")) << path;
    EXPECT_THAT(refused, HasSubstr("WWW-Authenticate: Basic realm=\"penstock\""));
    EXPECT_THAT(ask_with(server->bound_port(), path, ""), StartsWith("HTTP/1.1 401 ")) << path;
    EXPECT_THAT(ask_with(server->bound_port(), path, k_shown), StartsWith("HTTP/1.1 200 ")) << path;
  }
  EXPECT_THAT(ask_with(server->bound_port(), "GET /nowhere", ""), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(ask_with(server->bound_port(), "GET /nowhere", k_shown), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask_with(server->bound_port(), "GET /api/status", concat("Host: any.example.com\r\n", k_shown)),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask_with(server->bound_port(), "GET /healthz", ""), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask_with(server->bound_port(), "GET /readyz", ""), StartsWith("HTTP/1.1 200 "));
}

TEST(AdminServer, the_probes_can_be_guarded_too) {
  const auto server = guarded(false);
  EXPECT_THAT(ask_with(server->bound_port(), "GET /healthz", ""), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(ask_with(server->bound_port(), "GET /readyz", "Authorization: Bearer 0123456789abcdef\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

TEST(AdminServer, two_headers_that_would_decide_are_refused) {
  const auto server = guarded(true);
  EXPECT_THAT(ask_with(server->bound_port(), "GET /metrics",
                       "Authorization: Bearer x\r\nauthorization: Bearer 0123456789abcdef\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

TEST(AdminServer, an_exception_in_a_handler_is_a_500_that_tells_nothing) {
  Handlers given = handlers();
  given.metrics = []() -> std::string { throw std::runtime_error("s3cret"); };
  const auto server = started(std::move(given));
  const std::string answer = ask(server->bound_port(), "GET /metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, Not(HasSubstr("s3cret")));
  EXPECT_THAT(ask(server->bound_port(), "GET /healthz"), StartsWith("HTTP/1.1 200"));
}

TEST(AdminServer, head_is_get_without_the_body) {
  const auto server = started(handlers());
  const std::string answer = ask(server->bound_port(), "HEAD /metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(AdminServer, rubbish_and_other_methods_are_refused) {
  const auto server = started(handlers());
  EXPECT_THAT(ask(server->bound_port(), "\x16\x03\x01 not"), StartsWith("HTTP/1.1 400"));
  for (const std::string_view request : {"POST /metrics", "PUT /", "DELETE /healthz", "CONNECT /"}) {
    EXPECT_THAT(ask(server->bound_port(), request), StartsWith("HTTP/1.1 405")) << request;
  }
  EXPECT_THAT(ask(server->bound_port(), "GET /metrics"), StartsWith("HTTP/1.1 200"));
}

TEST(AdminServer, a_request_that_comes_byte_by_byte_is_answered) {
  const auto server = started(handlers());
  const UniqueFd fd = connect_to(server->bound_port());
  for (const char c : std::string_view("GET /healthz HTTP/1.1\r\n\r\n")) {
    send_text(fd, {&c, 1});
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_THAT(read_to_end(fd), StartsWith("HTTP/1.1 200"));
}

TEST(AdminServer, a_taken_address_is_an_error_that_names_it_and_says_what_to_do) {
  const auto server = started(handlers());
  const std::string address = concat("127.0.0.1:", server->bound_port());
  const Result<std::unique_ptr<Server>> second = Server::start({address}, handlers());
  ASSERT_FALSE(second.ok()) << "two instances would share the port in silence";
  EXPECT_EQ(second.error().action, Action::fatal);
  EXPECT_EQ(second.error().code, "EADDRINUSE");
  EXPECT_THAT(second.error().message, HasSubstr(address));
  EXPECT_THAT(second.error().message, HasSubstr("admin.listen"));
}

TEST(AdminServer, an_address_of_another_machine_is_an_error) {
  // TEST-NET-1 (RFC 5737): nobody's.
  const Result<std::unique_ptr<Server>> server = Server::start({"192.0.2.1:9464"}, handlers());
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(server.error().message, HasSubstr("192.0.2.1:9464"));
  EXPECT_THAT(server.error().message, HasSubstr("admin.listen"));
}

TEST(AdminServer, an_address_that_does_not_parse_is_an_error) {
  EXPECT_FALSE(Server::start({"9464"}, handlers()).ok());
}

TEST(AdminServer, off_means_no_port) {
  for (const std::string listen : {"", "none"}) {
    Result<std::unique_ptr<Server>> server = Server::start({listen}, handlers());
    ASSERT_TRUE(server.ok());
    EXPECT_EQ((*server)->bound_port(), 0);
    (*server)->stop();
  }
}

TEST(AdminServer, a_stopped_server_is_gone_and_its_port_is_free_again) {
  const auto server = started(handlers());
  const std::uint16_t port = server->bound_port();
  EXPECT_THAT(ask(port, "GET /readyz"), StartsWith("HTTP/1.1 200"));
  server->stop();
  server->stop();
  EXPECT_FALSE(connect_to(port).valid());
  EXPECT_TRUE(Server::start({concat("127.0.0.1:", port)}, handlers()).ok());
}

TEST(AdminServer, starts_and_stops_at_once) {
  for (int i = 0; i < 20; ++i) {
    started(handlers());
  }
}

TEST(AdminServer, answers_many_at_once) {
  const auto server = started(handlers());
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 8; ++i) {
      clients.emplace_back([&] {
        if (ask(server->bound_port(), "GET /metrics").starts_with("HTTP/1.1 200")) {
          ++good;
        }
      });
    }
  }
  EXPECT_EQ(good, 8);
}

}  // namespace
}  // namespace penstock::admin
