// How it works
//
// What a client sends is copied at once and put on the agenda of the world, where it arrives later, in order.
// What a server answers goes to the mail of the client's process. So a frozen process still gets its requests
// answered, and hears of it when it thaws.
//
// The fate of a request is drawn when its first bytes are sent, by its kind: commits suffer more than others.
// But for the first, each fate is also the end of the connection, which breaks soon after, or stays silent
// until the client gives up. The worked case is a commit that is late:
//
//   0.000 s  The client sends 180 bytes. Chance cuts them: 100 go, and the completion says so. The fate is
//            drawn: late, at 3.2 s.
//   0.001 s  The client sends the other 80. They follow the first.
//   2.500 s  The client has waited long enough, and gives up. Its socket is gone, and what it hears of the
//            answer is nothing.
//   3.200 s  All 180 bytes arrive at the broker, which takes the commit. Then it hears that the client has
//            gone.
//
// Each link draws from a generator of its own, which is named by the process, the port, and how many links
// this process has made to it. So it does not matter in which order a process opens its connections.
#include "sim/sim_network.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "wire/api.h"
#include "wire/byte_reader.h"
#include "wire/frame.h"

namespace penstock::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// The size of a frame, and the key of its request behind it.
constexpr std::size_t k_frame_head_bytes = 4 + 2;

}  // namespace

// Links: the client's end

Link::Link(SimNetwork& network, std::uint16_t port, const ProcessPtr& process, Random random)
    : network_(network), port_(port), process_(process), random_(random) {}

Duration Link::latency() {
  return random_.chance(network_.faults_[&FaultRates::net_slow])
             ? random_.between(Duration(milliseconds(50)), network_.options_.patience / 2)
             : random_.between(Duration(microseconds(200)), Duration(milliseconds(10)));
}

void Link::connect(io::Completion done) {
  connecting_ = std::move(done);
  const MonoTime arrives = network_.clock_.now() + latency();
  const bool refused = random_.chance(network_.faults_[&FaultRates::net_refused]);
  const bool silent = random_.chance(0.3);
  const Duration back = latency();
  network_.agenda_.at(arrives, [this, self = shared_from_this(), refused, silent, back] {
    const bool nobody = refused || network_.down_.contains(port_);
    const ProcessPtr process = process_.lock();
    if (given_up_ || process == nullptr || (nobody && silent)) {
      return;
    }
    if (!nobody) {
      SimNetwork::Listener& listener = network_.listeners_.at(port_);
      std::erase_if(listener.links, [](const std::weak_ptr<Link>& each) { return each.expired(); });
      listener.links.push_back(self);
      listener.accept(self);
    }
    down_clear_ = network_.clock_.now() + back;
    process->post(down_clear_, [this, self, nobody] {
      open_ = !nobody;
      if (const auto connected = std::exchange(connecting_, nullptr)) {
        connected(nobody ? -ECONNREFUSED : 0);
      }
    });
  });
}

// Now or never: what waits is told in a later turn.
void Link::complete(io::Completion& done, std::int32_t result) {
  const ProcessPtr process = process_.lock();
  if (done && process != nullptr) {
    process->post(network_.clock_.now(), [told = std::exchange(done, nullptr), result] { told(result); });
  }
  done = nullptr;
}

void Link::send(Bytes bytes, io::Completion done) {
  CHECK(open_);
  CHECK(!sending_);
  if (ended_.value_or(0) < 0) {
    complete(done, -EPIPE);
    return;
  }
  if (frame_left_ == 0) {
    draw_fate(bytes);
  }
  const bool cut = random_.chance(network_.faults_[&FaultRates::net_cut]);
  const std::size_t size = cut ? 1 + random_.below(bytes.size()) : bytes.size();
  CHECK(size <= frame_left_);
  frame_left_ -= size;
  const MonoTime now = network_.clock_.now();
  if (fate_ != Fate::lost) {
    const MonoTime soon = now + latency();
    arrive(std::string(as_text(bytes.first(size))), fate_ == Fate::late ? late_until_ : soon);
  }
  sending_ = std::move(done);
  if (const ProcessPtr process = process_.lock()) {
    process->post(now + microseconds(20), [self = shared_from_this(), size] {
      if (const auto sent = std::exchange(self->sending_, nullptr)) {
        sent(static_cast<std::int32_t>(size));
      }
    });
  }
}

void Link::draw_fate(Bytes frame) {
  CHECK(frame.size() >= k_frame_head_bytes);
  wire::ByteReader reader(frame);
  frame_left_ = wire::k_frame_size_bytes + static_cast<std::size_t>(reader.int32());
  const auto api = static_cast<wire::ApiKey>(reader.int16());
  const auto is = [this](double FaultRates::*kind) { return random_.chance(network_.faults_[kind]); };
  const bool of_group = api == wire::ApiKey::offset_commit || api == wire::ApiKey::offset_fetch ||
                        api == wire::ApiKey::find_coordinator;
  const bool commits = api == wire::ApiKey::offset_commit;
  const bool lost = commits ? is(&FaultRates::commit_lost) : is(&FaultRates::net_reset);
  const bool answer_lost = commits ? is(&FaultRates::commit_reply_lost) : is(&FaultRates::net_reset);
  const bool late = commits && is(&FaultRates::commit_late);
  fate_ = lost || (of_group && network_.faults_.group_is_out) ? Fate::lost
          : late                                              ? Fate::late
          : answer_lost                                       ? Fate::answer_lost
                                                              : Fate::arrives;
  if (fate_ != Fate::arrives) {
    break_later();
  }
  if (fate_ == Fate::late) {
    late_until_ =
        network_.clock_.now() + random_.between(Duration(milliseconds(1)), network_.options_.late_max);
  }
}

void Link::break_later() {
  doomed_ = true;
  const ProcessPtr process = process_.lock();
  const bool silent = random_.chance(0.3);
  const Duration after = random_.between(Duration(milliseconds(1)), network_.options_.patience);
  if (process != nullptr && !silent) {
    process->post(network_.clock_.now() + after,
                  [self = shared_from_this()] { self->end_of_stream(-ECONNRESET); });
  }
}

void Link::arrive(std::string bytes, MonoTime due) {
  up_clear_ = std::max(up_clear_, due);
  network_.agenda_.at(up_clear_, [self = shared_from_this(), bytes = std::move(bytes),
                                  sent = network_.clock_.now(), late = fate_ == Fate::late] {
    if (self->on_bytes && !(self->swept_ && !late)) {
      self->on_bytes(bytes, sent);
    }
  });
}

void Link::receive(MutableBytes into, io::Completion done) {
  CHECK(open_);
  CHECK(!receiving_);
  receiving_ = std::move(done);
  into_ = into;
  const ProcessPtr process = process_.lock();
  if (process != nullptr && (inbox_read_ < inbox_.size() || ended_)) {
    process->post(network_.clock_.now(), [self = shared_from_this()] { self->serve_receiver(); });
  }
}

// Bytes are here, or the end of the stream is.
void Link::serve_receiver() {
  const std::size_t waits = inbox_.size() - inbox_read_;
  if (!receiving_ || (waits == 0 && !ended_)) {
    return;
  }
  const io::Completion received = std::exchange(receiving_, nullptr);
  if (waits == 0) {
    received(*ended_);
    return;
  }
  const std::size_t size = std::min(waits, into_.size());
  std::copy_n(as_bytes(inbox_).begin() + static_cast<std::ptrdiff_t>(inbox_read_), size, into_.begin());
  inbox_read_ += size;
  if (inbox_read_ == inbox_.size()) {
    inbox_.clear();
    inbox_read_ = 0;
  }
  received(static_cast<std::int32_t>(size));
}

void Link::give_up() {
  complete(connecting_, -ECANCELED);
  complete(sending_, -ECANCELED);
  complete(receiving_, -ECANCELED);
  orphan();
}

// By a reset: it may overtake what is under way, and then that is lost.
void Link::orphan() {
  if (std::exchange(given_up_, true)) {
    return;
  }
  connecting_ = nullptr;
  sending_ = nullptr;
  receiving_ = nullptr;
  swept_ = random_.chance(0.5);
  const MonoTime told = std::max(up_clear_, network_.clock_.now() + latency());
  network_.agenda_.at(told, [self = shared_from_this()] {
    if (!std::exchange(self->server_gone_, true) && self->on_gone) {
      self->on_gone();
    }
  });
}

// Links: the server's end

void Link::answer(std::string bytes) {
  const ProcessPtr process = process_.lock();
  if (given_up_ || doomed_ || process == nullptr) {
    return;
  }
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const bool cut = random_.chance(network_.faults_[&FaultRates::net_cut]);
    const std::size_t size = cut ? 1 + random_.below(rest.size()) : rest.size();
    down_clear_ = std::max(down_clear_, network_.clock_.now() + latency());
    process->post(down_clear_, [self = shared_from_this(), part = std::string(rest.substr(0, size))] {
      self->deliver(part);
    });
    rest.remove_prefix(size);
  }
}

void Link::deliver(std::string_view bytes) {
  if (!given_up_ && !ended_) {
    inbox_.append(bytes);
    serve_receiver();
  }
}

void Link::close() {
  if (const ProcessPtr process = process_.lock()) {
    down_clear_ = std::max(down_clear_, network_.clock_.now() + latency());
    process->post(down_clear_, [self = shared_from_this()] { self->end_of_stream(0); });
  }
}

void Link::end_of_stream(std::int32_t result) {
  if (given_up_ || ended_) {
    return;
  }
  ended_ = result;
  if (result < 0) {  // what was not read is gone with it
    inbox_.clear();
    inbox_read_ = 0;
  }
  serve_receiver();
}

void Link::reset() {
  doomed_ = true;
  if (const ProcessPtr process = process_.lock()) {
    const Duration after = latency();
    if (!random_.chance(0.3)) {
      process->post(network_.clock_.now() + after,
                    [self = shared_from_this()] { self->end_of_stream(-ECONNRESET); });
    }
  }
  if (!std::exchange(server_gone_, true) && on_gone) {
    on_gone();
  }
}

// The network

SimNetwork::SimNetwork(const SimClock& clock, Agenda& agenda, const Faults& faults, Options options,
                       std::uint64_t seed)
    : clock_(clock), agenda_(agenda), faults_(faults), options_(options), seed_(seed) {}

void SimNetwork::listen(std::uint16_t port, std::function<void(const LinkPtr&)> accept) {
  listeners_[port].accept = std::move(accept);
}

void SimNetwork::take_down(std::uint16_t port) {
  down_.insert(port);
  for (const std::weak_ptr<Link>& each : std::exchange(listeners_.at(port).links, {})) {
    if (const LinkPtr link = each.lock()) {
      link->reset();
    }
  }
}

LinkPtr SimNetwork::make_link(std::uint16_t port, const ProcessPtr& process) {
  const std::uint64_t nth = made_[{process->id, port}]++;
  const Random random(seed_ ^ Random(process->id).next() ^ Random((std::uint64_t{port} << 32) + nth).next());
  return std::make_shared<Link>(*this, port, process, random);
}

}  // namespace penstock::sim
