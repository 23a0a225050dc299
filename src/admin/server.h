// The admin server: what a monitoring system and an orchestrator ask a running instance, over HTTP.
//
//   GET /             200, the status page (src/admin/page), which asks for the next
//   GET /api/status   200, JSON
//   GET /metrics      200, Prometheus text 0.0.4
//   GET /healthz      200 ok, or 503 and the reason: false means that a restart would help
//   GET /readyz       200 ok, or 503 and the reason: false while starting and draining
//   anything else     404 and this list
//
// HEAD is answered as GET, without the body. Every other method is refused. Each connection is for one
// request.
//
// Where there is a token, whoever does not show it gets 401, but for the probes (Options::open_probes). Where
// there is none, the page and its JSON are for requests to an address or to localhost: 421 otherwise.
//
// No TLS: it listens on loopback unless told otherwise, and tells no secrets. It has one thread of its own
// and touches no worker; the handlers run on that thread and must be safe there.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"

namespace penstock::admin {

// Connections at a time. The one that comes beyond them takes the place of the oldest.
inline constexpr std::size_t k_connections_max = 32;

struct Options {
  // host:port. Port 0: any that is free. "" or "none": no server.
  std::string listen = "127.0.0.1:9464";

  // From the moment a connection is accepted to the moment it is closed, whatever the client does.
  Duration connection_max = std::chrono::seconds(5);

  // What clients must show, as it is now: it is asked for each request. Empty, or an empty text: nothing.
  std::function<std::string()> token{};

  // The probes are answered without it.
  bool open_probes = true;
};

struct Health {
  bool ok = true;

  // Why not, as a sentence.
  std::string reason;
};

struct Readiness {
  bool ready = true;

  // Why not, as a sentence. When it is ready: a note behind the "ok", or empty.
  std::string reason;
};

// What the pages say. Called on the server's thread, one at a time. An exception becomes a 500.
struct Handlers {
  std::function<std::string()> metrics;
  std::function<Health()> health;
  std::function<Readiness()> ready;
  // JSON, of /api/status. Empty: there is neither that path nor the page.
  std::function<std::string()> status{};
};

class Server {
 public:
  // Listens when it returns. An error names the address and what to do: it does not parse, it is taken, it is
  // not this machine's, its port is reserved. When off: a server that does nothing.
  static Result<std::unique_ptr<Server>> start(const Options& options, Handlers handlers);

  // Stops.
  ~Server();

  // No handler runs any more when it returns, and every connection is closed, answered or not. It waits for a
  // handler that is running, and for no client. May be called again.
  void stop();

  // 0 when off.
  std::uint16_t bound_port() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  // Null when off.
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::admin
