// The other end of a connection to a server of bench/replay, with TLS or without.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::bench {

struct FreeSsl {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using ServerContext = std::unique_ptr<SSL_CTX, FreeSsl>;

// `identity`: a PEM file with a key and its certificate. Null: it holds none. Which cipher is used is left to
// the client.
inline ServerContext make_server_context(const std::string& identity) {
  ServerContext context(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_certificate_file(context.get(), identity.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), identity.c_str(), SSL_FILETYPE_PEM) != 1) {
    context.reset();
  }
  return context;
}

class Peer {
 public:
  // Takes the descriptor. Null: no TLS.
  Peer(int fd, SSL_CTX* context) : fd_(fd) {
    if (context != nullptr) {
      ssl_.reset(SSL_new(context));
      SSL_set_fd(ssl_.get(), fd);
    }
  }
  ~Peer() { ::close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  bool accept() { return ssl_ == nullptr || SSL_accept(ssl_.get()) == 1; }

  // Bytes received; 0 or less at the end.
  ssize_t receive(void* into, std::size_t size) {
    if (ssl_ == nullptr) {
      return ::recv(fd_, into, size, 0);
    }
    std::size_t got = 0;
    return SSL_read_ex(ssl_.get(), into, size, &got) == 1 ? static_cast<ssize_t>(got) : -1;
  }

  // Without TLS: MSG_TRUNC on a stream, the kernel drops the bytes. So this side costs as little as a
  // receiver can. What is encrypted has to be opened.
  bool drop(std::size_t bytes) {
    std::array<char, 16384> opened;
    while (bytes > 0) {
      const ssize_t got = ssl_ == nullptr ? ::recv(fd_, nullptr, bytes, MSG_TRUNC)
                                          : receive(opened.data(), std::min(bytes, opened.size()));
      if (got <= 0) {
        return false;
      }
      bytes -= static_cast<std::size_t>(got);
    }
    return true;
  }

  bool send_all(const std::string& text) {
    if (ssl_ == nullptr) {
      return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
    }
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
  }

  // "TLS_AES_128_GCM_SHA256", "none".
  std::string cipher() const { return ssl_ == nullptr ? "none" : SSL_get_cipher_name(ssl_.get()); }

 private:
  int fd_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

}  // namespace penstock::bench
