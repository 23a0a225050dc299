// HTTP/1.1 requests on a Loop, over libcurl's multi interface.
//
// libcurl says which descriptors and which timer it waits for. The loop waits, and calls back. Nothing is
// retried here, with one exception, which is libcurl's: a request that a kept connection has not taken,
// because it died since its last use, is sent again on a new one. No redirect is followed.
//
// One thread, the loop's, makes every call, and every callback runs on it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "http/message.h"
#include "io/loop.h"

namespace penstock::http {

struct ClientOptions {
  // Requests on the way at one time, each on a connection of its own. Others wait in their order.
  std::uint32_t connections_max = 4;

  // Waiting requests. One more is refused (throttled, retry). Callers hold a slab for nearly every request,
  // so that a worker never has so many.
  std::uint32_t queued_max = 1024;

  // libcurl copies each byte of a body once, through a buffer of this size per connection (16 KiB to 2 MiB).
  std::size_t upload_buffer_bytes = std::size_t{512} * 1024;

  Duration connect_timeout = std::chrono::seconds{10};

  // A request that moves no byte in either direction for so long is given up (timed_out).
  Duration stall_timeout = std::chrono::seconds{30};

  // PEM. Empty: the system's.
  std::string ca_file{};

  // The ciphers in the order in which they are wanted, as OpenSSL takes them, of TLS 1.3 and of 1.2. Empty:
  // libcurl's own. A libcurl whose TLS is not OpenSSL's keeps its own in any case.
  std::string tls13_ciphers{};
  std::string tls12_ciphers{};

  std::string user_agent = "penstock";
};

// A Response of any status, or the Error of a transport that gave none.
using Done = std::function<void(Result<Response>)>;

class Client {
 public:
  // Errors: an option is out of its range (invalid_input); libcurl cannot be set up. The loop outlives the
  // client.
  static Result<std::unique_ptr<Client>> create(const ClientOptions& options, io::Loop& loop);

  // Cancels all that is on the way, and runs no `done`. May be called from within one.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `done` runs once, from the loop, never inside this call and never inside a call of libcurl. The memory of
  // the body is the caller's and stays as it is until then.
  void send(Request request, Done done);

  // Requests begun or waiting, whose `done` has not run.
  std::size_t pending() const;

 private:
  class Multi;
  explicit Client(std::shared_ptr<Multi> multi);

  std::shared_ptr<Multi> multi_;
};

}  // namespace penstock::http
