// HTTP/1.1 requests on a Loop, over libcurl's multi interface.
//
// libcurl says which descriptors and which timer it waits for; the loop waits, and calls back
// (curl_multi_socket_action). Nothing is retried here but what libcurl must: a request that a reused
// connection, dead since its last use, has not taken is sent again on a new one. No redirect is followed.
//
// One thread, the loop's, makes every call; every callback runs on it.
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
  // Requests on the way at one time, each on a connection of its own; others wait in their order.
  std::uint32_t connections_max = 4;
  // Waiting requests; one more is refused (throttled, retry). Callers hold a slab for nearly every request,
  // so that a worker never has so many.
  std::uint32_t queued_max = 1024;
  // libcurl copies each byte of a body once, through a buffer of this size a connection (16 KiB to 2 MiB).
  std::size_t upload_buffer_bytes = std::size_t{512} * 1024;
  Duration connect_timeout = std::chrono::seconds{10};
  // A request that moves no byte in either direction for so long is given up (timed_out).
  Duration stall_timeout = std::chrono::seconds{30};
  std::string ca_file{};  // PEM; empty: the system's
  std::string user_agent = "penstock";
};

// A Response of any status, or the Error of a transport that gave none.
using Done = std::function<void(Result<Response>)>;

class Client {
 public:
  // Error invalid_input: an option out of its range. The loop outlives the client.
  static Result<std::unique_ptr<Client>> create(const ClientOptions& options, io::Loop& loop);

  // Cancels all that is on the way, and runs none of its callbacks. May be called from within one.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `done` runs once, from the loop, never inside this call and never inside a call of libcurl.
  void send(Request request, Done done);

  // Requests begun or waiting, whose `done` has not run.
  std::size_t pending() const;

 private:
  class Multi;
  explicit Client(std::shared_ptr<Multi> multi);

  std::shared_ptr<Multi> multi_;
};

}  // namespace penstock::http
