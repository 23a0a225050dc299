// How it works. One request is in flight at a time, the front of queue_. Every step ends in one exchange(): a
// frame goes out, a frame comes back, `got_` takes its body. ApiVersions and the SASL messages are exchanges
// too, which the connection makes for itself before the first request.
//
// An example: a Fetch on a closed connection to a broker with SCRAM.
//
//   1. request() queues it and defers pump(), so that nothing is called back inside the call.
//   2. pump() finds the state closed: it starts the deadline for opening and the stream.
//   3. ApiVersions v3. An answer that says 35, cannot be read, or is a closed connection: once more with v0.
//   4. SaslHandshake, then SaslAuthenticate until SaslClient has no more to say.
//   5. logged_in() sets `ready` and pumps: the Fetch is sent, and the deadline is its own timeout now.
//   6. The response grows in `into` until it is as long as its first 4 bytes say. Then `done` runs.
//
// The first error in any step goes to fail(). It drops the stream and tells every request in the queue. Only
// the front can have been sent, so only the front is told `sent`: for a commit this means that its outcome is
// unknown.
//
// Three races, and the rules that prevent them:
//
//   - `done` may destroy the connection, or ask the next thing. So the request is out of the queue before its
//     `done` runs, and nothing of `this` is touched afterwards unless alive_ says so.
//   - A stream that is dropped may leave its memory with the kernel for one more turn. So what comes next
//     gets new memory (drop_stream()).
//   - A response may be whole before the send of its request is reported done. It waits in answered_, because
//     out_ must not be written to while the kernel reads it.
#include "wire/broker_connection.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "wire/api_versions.h"
#include "wire/broker_errors.h"
#include "wire/frame.h"
#include "wire/sasl_messages.h"

namespace penstock::wire {
namespace {

// Responses without records: metadata of a thousand partitions are some 50 KiB.
constexpr std::size_t k_own_buffer_bytes = std::size_t{16} << 10;

// Azure drops a connection that was silent for 240 s, and does not tell.
constexpr Duration k_idle_max = std::chrono::seconds(170);

// A day. A broker may claim any number, and the sum with a time must not overflow.
constexpr std::int64_t k_session_ms_max = std::int64_t{24} * 60 * 60 * 1000;

Error connection_error(ErrorKind kind, std::string message) {
  return make_error(kind, Action::retry, std::move(message), to_string(kind));
}

}  // namespace

BrokerConnection::BrokerConnection(io::Loop& loop, const Clock& clock, Options options)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      name_(concat(options_.host, ":", options_.port)),
      own_(std::make_shared<ReceiveBuffer>(k_own_buffer_bytes)) {}

BrokerConnection::~BrokerConnection() {
  loop_.cancel_timer(deadline_);
  drop_stream();
}

void BrokerConnection::request(Request request) {
  queue_.push_back(std::move(request));
  pump_later();
}

void BrokerConnection::pump_later() {
  if (!queue_.empty() && !std::exchange(pumping_, true)) {
    loop_.defer(alive_.guard([this] { pump(); }));
  }
}

void BrokerConnection::pump() {
  pumping_ = false;
  if (queue_.empty() || front_sent_ || state_ == State::opening) {
    return;
  }
  if (state_ == State::ready && clock_.now() - last_used_ > k_idle_max) {
    hang_up();
  }
  if (state_ == State::closed) {
    open();
  } else if (reauthenticate_at_ && clock_.now() >= *reauthenticate_at_) {
    state_ = State::opening;
    start_deadline(options_.open_timeout, "logging in again");
    log_in();
  } else {
    send_front();
  }
}

// Opening

void BrokerConnection::open() {
  state_ = State::opening;
  start_deadline(options_.open_timeout, "connecting");
  open_stream();
}

void BrokerConnection::open_stream() {
  stream_ = std::make_unique<ByteStream>(
      loop_,
      ByteStream::Options{.host = options_.host,
                          .port = options_.port,
                          .tls = options_.access.tls ? options_.access.tls->now() : nullptr,
                          .late_handshake_advice = "see whether source.brokers names a port that speaks TLS",
                          .unacknowledged_max = options_.unacknowledged_max});
  stream_->open([this](Result<void> opened) {
    if (!opened.ok()) {
      fail(std::move(opened).error());
      return;
    }
    ask_versions(ask_lowest_ ? 0 : 3);
  });
}

void BrokerConnection::ask_versions(std::int16_t version) {
  asking_versions_ = version > 0;
  exchange(
      ApiKey::api_versions, version,
      [version](Buffer& out) {
        encode_api_versions(out, version, {.software_name = "penstock", .software_version = "1"});
      },
      own_, [this, version](Bytes body) { on_versions(version, body); });
}

// The mock broker of librdkafka miscounts in version 3, so an answer that cannot be read is asked for in
// version 0 as well.
void BrokerConnection::on_versions(std::int16_t version, Bytes body) {
  asking_versions_ = false;
  const Result<ApiVersionsResponse> response = decode_api_versions(body, version);
  const bool lowest_helps = !response.ok() || response->error_code == ErrorCode::unsupported_version;
  if (lowest_helps && version > 0) {
    ask_lowest_ = true;
    ask_versions(0);
  } else if (!response.ok()) {
    fail(response.error());
  } else if (response->error_code != ErrorCode::none) {
    fail(broker_error(response->error_code, concat("asking ", name_, " for its versions")));
  } else {
    versions_ = response->versions;
    log_in();
  }
}

void BrokerConnection::log_in() {
  if (!options_.access.credential) {
    logged_in(0);
    return;
  }
  Result<SaslCredential> credential = options_.access.credential();
  if (!credential.ok()) {
    fail(std::move(credential).error());
    return;
  }
  Result<SaslClient> login = SaslClient::make(std::move(credential).value());
  const auto version = versions_.highest_common(ApiKey::sasl_handshake);
  if (!login.ok()) {
    fail(std::move(login).error());
    return;
  }
  if (!version) {
    fail(broker_error(ErrorCode::unsupported_version, concat("logging in at ", name_)));
    return;
  }
  login_ = std::move(login).value();
  exchange(
      ApiKey::sasl_handshake, *version,
      [this, v = *version](Buffer& out) {
        encode_sasl_handshake(out, v, {.mechanism = to_string(login_->mechanism())});
      },
      own_, [this, v = *version](Bytes body) { on_handshake(v, body); });
}

void BrokerConnection::on_handshake(std::int16_t version, Bytes body) {
  const Result<SaslHandshakeResponse> response = decode_sasl_handshake(body, version);
  if (!response.ok()) {
    fail(response.error());
  } else if (response->error_code != ErrorCode::none) {
    std::string offered;
    for (const std::string_view mechanism : response->mechanisms) {
      offered += concat(offered.empty() ? "" : ", ", mechanism);
    }
    fail(broker_error(response->error_code,
                      concat("logging in at ", name_, " with ", to_string(login_->mechanism()),
                             " (the broker offers ", offered.empty() ? "nothing" : offered, ")")));
  } else {
    authenticate(login_->first());
  }
}

void BrokerConnection::authenticate(const Buffer& message) {
  const auto version = versions_.highest_common(ApiKey::sasl_authenticate);
  if (!version) {
    fail(broker_error(ErrorCode::unsupported_version, concat("logging in at ", name_)));
    return;
  }
  exchange(
      ApiKey::sasl_authenticate, *version,
      [&message, v = *version](Buffer& out) { encode_sasl_authenticate(out, v, {.message = message}); }, own_,
      [this, v = *version](Bytes body) { on_authenticated(v, body); });
}

void BrokerConnection::on_authenticated(std::int16_t version, Bytes body) {
  const Result<SaslAuthenticateResponse> response = decode_sasl_authenticate(body, version);
  if (!response.ok()) {
    fail(response.error());
    return;
  }
  if (response->error_code != ErrorCode::none) {
    refused(login_->refusal(response->error_code, response->error_text));
    return;
  }
  Result<std::optional<Buffer>> next = login_->next(response->message);
  if (!next.ok()) {
    refused(std::move(next).error());
  } else if (next->has_value()) {
    authenticate(**next);
  } else {
    logged_in(response->session_lifetime_ms);
  }
}

void BrokerConnection::refused(Error error) {
  error.message = concat("logging in at ", name_, ": ", error.message);
  if (options_.access.refused && error.kind == ErrorKind::unauthenticated) {
    options_.access.refused(login_->secret());
    error.message += "; a new token is asked for";
  }
  fail(std::move(error));
}

void BrokerConnection::logged_in(std::int64_t session_lifetime_ms) {
  login_.reset();
  reauthenticate_at_.reset();
  // At four fifths of the session: a request that takes long must still end within it.
  if (session_lifetime_ms > 0) {
    const auto session = std::chrono::milliseconds(std::min(session_lifetime_ms, k_session_ms_max));
    reauthenticate_at_ = clock_.now() + session * 4 / 5;
  }
  loop_.cancel_timer(std::exchange(deadline_, io::TimerId::none));
  state_ = State::ready;
  last_used_ = clock_.now();
  const Alive::Watch watch = alive_.watch();
  pump();
  if (!watch.gone()) {
    listen_if_idle();
  }
}

// Requests

void BrokerConnection::send_front() {
  Request& front = queue_.front();
  const auto version = versions_.highest_common(front.api);
  if (!version) {
    const Request refused = std::move(front);
    queue_.pop_front();
    pump_later();
    // May destroy this.
    refused.done({.failure = Failure::unsupported,
                  .error = broker_error(ErrorCode::unsupported_version,
                                        concat("asking ", name_, " for ", to_string(refused.api))),
                  .sent = false,
                  .version = 0,
                  .body = {}});
    return;
  }
  front_sent_ = true;
  start_deadline(front.timeout, to_string(front.api));
  const std::int16_t used = std::min(*version, front.version_max);
  const std::shared_ptr<ReceiveBuffer> into = front.into ? front.into : own_;
  exchange(
      front.api, used, [&front, used](Buffer& out) { front.encode(out, used); }, into,
      [this, used](Bytes body) { on_answer(used, body); });
}

void BrokerConnection::on_answer(std::int16_t version, Bytes body) {
  loop_.cancel_timer(std::exchange(deadline_, io::TimerId::none));
  front_sent_ = false;
  last_used_ = clock_.now();
  answered_once_ = true;
  const Request answered = std::move(queue_.front());
  queue_.pop_front();
  pump_later();
  const Alive::Watch watch = alive_.watch();
  answered.done({.failure = Failure::none, .error = {}, .sent = true, .version = version, .body = body});
  if (!watch.gone()) {
    listen_if_idle();
  }
}

void BrokerConnection::exchange(ApiKey api, std::int16_t version, const std::function<void(Buffer&)>& encode,
                                std::shared_ptr<ReceiveBuffer> into, std::function<void(Bytes)> got) {
  out_->clear();
  const std::size_t begin = begin_request(*out_, api, version, ++correlation_id_, options_.access.client_id);
  encode(*out_);
  end_request(*out_, begin);
  got_ = std::move(got);
  asked_api_ = api;
  asked_version_ = version;
  sending_ = true;
  stream_->send(*out_, out_, [this](Result<void> sent) {
    sending_ = false;
    if (!sent.ok()) {
      on_stream_error(std::move(sent).error());
    } else if (answered_) {
      take_response();
    }
  });
  if (receiving_) {
    // It listens already, and a connection that listens has but the one buffer.
    CHECK(into == into_);
    return;
  }
  into_ = std::move(into);
  into_->clear();
  receive();
}

void BrokerConnection::receive(std::size_t sure) {
  receiving_ = true;
  const auto done = [this](Result<std::size_t> received) {
    receiving_ = false;
    if (!got_) {
      // It was idle: the broker has closed, or sends what nobody asked for.
      hang_up();
    } else if (!received.ok()) {
      on_stream_error(std::move(received).error());
    } else {
      on_bytes(*received);
    }
  };
  stream_->receive_some(into_->free_part(), into_, done, sure);
}

void BrokerConnection::listen_if_idle() {
  if (options_.listens_when_idle && state_ == State::ready && !got_ && !receiving_) {
    into_ = own_;
    into_->clear();
    receive();
  }
}

// Nobody needs to be told, because nothing was asked.
void BrokerConnection::hang_up() {
  CHECK(!front_sent_);
  drop_stream();
}

// The kernel may hold on to the memory of what was under way for a turn of the loop, so what comes next gets
// other.
void BrokerConnection::drop_stream() {
  if (stream_ && got_) {
    stream_->abort();
  }
  stream_.reset();
  if (std::exchange(sending_, false)) {
    out_ = std::make_shared<Buffer>();
  }
  if (std::exchange(receiving_, false) && into_ == own_) {
    own_ = std::make_shared<ReceiveBuffer>(k_own_buffer_bytes);
  }
  into_.reset();
  got_ = nullptr;
  login_.reset();
  answered_ = false;
  answered_once_ = false;
  asking_versions_ = false;
  state_ = State::closed;
}

// There are brokers that close the connection on ApiVersions v3 instead of answering that they do not know
// it.
void BrokerConnection::on_stream_error(Error error) {
  if (!asking_versions_ || error.action != Action::retry) {
    error.message += why_it_may_close();
    fail(std::move(error));
    return;
  }
  drop_stream();
  ask_lowest_ = true;
  state_ = State::opening;
  open_stream();
}

void BrokerConnection::on_bytes(std::size_t count) {
  into_->add(count);
  const Bytes filled = into_->filled();
  if (filled.size() < k_frame_size_bytes) {
    receive();
    return;
  }
  const Result<std::size_t> size = response_size(filled.first(k_frame_size_bytes));
  if (!size.ok()) {
    fail(of_this_broker(size.error()));
    return;
  }
  if (*size > options_.response_bytes_max) {
    fail(of_this_broker(response_too_large(*size, options_.response_bytes_max)), Failure::response_too_large);
    return;
  }
  const std::size_t total = k_frame_size_bytes + *size;
  if (filled.size() < total) {
    into_->grow(total);
    receive(total - filled.size());
  } else if (filled.size() > total) {
    fail_unasked();
  } else if (sending_) {
    answered_ = true;
  } else {
    take_response();
  }
}

void BrokerConnection::take_response() {
  answered_ = false;
  const Result<ResponseFrame> frame =
      open_response(into_->filled().subspan(k_frame_size_bytes), asked_api_, asked_version_);
  if (!frame.ok() || frame->correlation_id != correlation_id_) {
    fail_unasked();
    return;
  }
  const std::shared_ptr<ReceiveBuffer> body_of = std::move(into_);
  std::exchange(got_, nullptr)(frame->body);
}

// Ends

Error BrokerConnection::of_this_broker(Error error) const {
  error.message = concat(name_, ": ", error.message);
  return error;
}

// What a stream that breaks at this point mostly comes from.
std::string_view BrokerConnection::why_it_may_close() const {
  if (!got_ || answered_once_) {
    return {};
  }
  if (asked_api_ == ApiKey::api_versions) {
    return options_.access.tls != nullptr ? ""
                                          : "; it said not a word of Kafka: see whether this port wants TLS "
                                            "(source.tls), or is another's";
  }
  return options_.access.credential ? "" : "; a listener that wants a login closes so: see source.auth";
}

void BrokerConnection::fail_unasked() {
  fail(connection_error(ErrorKind::corrupt,
                        concat(name_, " answered what was not asked; the connection is closed")));
}

void BrokerConnection::start_deadline(Duration after, const std::string& doing) {
  loop_.cancel_timer(deadline_);
  deadline_ = loop_.start_timer(after, [this, after, doing] {
    deadline_ = io::TimerId::none;
    fail(connection_error(
             ErrorKind::timed_out,
             concat(doing, ": ", name_, " did not answer within ",
                    std::chrono::duration_cast<std::chrono::milliseconds>(after).count(), " ms",
                    state_ == State::opening && got_
                        ? ": the connection stands, and it is no Kafka broker, wants TLS, or hangs"
                        : "")),
         Failure::timed_out);
  });
}

void BrokerConnection::close(const Error& error) {
  fail(error);
}

// A request that was sent fails with what became of it; those behind it were never sent.
void BrokerConnection::fail(Error error, Failure failure) {
  loop_.cancel_timer(std::exchange(deadline_, io::TimerId::none));
  drop_stream();
  bool sent = std::exchange(front_sent_, false);
  std::deque<Request> failed = std::exchange(queue_, {});
  const Alive::Watch watch = alive_.watch();
  for (const Request& request : failed) {
    request.done({.failure = failure, .error = error, .sent = sent, .version = 0, .body = {}});
    if (watch.gone()) {
      return;
    }
    sent = false;
  }
}

}  // namespace penstock::wire
