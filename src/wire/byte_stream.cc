// How it works. What the loop calls back holds on to the Connection, and the Connection holds on to the
// memory that the kernel uses. So both live exactly as long as the kernel needs them, whatever became of the
// ByteStream.
//
// A call only notes its job. Two pumps, one per direction, move the jobs on whenever the kernel has answered.
// With TLS they are run by the loop's next turn, before it submits. So encrypting ahead of time, or finding
// bytes that are here already, costs no turn of its own, and no callback runs inside the call.
//
// An example: the owner closes the stream while a receive is under way.
//
//   1. close() forgets the job's `done`, cancels at the loop and shuts the socket down. The kernel may still
//      write into the job's bytes: the job stays, and with it their owner.
//   2. The ByteStream goes. The callback that the loop keeps for the receive holds the Connection.
//   3. A turn later the kernel answers -ECANCELED. on_received() sees `closed_` and only lets go: of the job,
//      and of the descriptor when neither direction is under way. With the callback the Connection dies.
#include "wire/byte_stream.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"
#include "crypto/tls_stream.h"
#include "io/name_lookup.h"
#include "io/socket_address.h"

namespace penstock::wire {
namespace {

// What is worth waking up for, while it is known that more will come: eight records of TLS. Twice as much was
// not cheaper, and half was dearer.
constexpr std::size_t k_low_water_max = std::size_t{128} << 10;

// "broker:9093", "[::1]:9093".
std::string name_of(const ByteStream::Options& options) {
  const bool bare = options.host.find(':') == std::string::npos;
  return concat(bare ? "" : "[", options.host, bare ? ":" : "]:", options.port);
}

// Whatever the network says today, tomorrow may be better.
Error network_error(int error_number, const std::string& doing) {
  Error error = os_error(error_number, doing);
  error.action = Action::retry;
  return error;
}

Error unavailable(ErrorKind kind, std::string message) {
  return make_error(kind, Action::retry, std::move(message));
}

// On: a close discards what is not delivered yet, and resets the connection. Off: the kernel goes on
// delivering after the close.
void reset_on_close(const UniqueFd& fd, bool on) {
  const linger how{.l_onoff = on ? 1 : 0, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &how, sizeof(how));
}

// Azure drops a connection that was silent for 240 s. Probes come well before, and find a server that is gone
// without a word two minutes after its last one.
constexpr int k_keepalive_idle_s = 60;
constexpr int k_keepalive_interval_s = 15;
constexpr int k_keepalive_probes = 4;

// Small requests go out at once, and the path is kept open.
void tune(const UniqueFd& fd) {
  const auto set = [&fd](int level, int name, int value) {
    ::setsockopt(fd.get(), level, name, &value, sizeof(value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, k_keepalive_idle_s);
  set(IPPROTO_TCP, TCP_KEEPINTVL, k_keepalive_interval_s);
  set(IPPROTO_TCP, TCP_KEEPCNT, k_keepalive_probes);
}

// After the connect, whose own packets may take longer.
void bound_delivery(const UniqueFd& fd, Duration unacknowledged_max) {
  const auto milliseconds = static_cast<unsigned>(
      std::chrono::duration_cast<std::chrono::milliseconds>(unacknowledged_max).count());
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
  reset_on_close(fd, true);
}

}  // namespace

class ByteStream::Connection : public std::enable_shared_from_this<ByteStream::Connection> {
 public:
  Connection(io::Loop& loop, Options options)
      : loop_(loop), options_(std::move(options)), name_(name_of(options_)) {}

  void open(Done done);
  void send(Bytes bytes, Owner owner, Done done);
  void receive_some(MutableBytes into, Owner owner, Received done, std::size_t sure);
  void close();
  void abort();

 private:
  struct SendJob {
    Bytes rest;
    Owner owner;
    Done done;
  };
  struct ReceiveJob {
    MutableBytes into;
    Owner owner;
    Received done;
    std::size_t sure;
  };

  // Opening.
  void start_timer(Duration after, std::function<void(Connection&)> late);
  void stop_timer();
  void on_lookup_late();
  void on_addresses(io::Addresses addresses);
  void try_next_address();
  void on_connect_late();
  void on_connected(std::int32_t result);
  void shake_hands();
  void on_handshake_late();
  void finish_open(Result<void> result);

  // Open.
  void pump_send();
  void start_send(Bytes bytes);
  void on_sent(std::int32_t result);
  void finish_send(Result<void> result);
  void pump_receive();
  void start_receive(MutableBytes into, std::size_t sure = 1);
  void set_low_water(std::size_t sure);
  void on_received(std::int32_t result);
  void finish_receive(Result<std::size_t> result);
  void later(std::function<void(Connection&)> act);

  // Broken, or closed.
  void fail(Error error);
  void settle();
  bool forget_jobs();
  void let_go();

  io::Loop& loop_;
  const Options options_;
  const std::string name_;

  UniqueFd fd_;
  std::unique_ptr<crypto::TlsStream> tls_;
  bool open_ = false;
  bool closed_ = false;
  std::optional<Error> broken_;

  Done on_open_;
  std::unique_ptr<io::NameLookup> lookup_;
  io::TimerId timer_ = io::TimerId::none;
  std::vector<io::SocketAddress> addresses_;
  std::size_t next_address_ = 0;
  // The connect under way has run out of time: its answer will be a cancellation.
  bool late_ = false;

  // The kernel has something of this direction, and will answer. A connect counts as sending.
  bool sending_ = false;
  bool receiving_ = false;
  // A `done` has run since later() began.
  bool told_ = false;
  // As the kernel was told.
  std::size_t low_water_ = 1;
  std::optional<SendJob> send_;
  std::optional<ReceiveJob> receive_;
};

// Opening

void ByteStream::Connection::open(Done done) {
  CHECK(!open_);
  CHECK(!closed_);
  CHECK(addresses_.empty());
  on_open_ = std::move(done);
  lookup_ = std::make_unique<io::NameLookup>(loop_);
  start_timer(options_.connect_timeout, [](Connection& self) { self.on_lookup_late(); });
  lookup_->start(options_.host, options_.port, [self = shared_from_this()](io::Addresses addresses) {
    self->on_addresses(std::move(addresses));
  });
}

void ByteStream::Connection::start_timer(Duration after, std::function<void(Connection&)> late) {
  timer_ = loop_.start_timer(after, [self = shared_from_this(), late = std::move(late)] {
    self->timer_ = io::TimerId::none;
    late(*self);
  });
}

void ByteStream::Connection::stop_timer() {
  loop_.cancel_timer(std::exchange(timer_, io::TimerId::none));
}

void ByteStream::Connection::on_lookup_late() {
  fail(unavailable(ErrorKind::timed_out,
                   concat("looking up the address of ", options_.host,
                          " took too long: see whether this machine's name server answers")));
}

void ByteStream::Connection::on_addresses(io::Addresses addresses) {
  stop_timer();
  lookup_.reset();
  if (!addresses.ok()) {
    fail(std::move(addresses).error());
    return;
  }
  addresses_ = std::move(addresses).value();
  try_next_address();
}

void ByteStream::Connection::try_next_address() {
  const io::SocketAddress& address = addresses_[next_address_++];
  late_ = false;
  if (fd_.valid()) {
    loop_.cancel(fd_.get());
  }
  fd_.reset(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_.valid()) {
    on_connected(-errno);
    return;
  }
  tune(fd_);
  sending_ = true;
  loop_.connect(fd_.get(), address,
                [self = shared_from_this()](std::int32_t result) { self->on_connected(result); });
  start_timer(options_.connect_timeout / addresses_.size(), [](Connection& self) { self.on_connect_late(); });
}

void ByteStream::Connection::on_connect_late() {
  late_ = true;
  loop_.cancel(fd_.get());
}

void ByteStream::Connection::on_connected(std::int32_t result) {
  sending_ = false;
  if (closed_) {
    let_go();
    return;
  }
  stop_timer();
  if (result < 0) {
    const int error_number = late_ ? ETIMEDOUT : -result;
    if (next_address_ < addresses_.size()) {
      try_next_address();
      return;
    }
    fail(
        network_error(error_number, concat("connecting to ", name_, " (", to_string(addresses_.back()),
                                           addresses_.size() > 1 ? ", the last of its addresses" : "", ")")));
    return;
  }
  if (options_.unacknowledged_max) {
    bound_delivery(fd_, *options_.unacknowledged_max);
  }
  if (options_.tls == nullptr) {
    finish_open({});
    return;
  }
  tls_ = std::make_unique<crypto::TlsStream>(options_.tls, options_.host, name_);
  start_timer(options_.connect_timeout, [](Connection& self) { self.on_handshake_late(); });
  shake_hands();
}

void ByteStream::Connection::shake_hands() {
  const Result<bool> done = tls_->handshake();
  if (!done.ok()) {
    fail(done.error());
    return;
  }
  pump_send();
  if (done.value()) {
    finish_open({});
  } else if (!receiving_) {
    start_receive(tls_->incoming());
  }
}

void ByteStream::Connection::on_handshake_late() {
  const std::string& advice = options_.late_handshake_advice;
  fail(unavailable(ErrorKind::timed_out, concat("the TLS handshake with ", name_, " took too long",
                                                advice.empty() ? "" : ": ", advice)));
}

void ByteStream::Connection::finish_open(Result<void> result) {
  stop_timer();
  open_ = result.ok();
  const Done done = std::exchange(on_open_, nullptr);
  done(std::move(result));
}

// Sending

void ByteStream::Connection::send(Bytes bytes, Owner owner, Done done) {
  CHECK(!closed_);
  const bool was_opened = open_ || broken_.has_value();
  CHECK(was_opened);
  CHECK(!send_.has_value());
  send_ = SendJob{.rest = bytes, .owner = std::move(owner), .done = std::move(done)};
  if (broken_.has_value()) {
    later([](Connection& self) { self.settle(); });
  } else {
    later([](Connection& self) { self.pump_send(); });
  }
}

// Sends what there is to send, if nothing is being sent.
void ByteStream::Connection::pump_send() {
  if (closed_ || broken_.has_value() || sending_) {
    return;
  }
  if (tls_ != nullptr && tls_->outgoing().empty() && send_.has_value()) {
    const Result<std::size_t> taken = tls_->write(send_->rest);
    if (!taken.ok()) {
      fail(taken.error());
      return;
    }
    send_->rest = send_->rest.subspan(*taken);
  }
  const Bytes next = tls_ != nullptr ? tls_->outgoing() : send_.has_value() ? send_->rest : Bytes{};
  if (!next.empty()) {
    start_send(next);
  } else if (send_.has_value()) {
    finish_send({});
  }
}

void ByteStream::Connection::start_send(Bytes bytes) {
  sending_ = true;
  loop_.send(fd_.get(), bytes, [self = shared_from_this()](std::int32_t result) { self->on_sent(result); });
}

void ByteStream::Connection::on_sent(std::int32_t result) {
  sending_ = false;
  if (closed_) {
    let_go();
  } else if (broken_.has_value()) {
    settle();
  } else if (result < 0) {
    fail(network_error(-result, concat("sending to ", name_)));
  } else if (tls_ != nullptr) {
    tls_->sent(static_cast<std::size_t>(result));
    pump_send();
  } else {
    send_->rest = send_->rest.subspan(static_cast<std::size_t>(result));
    pump_send();
  }
}

void ByteStream::Connection::finish_send(Result<void> result) {
  const Done done = std::move(send_->done);
  send_.reset();
  told_ = true;
  done(std::move(result));
}

// Receiving

void ByteStream::Connection::receive_some(MutableBytes into, Owner owner, Received done, std::size_t sure) {
  CHECK(!closed_);
  const bool was_opened = open_ || broken_.has_value();
  CHECK(was_opened);
  CHECK(!receive_.has_value());
  CHECK(!into.empty());
  receive_ = ReceiveJob{.into = into, .owner = std::move(owner), .done = std::move(done), .sure = sure};
  if (broken_.has_value()) {
    later([](Connection& self) { self.settle(); });
  } else if (tls_ != nullptr) {
    later([](Connection& self) { self.pump_receive(); });
  } else {
    start_receive(into, sure);
  }
}

// For TLS only: without it the kernel writes straight into the job's memory.
void ByteStream::Connection::pump_receive() {
  if (closed_ || broken_.has_value() || receiving_ || !receive_.has_value()) {
    return;
  }
  const Result<std::size_t> got = tls_->read(receive_->into);
  if (!got.ok()) {
    fail(got.error());
    return;
  }
  if (!sending_ && !tls_->outgoing().empty()) {
    // TLS answers by itself to some of what it reads.
    start_send(tls_->outgoing());
  }
  if (*got > 0) {
    finish_receive(*got);
  } else {
    start_receive(tls_->incoming(), receive_->sure);
  }
}

void ByteStream::Connection::start_receive(MutableBytes into, std::size_t sure) {
  receiving_ = true;
  set_low_water(sure);
  loop_.receive(fd_.get(), into,
                [self = shared_from_this()](std::int32_t result) { self->on_received(result); });
}

// A broker seals records of 16 KiB and sends each by itself. To wake for every one of them would cost more
// than to open it. So the kernel is told (SO_RCVLOWAT) how many bytes are worth waking for. It wakes for
// fewer when its own memory is short, and for the end of the connection.
//
// With TLS, `sure` may count a part of a record that is here already. To wait for it once more would be to
// wait for ever. So what a record can be is taken off. A record is never shorter than what is in it.
void ByteStream::Connection::set_low_water(std::size_t sure) {
  const std::size_t here = tls_ != nullptr ? crypto::k_tls_record_bytes_max : 0;
  const std::size_t wanted = std::clamp<std::size_t>(sure - std::min(sure, here), 1, k_low_water_max);
  const int value = static_cast<int>(wanted);
  if (wanted != low_water_ && ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value)) == 0) {
    low_water_ = wanted;
  }
}

void ByteStream::Connection::on_received(std::int32_t result) {
  receiving_ = false;
  if (closed_) {
    let_go();
  } else if (broken_.has_value()) {
    settle();
  } else if (result < 0) {
    fail(network_error(-result, concat("receiving from ", name_)));
  } else if (result == 0) {
    fail(tls_ != nullptr ? tls_->closed_by_peer()
                         : unavailable(ErrorKind::unavailable, concat(name_, " closed the connection")));
  } else if (tls_ == nullptr) {
    finish_receive(static_cast<std::size_t>(result));
  } else {
    tls_->received(static_cast<std::size_t>(result));
    if (open_) {
      pump_receive();
    } else {
      shake_hands();
    }
  }
}

void ByteStream::Connection::finish_receive(Result<std::size_t> result) {
  const Received done = std::move(receive_->done);
  receive_.reset();
  told_ = true;
  done(std::move(result));
}

// What was told inside of a deferred task may want to act at once, but the loop would sleep after its
// deferred tasks: one more task, which does nothing, keeps it awake for a turn.
void ByteStream::Connection::later(std::function<void(Connection&)> act) {
  loop_.defer([self = shared_from_this(), act = std::move(act)] {
    self->told_ = false;
    act(*self);
    if (self->told_) {
      self->loop_.defer([] {});
    }
  });
}

// The end

void ByteStream::Connection::fail(Error error) {
  CHECK(!broken_.has_value());
  broken_ = std::move(error);
  stop_timer();
  lookup_.reset();
  if (tls_ != nullptr && !sending_) {
    // The server is told why, if that is possible at once: its log then says more than that we left.
    const Bytes last = tls_->outgoing();
    [[maybe_unused]] const ssize_t ignored =
        ::send(fd_.get(), last.data(), last.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  if (fd_.valid()) {
    loop_.cancel(fd_.get());
  }
  settle();
}

// Tells the error to every job whose memory the kernel has let go of.
void ByteStream::Connection::settle() {
  if (!closed_ && on_open_) {
    finish_open(*broken_);
  }
  if (!closed_ && send_.has_value() && !sending_) {
    finish_send(*broken_);
  }
  if (!closed_ && receive_.has_value() && !receiving_) {
    finish_receive(*broken_);
  }
}

void ByteStream::Connection::close() {
  if (forget_jobs() && fd_.valid()) {
    reset_on_close(fd_, false);
    loop_.cancel(fd_.get());
    ::shutdown(fd_.get(), SHUT_RDWR);
  }
  let_go();
}

// Without a shutdown, which would be an orderly end. The reset goes out when the descriptor is closed.
void ByteStream::Connection::abort() {
  if (forget_jobs() && fd_.valid()) {
    reset_on_close(fd_, true);
    loop_.cancel(fd_.get());
  }
  let_go();
}

// False: it is closed already.
bool ByteStream::Connection::forget_jobs() {
  if (std::exchange(closed_, true)) {
    return false;
  }
  stop_timer();
  lookup_.reset();
  on_open_ = nullptr;
  if (send_.has_value()) {
    send_->done = nullptr;
  }
  if (receive_.has_value()) {
    receive_->done = nullptr;
  }
  return true;
}

// After close(): frees everything that the kernel has let go of.
void ByteStream::Connection::let_go() {
  if (!sending_) {
    send_.reset();
  }
  if (!receiving_) {
    receive_.reset();
  }
  if (!sending_ && !receiving_) {
    fd_.reset();
  }
}

// The public face

ByteStream::ByteStream(io::Loop& loop, Options options)
    : connection_(std::make_shared<Connection>(loop, std::move(options))) {}

ByteStream::~ByteStream() {
  close();
}

void ByteStream::open(Done done) {
  connection_->open(std::move(done));
}

void ByteStream::send(Bytes bytes, Owner owner, Done done) {
  connection_->send(bytes, std::move(owner), std::move(done));
}

void ByteStream::receive_some(MutableBytes into, Owner owner, Received done, std::size_t sure) {
  connection_->receive_some(into, std::move(owner), std::move(done), sure);
}

void ByteStream::close() {
  connection_->close();
}

void ByteStream::abort() {
  connection_->abort();
}

}  // namespace penstock::wire
