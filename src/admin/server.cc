// How it works. One thread polls the listening socket and at most k_connections_max connections, and never
// waits for any of them. A connection is in one of three states:
//
//   reading   until the head of the request is there, at most k_head_bytes_max
//   writing   the answer, which is made at once and whole
//   draining  the answer is sent and our side closed; what the client still sends is read and dropped,
//             because a socket that is closed over unread bytes resets the connection, and takes the answer
//             with it
//
// What a client can cost is bounded in each of them: Options::connection_max in time over all three,
// k_head_bytes_max and k_drained_bytes_max in what is read, k_answers_bytes_max in what is kept for sending.
//
// Worked case: 64 clients send a byte a second, and an orchestrator probes /healthz.
//
//   1. Of the 64 the first 32 are accepted. The 33rd takes the place of the first, and so on: 32 are left.
//   2. The probe comes and takes the place of the oldest. Its request is read and answered in the next turn.
//   3. After 5 s the last of the 64 is closed, for all that it has sent something in each second.
//
// Many that come at once do not push each other out before they were looked at: only k_accepted_per_turn are
// accepted before the others are looked at again.
#include "admin/server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "admin/access.h"
#include "admin/http_text.h"
#include "admin/listen_address.h"
#include "admin/listen_socket.h"
#include "admin/page_files.h"
#include "base/concat.h"
#include "base/unique_fd.h"

namespace penstock::admin {
namespace {

constexpr std::size_t k_accepted_per_turn = 8;

// When the system has no descriptor or memory for one more connection.
constexpr Duration k_pause_after_failure = std::chrono::milliseconds(100);

// What a client that was refused may still have had on the way.
constexpr std::size_t k_drained_bytes_max = 65536;

// Answers of which something is unsent, together: a page of /metrics takes some 400 bytes a partition.
constexpr std::size_t k_answers_bytes_max = std::size_t{8} << 20;

constexpr std::string_view k_text = "text/plain; charset=utf-8";
constexpr std::string_view k_prometheus_text = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view k_json = "application/json";
constexpr const char* k_index = "not found; there are\n/\n/api/status\n/metrics\n/healthz\n/readyz\n";

// What a browser may do with an answer: nothing from elsewhere, nothing inline, in no frame, and keep none.
constexpr std::string_view k_browser_headers =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n";

// Basic, since browsers ask for it: with any user name, and the token as the password.
constexpr std::string_view k_challenge = "WWW-Authenticate: Basic realm=\"penstock\", charset=\"UTF-8\"\r\n";

struct Connection {
  UniqueFd fd;  // not valid: it is over
  MonoTime closed_at_latest;
  std::string received;
  std::string answer;
  std::size_t sent = 0;
  std::size_t drained = 0;

  bool reading() const { return answer.empty(); }
  bool writing() const { return sent < answer.size(); }
  void close() { *this = {}; }
};

Answer verdict(bool good, const std::string& reason) {
  const std::string note = reason.empty() ? "" : ": " + reason;
  return {.status = good ? 200 : 503, .content_type = k_text, .body = (good ? "ok" + note : reason) + "\n"};
}

bool is_probe(std::string_view path) {
  return path == "/healthz" || path == "/readyz";
}

int milliseconds_until(MonoTime time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - system_clock().now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

}  // namespace

struct Server::Impl {
  Impl(const Options& given_options, Handlers given)
      : connection_max(given_options.connection_max),
        token(given_options.token),
        open_probes(given_options.open_probes),
        handlers(std::move(given)) {}

  void serve();
  void turn();
  void accept_some();
  void advance(Connection& connection);
  void receive(Connection& connection);
  void send(Connection& connection);
  void drain(Connection& connection);
  void drop_old_answers(const Connection& newest);
  std::optional<Answer> refusal_of(const Request& request) const;
  Answer page_of(std::string_view path) const;
  Answer answer_to(const Request& request) const;
  void stop();

  const Duration connection_max;
  const std::function<std::string()> token;
  const bool open_probes;
  const Handlers handlers;
  ListenSocket listener;
  UniqueFd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<bool> stopping = false;
  std::thread thread;

  // The thread's own.
  std::list<Connection> connections;  // the oldest first
  std::optional<MonoTime> accept_again;
  std::vector<pollfd> polled;
};

void Server::Impl::serve() {
  pthread_setname_np(pthread_self(), "penstock-admin");
  while (!stopping) {
    turn();
  }
  connections.clear();
  listener.fd.reset();
}

// Waits until something can be done, and does it.
void Server::Impl::turn() {
  MonoTime next = connections.empty() ? MonoTime::max() : connections.front().closed_at_latest;
  next = std::min(next, accept_again.value_or(MonoTime::max()));
  polled.clear();
  polled.push_back({wake.get(), POLLIN, 0});
  polled.push_back({listener.fd.get(), static_cast<short>(accept_again ? 0 : POLLIN), 0});
  for (const Connection& connection : connections) {
    polled.push_back({connection.fd.get(), static_cast<short>(connection.writing() ? POLLOUT : POLLIN), 0});
  }
  const int ready =
      ::poll(polled.data(), polled.size(), next == MonoTime::max() ? -1 : milliseconds_until(next));
  const MonoTime now = system_clock().now();
  std::size_t at = 2;
  for (Connection& connection : connections) {
    const bool moved = ready > 0 && polled[at++].revents != 0;
    if (now >= connection.closed_at_latest) {
      connection.close();
    } else if (moved && connection.fd.valid()) {
      advance(connection);
    }
  }
  connections.remove_if([](const Connection& connection) { return !connection.fd.valid(); });
  if (accept_again && now >= *accept_again) {
    accept_again.reset();
  }
  if (ready > 0 && polled[1].revents != 0) {
    accept_some();
  }
}

void Server::Impl::accept_some() {
  for (std::size_t i = 0; i < k_accepted_per_turn; ++i) {
    UniqueFd fd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        accept_again = system_clock().now() + k_pause_after_failure;
      }
      return;
    }
    if (connections.size() == k_connections_max) {
      connections.pop_front();
    }
    Connection& connection = connections.emplace_back();
    connection.fd = std::move(fd);
    connection.closed_at_latest = system_clock().now() + connection_max;
  }
}

void Server::Impl::advance(Connection& connection) {
  if (connection.reading()) {
    receive(connection);
  }
  if (connection.writing()) {
    send(connection);
  } else if (!connection.reading()) {
    drain(connection);
  }
}

void Server::Impl::receive(Connection& connection) {
  std::array<char, k_head_bytes_max> part;
  const std::size_t room = part.size() - connection.received.size();
  const ssize_t n = ::recv(connection.fd.get(), part.data(), room, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (n <= 0) {
    connection.close();
    return;
  }
  connection.received.append(part.data(), static_cast<std::size_t>(n));
  const Request request = read_request(connection.received);
  if (request.state == Request::State::unfinished) {
    return;
  }
  connection.answer = write_answer(answer_to(request), request.head_only);
  connection.received = {};
  drop_old_answers(connection);
}

void Server::Impl::send(Connection& connection) {
  const ssize_t n = ::send(connection.fd.get(), connection.answer.data() + connection.sent,
                           connection.answer.size() - connection.sent, MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (n < 0) {
    connection.close();
    return;
  }
  connection.sent += static_cast<std::size_t>(n);
  if (!connection.writing()) {
    ::shutdown(connection.fd.get(), SHUT_WR);
  }
}

void Server::Impl::drain(Connection& connection) {
  std::array<char, k_head_bytes_max> part;
  const ssize_t n = ::recv(connection.fd.get(), part.data(), part.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  connection.drained += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  if (n <= 0 || connection.drained >= k_drained_bytes_max) {
    connection.close();
  }
}

// Readers that are slow must not pile up pages.
void Server::Impl::drop_old_answers(const Connection& newest) {
  std::size_t bytes = 0;
  for (auto connection = connections.rbegin(); connection != connections.rend(); ++connection) {
    bytes += connection->answer.size();
    if (bytes > k_answers_bytes_max && &*connection != &newest) {
      bytes -= connection->answer.size();
      connection->close();
    }
  }
}

// Whether the client may ask so. Who shows no token learns nothing of which paths there are.
std::optional<Answer> Server::Impl::refusal_of(const Request& request) const {
  if (is_probe(request.path) && open_probes) {
    return std::nullopt;
  }
  const std::string expected = token ? token() : std::string();
  if (!expected.empty() && !shows_token(request.authorization, expected)) {
    return Answer{
        .status = 401,
        .content_type = k_text,
        .body = "show admin.token of the configuration: as Authorization: Bearer, or as a password\n",
        .headers = k_challenge};
  }
  const bool is_for_browsers = request.path != "/metrics" && !is_probe(request.path);
  if (expected.empty() && is_for_browsers && !names_an_address(request.host)) {
    return Answer{.status = 421,
                  .content_type = k_text,
                  .body = "ask by an address or as localhost: without admin.token no other name is served\n"};
  }
  return std::nullopt;
}

Answer Server::Impl::page_of(std::string_view path) const {
  if (path == "/metrics") {
    return {.status = 200, .content_type = k_prometheus_text, .body = handlers.metrics()};
  }
  if (path == "/healthz") {
    const Health health = handlers.health();
    return verdict(health.ok, health.reason);
  }
  if (path == "/readyz") {
    const Readiness readiness = handlers.ready();
    return verdict(readiness.ready, readiness.reason);
  }
  if (handlers.status && path == "/api/status") {
    return {.status = 200, .content_type = k_json, .body = handlers.status(), .headers = k_browser_headers};
  }
  const PageFile* file = handlers.status ? page_file(path) : nullptr;
  if (file != nullptr) {
    return {.status = 200,
            .content_type = file->content_type,
            .body = std::string(file->text),
            .headers = k_browser_headers};
  }
  return {.status = 404, .content_type = k_text, .body = k_index};
}

Answer Server::Impl::answer_to(const Request& request) const {
  if (request.state == Request::State::refused) {
    return {.status = request.status,
            .content_type = k_text,
            .body = "the request was not understood; try GET /metrics\n"};
  }
  try {
    const std::optional<Answer> refusal = refusal_of(request);
    return refusal ? *refusal : page_of(request.path);
  } catch (...) {
    return {.status = 500, .content_type = k_text, .body = "the page could not be made\n"};
  }
}

void Server::Impl::stop() {
  if (thread.joinable()) {
    stopping = true;
    ::eventfd_write(wake.get(), 1);
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
  Result<ListenSocket> socket = open_listen_socket(*address);
  if (!socket) {
    return std::move(socket).error();
  }
  auto impl = std::make_unique<Impl>(options, std::move(handlers));
  impl->listener = std::move(socket).value();
  impl->thread = std::thread([impl = impl.get()] { impl->serve(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::stop() {
  if (impl_) {
    impl_->stop();
  }
}

std::uint16_t Server::bound_port() const {
  return impl_ ? impl_->listener.port : 0;
}

}  // namespace penstock::admin
