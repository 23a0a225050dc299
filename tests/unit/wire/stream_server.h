// A server on 127.0.0.1 for one connection, on a thread of its own, with or without TLS.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/types.h"
#include "base/unique_fd.h"
#include "io/signals_blocked.h"
#include "unit/crypto/certificates.h"

namespace penstock::wire {

// The server's end of a connection: blocks, but not for ever.
class ServerEnd {
 public:
  ServerEnd(UniqueFd fd, SSL_CTX* tls) : fd_(std::move(fd)) {
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (tls != nullptr) {
      ssl_.reset(SSL_new(tls));
      SSL_set_fd(ssl_.get(), fd_.get());
      SSL_accept(ssl_.get());
    }
  }

  // 0 at the end.
  std::size_t read(MutableBytes bytes) {
    std::size_t got = 0;
    if (ssl_ != nullptr) {
      return SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &got) == 1 ? got : 0;
    }
    const ssize_t result = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    return result > 0 ? static_cast<std::size_t>(result) : 0;
  }

  // False if the client has left.
  bool write(Bytes bytes) {
    std::size_t put = 0;
    if (ssl_ != nullptr) {
      return bytes.empty() || SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &put) == 1;
    }
    while (!bytes.empty()) {
      const ssize_t result = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (result <= 0) {
        return false;
      }
      bytes = bytes.subspan(static_cast<std::size_t>(result));
    }
    return true;
  }

  std::string read_exactly(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t filled = 0; filled < size;) {
      const std::size_t got = read(std::as_writable_bytes(std::span(text)).subspan(filled));
      if (got == 0) {
        return text.substr(0, filled);
      }
      filled += got;
    }
    return text;
  }

  // What write_text() would put on the wire, for write_raw() to send in pieces.
  std::string sealed(std::string_view text) {
    if (ssl_ == nullptr) {
      return std::string(text);
    }
    BIO* const socket = SSL_get_wbio(ssl_.get());
    BIO_up_ref(socket);
    BIO* const memory = BIO_new(BIO_s_mem());
    SSL_set0_wbio(ssl_.get(), memory);
    write_text(text);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(memory, &bytes);
    std::string ciphertext(bytes, static_cast<std::size_t>(size));
    SSL_set0_wbio(ssl_.get(), socket);
    return ciphertext;
  }

  bool write_raw(std::string_view bytes) {
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }

  bool write_text(std::string_view text) { return write(as_bytes(text)); }

  // Until the client has left. 0: in the orderly way; else the error by which it was noticed, such as
  // ECONNRESET. What it sent is passed over, with TLS as it comes off the wire.
  int how_it_ended() {
    char ignored[4096];
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), ignored, sizeof(ignored), 0);
      if (got <= 0) {
        return got == 0 ? 0 : errno;
      }
    }
  }

  // Until the client has left.
  void wait_for_end() {
    char ignored[4096];
    while (read(std::as_writable_bytes(std::span(ignored))) > 0) {
    }
  }

 private:
  UniqueFd fd_;
  crypto::Ssl ssl_;
};

class StreamServer {
 public:
  // `tls` null: plain.
  StreamServer(SSL_CTX* tls, std::function<void(ServerEnd&)> serve) : listener_(listening(port_)) {
    const io::SignalsBlocked without_sigpipe;  // OpenSSL writes to one who has left; the thread inherits it
    thread_ = std::thread([this, tls, serve = std::move(serve)] {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (fd.valid()) {
        ServerEnd end(std::move(fd), tls);
        serve(end);
      }
    });
  }
  ~StreamServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);  // ends an accept that nobody came for
    thread_.join();
  }

  std::uint16_t port() const { return port_; }

  static UniqueFd listening(std::uint16_t& port, int backlog = 4) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(fd.get(), backlog), 0);
    EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port = ntohs(address.sin_port);
    return fd;
  }

 private:
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  std::thread thread_;
};

}  // namespace penstock::wire
