// How it works. cpp-httplib has the sockets and the threads: one that accepts, two that serve. This file
// says which paths exist, and bounds what a client can cost.
//
// Worked case: Prometheus scrapes /metrics while an orchestrator probes /readyz. Each has one of the two
// threads, gets its answer, and the connection is closed. A third client connects at the same time: it
// waits in the library's queue. If it then says nothing, its thread gives up after k_patience_s.
//
// start() binds in the caller's thread, so that a port that is taken is an error of start() and not a line
// in a log. It returns when the accepting thread runs, because the library forgets a stop() that comes
// before. stop() closes the listening socket and joins that thread, which in turn waits for requests in
// flight.
#include "admin/server.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include <httplib.h>
#include <sys/socket.h>

#include "admin/listen_address.h"
#include "base/concat.h"

namespace penstock::admin {
namespace {

// A scrape and a probe at the same time; whoever is third waits.
constexpr std::size_t k_threads = 2;

// How long a client may be silent, before its request, within it, or in taking the answer.
constexpr int k_patience_s = 2;

// No path takes a body.
constexpr std::size_t k_body_bytes_max = 4096;

constexpr const char* k_text = "text/plain; charset=utf-8";
constexpr const char* k_prometheus_text = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* k_index = "not found; there are\n/metrics\n/healthz\n/readyz\n";

// What bind(2) may say, and what to do about it.
struct BindFailure {
  int error_number;
  const char* name;
  const char* advice;
};

constexpr std::array k_bind_failures{
    BindFailure{EADDRINUSE, "EADDRINUSE",
                "another process has this address; stop it, or set admin.listen to a free port or to none"},
    BindFailure{EADDRNOTAVAIL, "EADDRNOTAVAIL",
                "this machine has no such address; set admin.listen to one of its own, or to 127.0.0.1:9464"},
    BindFailure{EACCES, "EACCES", "this port is reserved; set admin.listen to a port above 1023"},
};
constexpr BindFailure k_other_failure{
    0, "", "the host does not resolve or cannot be bound; set admin.listen to an address of this machine"};

Error cannot_listen(const ListenAddress& address, int error_number) {
  BindFailure failure = k_other_failure;
  for (const BindFailure& known : k_bind_failures) {
    if (known.error_number == error_number) {
      failure = known;
    }
  }
  return make_error(ErrorKind::invalid_input, Action::fatal,
                    concat("cannot serve metrics on ", to_string(address), ": ", failure.advice),
                    failure.name);
}

void answer(httplib::Response& response, bool good, const std::string& reason) {
  response.status = good ? 200 : 503;
  response.set_content(good ? "ok\n" : reason + "\n", k_text);
}

}  // namespace

struct Server::Impl {
  explicit Impl(Handlers given) : handlers(std::move(given)) {}

  void configure();
  std::optional<Error> bind(const ListenAddress& address);
  void listen();
  void stop();

  Handlers handlers;
  httplib::Server http;
  std::uint16_t port = 0;
  std::atomic<bool> ended = false;
  std::thread thread;
};

void Server::Impl::configure() {
  http.new_task_queue = [] { return new httplib::ThreadPool(k_threads); };
  // The library asks for SO_REUSEPORT, with which two instances would share the port without a word, and a
  // scrape would see now the one and now the other.
  http.set_socket_options([](socket_t socket) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  // A connection kept alive would hold one of the two threads while it idles.
  http.set_keep_alive_max_count(1);
  http.set_keep_alive_timeout(k_patience_s);
  http.set_read_timeout(k_patience_s, 0);
  http.set_write_timeout(k_patience_s, 0);
  http.set_payload_max_length(k_body_bytes_max);

  http.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content(handlers.metrics(), k_prometheus_text);
  });
  http.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
    const Health health = handlers.health();
    answer(response, health.ok, health.reason);
  });
  http.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
    const Readiness readiness = handlers.ready();
    answer(response, readiness.ready, readiness.reason);
  });
  http.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    // Also asked after a 503 of ours, which has its text.
    if (response.status == 404 && response.body.empty()) {
      response.set_content(k_index, k_text);
    }
  });
  http.set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
        response.status = 500;
        response.set_content("the page could not be made\n", k_text);
      });
}

std::optional<Error> Server::Impl::bind(const ListenAddress& address) {
  errno = 0;  // the library reports only failure; errno is what its last system call left
  if (address.port == 0) {
    const int chosen = http.bind_to_any_port(address.host);
    if (chosen <= 0) {
      return cannot_listen(address, errno);
    }
    port = static_cast<std::uint16_t>(chosen);
    return std::nullopt;
  }
  if (!http.bind_to_port(address.host, address.port)) {
    return cannot_listen(address, errno);
  }
  port = address.port;
  return std::nullopt;
}

void Server::Impl::listen() {
  thread = std::thread([this] {
    http.listen_after_bind();
    ended = true;
  });
  // The library forgets a stop() that comes before its loop runs.
  while (!http.is_running() && !ended) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Server::Impl::stop() {
  if (thread.joinable()) {
    http.stop();
    thread.join();
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::start(const Options& options, Handlers handlers) {
  if (is_off(options.listen)) {
    return std::unique_ptr<Server>(new Server(nullptr));
  }
  Result<ListenAddress> address = parse_listen_address(options.listen);
  if (!address) {
    return std::move(address).error();
  }
  auto impl = std::make_unique<Impl>(std::move(handlers));
  impl->configure();
  if (std::optional<Error> error = impl->bind(*address)) {
    return *std::move(error);
  }
  impl->listen();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::stop() {
  if (impl_) {
    impl_->stop();
  }
}

std::uint16_t Server::bound_port() const {
  return impl_ ? impl_->port : 0;
}

}  // namespace penstock::admin
