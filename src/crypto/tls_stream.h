// A TLS client without a socket: ciphertext in and out of memory, plaintext in and out of the caller's
// memory. Moving the ciphertext is the caller's part, so that any loop can do it.
//
//   for (;;) {
//     if (handshake() says done) break;
//     send outgoing(), then sent(n);
//     receive into incoming(), then received(n);
//   }
//   write(plaintext), send outgoing();  read(memory), and when it gives 0: receive into incoming()
//
// Reading and shaking hands may also leave something to be sent (what tells the peer of an error): look at
// outgoing() after every call. One thread at a time. After an error the stream can do no more than give
// outgoing(), which tells the peer.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "crypto/tls_context.h"
#include "crypto/tls_errors.h"

struct ssl_st;

namespace penstock::crypto {

// Ciphertext that is received at one time: eight records of TLS, of 16 KiB each. More would not stay in the
// cache.
inline constexpr std::size_t k_tls_incoming_bytes = std::size_t{128} << 10;

// One record with its header, in any version of TLS (RFC 8446, 5.2, and RFC 5246, 6.2.3). A stream whose
// read() gave 0 holds less than one of them.
inline constexpr std::size_t k_tls_record_bytes_max = 5 + (std::size_t{16} << 10) + 2048;

// Plaintext that one write() takes at most. What it becomes waits in outgoing().
inline constexpr std::size_t k_tls_write_bytes = std::size_t{64} << 10;

// Of a connection that stands.
struct TlsFacts {
  std::string protocol;  // "TLSv1.3"
  std::string cipher;    // "TLS_AES_256_GCM_SHA384"
  // The peer's, which was accepted.
  RefusedCertificate certificate;
};

class TlsStream {
 public:
  // `host`, a name or an IP address, is what the peer's certificate must be for; `name` (host:port) is for
  // messages.
  TlsStream(std::shared_ptr<const TlsContext> context, const std::string& host, std::string name);
  ~TlsStream();

  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // True when done. False: the peer's next bytes are needed. Errors: the certificate is refused, the peer
  // speaks no TLS or refuses ours (fatal); the handshake failed in a way that may pass (retry).
  Result<bool> handshake();

  // After handshake() (CHECK). How much of `plaintext` was taken: at least one byte, or 0 while outgoing() is
  // not sent.
  Result<std::size_t> write(Bytes plaintext);

  // After handshake() (CHECK). Fills `plaintext` with what is there. 0: more ciphertext is needed. Error:
  // broken, or closed by the peer.
  Result<std::size_t> read(MutableBytes plaintext);

  // What is to be sent. It stays where it is, whatever else is called, until sent() has taken it.
  Bytes outgoing();
  void sent(std::size_t count);

  // Where to receive to. It stays where it is until received(). It is never empty after read() gave 0.
  MutableBytes incoming();
  void received(std::size_t count);

  // After handshake() (CHECK).
  TlsFacts facts() const;

  // What to say if the peer closes the connection now.
  Error closed_by_peer() const;

 private:
  // OpenSSL's callbacks.
  struct Glue;
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  struct Buffer {
    std::vector<std::byte> memory;
    // [first, last) is filled.
    std::size_t first = 0;
    std::size_t last = 0;
  };

  bool set_host(const std::string& host);
  Error broken(int result, const char* doing);

  const std::shared_ptr<const TlsContext> context_;
  const TlsPeer peer_;
  RefusedCertificate refused_;
  bool host_is_checked_ = false;
  // The handshake is done.
  bool open_ = false;
  std::optional<Error> failure_;

  Buffer incoming_;
  // One is sent while the other, `filling_`, is filled.
  std::array<Buffer, 2> outgoing_;
  std::size_t filling_ = 0;

  // The last member, because it refers to the rest.
  std::unique_ptr<ssl_st, Free> ssl_;
};

}  // namespace penstock::crypto
