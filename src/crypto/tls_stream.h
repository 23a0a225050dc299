// A TLS client without a socket: ciphertext in and out of memory, plaintext in and out of the caller's memory.
// Who moves the ciphertext is another's business, so that any loop can.
//
//   for (;;) {
//     if (handshake() says done) break;
//     send outgoing(), then sent(n);
//     receive into incoming(), then received(n);
//   }
//   write(plaintext), send outgoing();  read(memory), and when it gives 0: receive into incoming()
//
// Reading and shaking hands may also leave something to be sent (what tells the peer of an error): look at
// outgoing() after every call. One thread at a time. After an error the stream can do no more than give outgoing(),
// which tells the peer.
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

// Ciphertext that is received at one time: eight records of TLS. More would leave the cache.
inline constexpr std::size_t k_tls_incoming_bytes = std::size_t{128} << 10;

// Plaintext that one write() takes: what it becomes waits in outgoing().
inline constexpr std::size_t k_tls_write_bytes = std::size_t{64} << 10;

class TlsStream {
 public:
  // `host`, a name or an IP address, is what the peer's certificate must be for; `name` (host:port) is for
  // messages.
  TlsStream(std::shared_ptr<const TlsContext> context, const std::string& host, std::string name);
  ~TlsStream();

  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // True when done; else the peer's next bytes are needed.
  Result<bool> handshake();

  // How much of `plaintext` was taken, at least one byte; 0 while the outgoing is not sent. After handshake().
  Result<std::size_t> write(Bytes plaintext);

  // Fills `plaintext` with what is there; 0: more ciphertext is needed. Error: broken, or closed by the peer.
  Result<std::size_t> read(MutableBytes plaintext);

  // What is to be sent: stays where it is, whatever else is called, until sent() has taken it.
  Bytes outgoing();
  void sent(std::size_t count);

  // Where to receive to: stays where it is until received(). Never empty after read() gave 0.
  MutableBytes incoming();
  void received(std::size_t count);

  // What it means that the peer closes the connection now.
  Error closed_by_peer() const;

 private:
  struct Glue;  // OpenSSL's callbacks
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  struct Buffer {
    std::vector<std::byte> memory;
    std::size_t first = 0;  // [first, last) is filled
    std::size_t last = 0;
  };

  bool set_host(const std::string& host);
  Error broken(int result, const char* doing);

  const std::shared_ptr<const TlsContext> context_;
  const TlsPeer peer_;
  RefusedCertificate refused_;
  bool host_is_checked_ = false;
  bool open_ = false;             // the handshake is done
  std::optional<Error> failure_;  // for ever

  Buffer incoming_;
  std::array<Buffer, 2> outgoing_;  // one is sent while the other is filled
  std::size_t filling_ = 0;

  std::unique_ptr<ssl_st, Free> ssl_;  // last: it refers to the rest
};

}  // namespace penstock::crypto
