// A connection to one broker: TCP or TLS, ApiVersions, SASL, then requests, one in flight at a time.
//
//   closed ──request()──► opening ──► ready ──► (a request in flight) ──► ready ...
//      ▲                     │                          │
//      └─────────────────────┴── any failure ───────────┘   every request that waits fails with it
//
// It opens itself for a request and stays open. It never tries again by itself: whether and when is the
// caller's policy. There is one exception: a broker that closes on ApiVersions v3 is connected to again at
// once and asked with v0, because a caller that throws failed connections away would never get there. One
// thread, that of the loop.
//
// A connection that ends while a request is without its answer is reset, so that the kernel does not deliver
// the request after the caller has given it up.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/clock.h"
#include "crypto/tls_files.h"
#include "io/loop.h"
#include "wire/api.h"
#include "wire/byte_stream.h"
#include "wire/byte_writer.h"
#include "wire/receive_buffer.h"
#include "wire/sasl.h"

namespace penstock::wire {

// Who we are to a broker.
struct BrokerAccess {
  std::string client_id;

  // Null: plaintext. Of the loop's thread: a connection that is opened takes the newest files.
  std::shared_ptr<crypto::TlsFiles> tls;

  // Asked at every login, because a token may be new. Empty: there is no SASL. Its error fails the
  // connection.
  std::function<Result<SaslCredential>()> credential;

  // Told the secret of a credential that a broker has refused, so that the next login has another one. May be
  // empty.
  std::function<void(const std::string& secret)> refused{};
};

// Why a request has no response, for code that decides; the words for people are in Reply::error.
enum class Failure : std::uint8_t {
  // There is a response.
  none,
  // The connection could not be opened, broke, or was closed. Login and certificate belong here too.
  connection,
  // Opening, or the whole response, took longer than it may.
  timed_out,
  // The broker announced a response above Options::response_bytes_max.
  response_too_large,
  // This broker has no version of the request that we speak. The connection stays open.
  unsupported,
};

struct Reply {
  Failure failure = Failure::none;

  // Set if and only if `failure` is not none. An error code inside a response is not here: the caller reads
  // it.
  std::optional<Error> error;

  // With an error: whether the broker may have seen the request, so that its outcome is unknown.
  bool sent = false;

  // In which version the request was written, and the response is to be read.
  std::int16_t version = 0;

  // Lies in Request::into until that is cleared. Without an `into` it is valid during the call only.
  Bytes body;
};

struct Request {
  ApiKey api{};

  // The highest common version is taken, but none above this.
  std::int16_t version_max = INT16_MAX;

  // Appends the body in this version. Runs once, when the request is sent, which may be many turns after
  // request().
  std::function<void(Buffer&, std::int16_t version)> encode;

  // From the sending of this request to its whole response. The time in the queue and the opening do not
  // count.
  Duration timeout{};

  // Where to receive to. Null: the connection's own buffer, which is meant for small responses. After an
  // error the kernel may write to it for one more turn: give the next request another one.
  std::shared_ptr<ReceiveBuffer> into;

  // Runs once, never inside request(). May destroy the connection.
  std::function<void(const Reply&)> done;
};

class BrokerConnection {
 public:
  struct Options {
    std::string host;
    std::uint16_t port = 0;
    BrokerAccess access;

    // For the name, TCP, TLS, ApiVersions and SASL together.
    Duration open_timeout = std::chrono::seconds(15);

    std::size_t response_bytes_max = std::size_t{17} << 20;

    // Set: a request that is given up never reaches the broker later than this after its sending, but for
    // what lies in the broker's own buffers. That of ByteStream::Options.
    std::optional<Duration> unacknowledged_max{};

    // A connection that is often idle listens meanwhile, so that it knows before the next request that the
    // broker has closed it. Its requests have no `into`.
    bool listens_when_idle = false;
  };

  // `loop` and `clock` outlive it.
  BrokerConnection(io::Loop& loop, const Clock& clock, Options options);

  // No `done` runs any more.
  ~BrokerConnection();

  BrokerConnection(const BrokerConnection&) = delete;
  BrokerConnection& operator=(const BrokerConnection&) = delete;

  // Takes its place behind the requests before it, however many: their number is the caller's to bound.
  void request(Request request);

  // Every request that waits is told this error before the call returns, also the one that was sent. Closes;
  // a later request opens again.
  void close(const Error& error);

  // Nothing waits and nothing is in flight.
  bool idle() const { return queue_.empty(); }

  // Connected and logged in.
  bool ready() const { return state_ == State::ready; }

  // What the broker has said that it speaks, the last time that it was asked; also after a login that failed.
  // Offers nothing, not even ApiVersions, before.
  const ApiVersions& versions() const { return versions_; }

  // "host:port".
  const std::string& name() const { return name_; }

 private:
  enum class State : std::uint8_t { closed, opening, ready };

  void open();
  void open_stream();
  void ask_versions(std::int16_t version);
  void on_versions(std::int16_t version, Bytes body);
  void log_in();
  void on_handshake(std::int16_t version, Bytes body);
  void authenticate(const Buffer& message);
  void on_authenticated(std::int16_t version, Bytes body);
  void refused(Error error);
  void logged_in(std::int64_t session_lifetime_ms);

  // Brings the front of the queue one step further: opens, logs in again, or sends it.
  void pump();
  void pump_later();
  void send_front();
  void on_answer(std::int16_t version, Bytes body);

  // Sends one request and receives its response into `into`; `got` runs with the body. Any failure closes.
  void exchange(ApiKey api, std::int16_t version, const std::function<void(Buffer&)>& encode,
                std::shared_ptr<ReceiveBuffer> into, std::function<void(Bytes body)> got);
  // `sure`: see ByteStream::receive_some().
  void receive(std::size_t sure = 1);
  void take_response();
  void on_stream_error(Error error);
  void drop_stream();
  void listen_if_idle();
  void hang_up();
  void on_bytes(std::size_t count);
  void fail(Error error, Failure failure = Failure::connection);
  std::string_view why_it_may_close() const;
  void fail_unasked();
  Error of_this_broker(Error error) const;
  void start_deadline(Duration after, const std::string& doing);

  io::Loop& loop_;
  const Clock& clock_;
  const Options options_;
  const std::string name_;

  State state_ = State::closed;
  std::unique_ptr<ByteStream> stream_;
  ApiVersions versions_;
  // The broker does not know ApiVersions v3: from now on it is asked with v0.
  bool ask_lowest_ = false;
  // v3 was asked and is not answered yet.
  bool asking_versions_ = false;
  std::optional<MonoTime> reauthenticate_at_;
  std::optional<SaslClient> login_;

  std::deque<Request> queue_;
  bool front_sent_ = false;
  bool pumping_ = false;
  MonoTime last_used_{};

  std::shared_ptr<Buffer> out_ = std::make_shared<Buffer>();
  std::int32_t correlation_id_ = 0;
  // What was asked last, which says how the header of its response is read.
  ApiKey asked_api_{};
  std::int16_t asked_version_ = 0;
  std::shared_ptr<ReceiveBuffer> own_;
  std::shared_ptr<ReceiveBuffer> into_;
  // Empty: nothing was asked.
  std::function<void(Bytes)> got_;
  bool receiving_ = false;
  bool sending_ = false;
  // The whole response is here before all of the request had left.
  bool answered_ = false;
  // A request of the owner's was answered on this connection.
  bool answered_once_ = false;
  io::TimerId deadline_ = io::TimerId::none;
  Alive alive_;
};

}  // namespace penstock::wire
