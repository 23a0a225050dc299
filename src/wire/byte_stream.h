// A connection to a server on the worker's loop, plain TCP or TLS, with one face for both.
//
// One thread: the loop's. No callback runs inside the call that asked for it, and none after close(). At most
// one send and one receive at a time, beside each other. The first error is the stream's last: every call
// under way and every later one gets it, and another stream has to be made.
//
// Memory. The kernel may read and write the bytes of a call until its `done` has run. close() runs no `done`,
// and returns at once, while the kernel may still hold on to them for a turn of the loop. Therefore a call
// takes an `owner` beside the bytes: what keeps them in place. The stream lets go of it when the kernel has
// let go of the bytes: before `done` runs, some time after close(), or when the loop is destroyed. A caller
// that gives no owner promises to keep the bytes in place, and not to use them for anything else, until
// `done` has run or the loop is gone.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "crypto/tls_context.h"
#include "io/loop.h"

namespace penstock::wire {

using Owner = std::shared_ptr<const void>;

class ByteStream {
 public:
  struct Options {
    // A name, or an IP address.
    std::string host;
    std::uint16_t port = 0;

    // Null: plain TCP.
    std::shared_ptr<const crypto::TlsContext> tls;

    // What the operator should look at when a server accepts the connection and then does not answer TLS.
    // Whoever knows which setting names the server says it here; it ends the message. May be empty.
    std::string late_handshake_advice{};

    // For each of: looking the name up, connecting (shared evenly by the host's addresses, which are tried in
    // turn), and the TLS handshake.
    Duration connect_timeout = std::chrono::seconds(10);

    // Set: nothing that was sent may arrive much later. The kernel gives the connection up when bytes are
    // unacknowledged for so long, and also resets it when this process dies.
    std::optional<Duration> unacknowledged_max{};
  };

  using Done = std::function<void(Result<void>)>;
  using Received = std::function<void(Result<std::size_t>)>;

  // `loop` outlives this.
  ByteStream(io::Loop& loop, Options options);

  // As close().
  ~ByteStream();

  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Once. Errors name host:port: `unavailable` and `timed_out` with `retry`; `fatal` where a person must do
  // something (the certificate, a port without TLS).
  void open(Done done);

  // After open() is done. All of `bytes` is with the kernel when `done` gets no error; after an error any
  // part of it may have reached the server.
  void send(Bytes bytes, Owner owner, Done done);

  // After open() is done. At least one byte, as many as are there; that the server closes the connection is
  // an error (`unavailable`, `retry`). Plain, the kernel writes straight into `into`. `into` is not empty.
  //
  // `sure` of bytes, from here on, come without anything more being asked of the server. The stream may then
  // sleep until a good part of them is there, and need not wake for every packet. 1 is always right.
  void receive_some(MutableBytes into, Owner owner, Received done, std::size_t sure = 1);

  // Ends everything, and does nothing to a closed stream. May be called by a callback. What was sent may
  // still arrive: the kernel repeats it in the background, for two minutes or so.
  void close();

  // The same, but the connection is reset: what the kernel has not delivered yet never arrives. The server is
  // not told in any other way.
  void abort();

 private:
  class Connection;

  const std::shared_ptr<Connection> connection_;
};

}  // namespace penstock::wire
