// The network between the workers and the brokers: streams whose bytes are slow, cut anywhere, lost, late, or
// answered to nobody.
//
// A Link is one TCP connection with both of its ends. The client's end is what SimLoop needs of a socket. The
// server's end gives its bytes to whoever accepted it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/types.h"
#include "io/loop.h"
#include "sim/faults.h"
#include "sim/process.h"
#include "sim/sim_clock.h"
#include "sim/sim_random.h"

namespace penstock::sim {

class SimNetwork;

class Link : public std::enable_shared_from_this<Link> {
 public:
  // `network` outlives it.
  Link(SimNetwork& network, std::uint16_t port, const ProcessPtr& process, Random random);

  // The client's end: as io::Loop says of a socket, without a descriptor.
  void connect(io::Completion done);
  void send(Bytes bytes, io::Completion done);
  void receive(MutableBytes into, io::Completion done);

  // Whatever waits is told -ECANCELED, and the server that the connection was reset. What was sent may still
  // arrive before.
  void give_up();
  // The same without a word to the client, which is dead.
  void orphan();

  // The server's end, set when it is accepted. `sent`: when the last of these bytes left the client.
  std::function<void(std::string_view bytes, MonoTime sent)> on_bytes;
  std::function<void()> on_gone;  // the client has closed
  void answer(std::string bytes);
  void close();  // the client reads its end behind what was answered

  // Both ends find it broken.
  void reset();

 private:
  // What becomes of a request and its answer.
  enum class Fate : std::uint8_t { arrives, lost, late, answer_lost };

  void draw_fate(Bytes frame);
  void arrive(std::string bytes, MonoTime due);
  void break_later();
  void deliver(std::string_view bytes);
  void end_of_stream(std::int32_t result);
  void serve_receiver();
  void complete(io::Completion& done, std::int32_t result);
  Duration latency();

  SimNetwork& network_;
  const std::uint16_t port_;
  const std::weak_ptr<Process> process_;
  Random random_;

  // The client's end.
  bool open_ = false;
  bool given_up_ = false;
  io::Completion connecting_;
  io::Completion sending_;
  io::Completion receiving_;
  MutableBytes into_;
  std::string inbox_;
  std::size_t inbox_read_ = 0;
  std::optional<std::int32_t> ended_;  // what receive() gives behind the inbox: 0, or -errno

  // On the way.
  std::size_t frame_left_ = 0;  // of the request that is being sent
  Fate fate_ = Fate::arrives;
  MonoTime late_until_{};
  MonoTime up_clear_{};  // bytes do not overtake each other
  MonoTime down_clear_{};
  bool doomed_ = false;  // nothing comes back any more
  bool swept_ = false;   // what is under way to the server when the client gives up is lost

  // The server's end.
  bool server_gone_ = false;
};
using LinkPtr = std::shared_ptr<Link>;

class SimNetwork {
 public:
  struct Options {
    Duration patience{};  // a caller waits for so long: connections break before that
    Duration late_max{};  // so long a request may be under way
  };

  // All outlive it.
  SimNetwork(const SimClock& clock, Agenda& agenda, const Faults& faults, Options options,
             std::uint64_t seed);

  // Who answers at a port. Runs when a connection arrives there.
  void listen(std::uint16_t port, std::function<void(const LinkPtr&)> accept);
  // Connections to it break, and new ones are refused or find nobody, until it is up again.
  void take_down(std::uint16_t port);
  void bring_up(std::uint16_t port) { down_.erase(port); }

  // A new connection of the process, not connected yet.
  LinkPtr make_link(std::uint16_t port, const ProcessPtr& process);

 private:
  friend class Link;
  struct Listener {
    std::function<void(const LinkPtr&)> accept;
    std::vector<std::weak_ptr<Link>> links;
  };

  const SimClock& clock_;
  Agenda& agenda_;
  const Faults& faults_;
  const Options options_;
  const std::uint64_t seed_;
  std::map<std::uint16_t, Listener> listeners_;
  std::set<std::uint16_t> down_;
  std::map<std::pair<std::uint64_t, std::uint16_t>, std::uint64_t> made_;  // links, by process and port
};

}  // namespace penstock::sim
