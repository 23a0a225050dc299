// Which addresses a host has, asked of the system's resolver without holding up the loop.
//
// getaddrinfo blocks, for half a minute when no name server answers, and cannot be canceled. So every lookup
// of a name runs on a thread of its own, which shares nothing with the lookup but a place for its answer. A
// lookup that is destroyed forgets the thread, and the thread ends when the resolver gives up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "io/loop.h"
#include "io/socket_address.h"

namespace penstock::io {

// Lookups of the whole process at one time, forgotten ones included. A worker has one per connection that it
// opens, and opens few. If there are more, the resolver hangs, and more threads would hang with it.
inline constexpr std::size_t k_lookups_max = 64;

// The addresses in the order to try them; never an empty list.
using Addresses = Result<std::vector<SocketAddress>>;

class NameLookup {
 public:
  using Done = std::function<void(Addresses)>;
  using Resolve = std::function<Addresses(const std::string& host, std::uint16_t port)>;

  // `loop` outlives this. `resolve` runs on a thread and may outlive this.
  explicit NameLookup(Loop& loop);
  NameLookup(Loop& loop, Resolve resolve);

  // Does not wait for the resolver. `done` does not run any more.
  ~NameLookup();

  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  // Once. `done` runs on the loop's thread in a later turn and may destroy this. An address in digits is
  // answered without a thread. Errors, all with `retry`: the host has no address, no name server answers,
  // k_lookups_max are under way.
  void start(const std::string& host, std::uint16_t port, Done done);

 private:
  struct Answer;

  Result<void> ask(const std::string& host, std::uint16_t port);
  void answer_soon(Addresses addresses);
  void finish();

  Loop& loop_;
  Resolve resolve_;
  Done done_;
  std::shared_ptr<Answer> answer_;
  bool watched_ = false;
  // Brings an answer that is known at once.
  TimerId timer_ = TimerId::none;
};

// getaddrinfo, on the calling thread.
Addresses resolve_by_system(const std::string& host, std::uint16_t port);

}  // namespace penstock::io
