// An HTTP server for tests, on 127.0.0.1: one thread per connection, blocking sockets, TLS if it is given a
// context. It answers what the script says, one step per request in the order of their arrival, and keeps
// what it received.
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/unique_fd.h"
#include "io/signals_blocked.h"
#include "unit/crypto/certificates.h"

namespace penstock::test {

struct Received {
  std::string line;                            // "PUT /lake/a.txt HTTP/1.1"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct Step {
  std::string answer;                      // the bytes to send
  std::size_t body_bytes_read = SIZE_MAX;  // how much of the request's body is read first
  enum class Then : std::uint8_t { keep_open, close, hold } then = Then::keep_open;
};

inline std::string response(std::string_view status, std::string_view headers = "",
                            std::string_view body = "") {
  return "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}
inline Step answers(std::string_view status, std::string_view headers = "", std::string_view body = "") {
  return {response(status, headers, body)};
}

class ScriptServer {
 public:
  // Without a step left every request is answered "201 Created".
  explicit ScriptServer(std::vector<Step> script = {}, SSL_CTX* tls = nullptr)
      : tls_(tls), script_(script.begin(), script.end()) {
    const io::SignalsBlocked without_sigpipe;  // OpenSSL writes to one who has left; the threads inherit it
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* name = reinterpret_cast<sockaddr*>(&address);
    CHECK(::bind(listener_.get(), name, size) == 0);
    CHECK(::listen(listener_.get(), 64) == 0);
    CHECK(::getsockname(listener_.get(), name, &size) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~ScriptServer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      ::shutdown(listener_.get(), SHUT_RDWR);
      for (const int fd : open_) {
        ::shutdown(fd, SHUT_RDWR);
      }
    }
    stopped_.notify_all();
    acceptor_.join();
    for (std::thread& thread : connections_) {
      thread.join();
    }
  }
  ScriptServer(const ScriptServer&) = delete;
  ScriptServer& operator=(const ScriptServer&) = delete;

  std::string url(std::string_view path = "") const {
    return std::string(tls_ != nullptr ? "https" : "http") + "://127.0.0.1:" + std::to_string(port_) +
           std::string(path);
  }
  std::vector<Received> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  std::size_t connection_count() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }
  // TLS handshakes that went on with an earlier session.
  std::size_t resumed_count() const {
    const std::lock_guard lock(mutex_);
    return resumed_count_;
  }

 private:
  struct Peer {
    int fd;
    crypto::Ssl ssl;

    ssize_t receive(char* to, std::size_t size) const {
      return ssl ? SSL_read(ssl.get(), to, static_cast<int>(size)) : ::recv(fd, to, size, 0);
    }
    ssize_t send(const std::string& text) const {
      return ssl ? SSL_write(ssl.get(), text.data(), static_cast<int>(text.size()))
                 : ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    }
  };

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex_);
      if (fd < 0 || stopping_) {
        if (fd >= 0) {
          ::close(fd);
        }
        return;
      }
      open_.push_back(fd);
      connections_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    Peer peer{.fd = fd, .ssl = nullptr};
    if (tls_ == nullptr || handshake(peer)) {
      std::string buffer;
      while (serve_one(peer, buffer)) {
      }
    }
    if (peer.ssl) {
      SSL_shutdown(peer.ssl.get());
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }

  bool handshake(Peer& peer) {
    peer.ssl.reset(SSL_new(tls_));
    SSL_set_fd(peer.ssl.get(), peer.fd);
    if (SSL_accept(peer.ssl.get()) != 1) {
      return false;
    }
    const std::lock_guard lock(mutex_);
    resumed_count_ += SSL_session_reused(peer.ssl.get()) != 0 ? 1 : 0;
    return true;
  }

  // Reads until `buffer` has `bytes`; false at the connection's end.
  static bool fill(const Peer& peer, std::string& buffer, std::size_t bytes) {
    char chunk[65536];
    while (buffer.size() < bytes) {
      const ssize_t got = peer.receive(chunk, std::min(sizeof chunk, bytes - buffer.size()));
      if (got <= 0) {
        return false;
      }
      buffer.append(chunk, static_cast<std::size_t>(got));
    }
    return true;
  }

  static Received parse_head(std::string_view head) {
    Received request;
    request.line = head.substr(0, head.find("\r\n"));
    for (std::size_t at = request.line.size() + 2; at < head.size();) {
      const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
      at += line.size() + 2;
      if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
        std::string name{line.substr(0, colon)};
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        const std::size_t first = line.find_first_not_of(' ', colon + 1);
        request.headers[name] = first == std::string_view::npos ? "" : line.substr(first);
      }
    }
    return request;
  }

  Step next_step() {
    const std::lock_guard lock(mutex_);
    if (script_.empty()) {
      return answers("201 Created");
    }
    Step step = std::move(script_.front());
    script_.pop_front();
    return step;
  }

  // One request and its answer; false when the connection is to be closed.
  bool serve_one(const Peer& peer, std::string& buffer) {
    std::size_t head_end = std::string::npos;
    while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
      if (!fill(peer, buffer, buffer.size() + 1)) {
        return false;
      }
    }
    Received request = parse_head(std::string_view(buffer).substr(0, head_end));
    buffer.erase(0, head_end + 4);
    std::size_t length = 0;
    const std::string& text = request.headers["content-length"];
    std::from_chars(text.data(), text.data() + text.size(), length);
    const Step step = next_step();
    const bool complete = fill(peer, buffer, std::min(length, step.body_bytes_read));
    request.body = buffer.substr(0, std::min(length, step.body_bytes_read));
    buffer.erase(0, request.body.size());
    {
      const std::lock_guard lock(mutex_);
      received_.push_back(std::move(request));
    }
    if (!complete || peer.send(step.answer) < 0) {
      return false;
    }
    if (step.then == Step::Then::hold) {
      std::unique_lock lock(mutex_);
      stopped_.wait(lock, [this] { return stopping_; });
    }
    return step.then == Step::Then::keep_open;
  }

  SSL_CTX* tls_;
  std::size_t resumed_count_ = 0;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::deque<Step> script_;
  std::vector<Received> received_;
  std::vector<int> open_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace penstock::test
