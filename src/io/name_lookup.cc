// How it works. The thread of a lookup and the NameLookup share one Answer, which both own. The thread writes
// the addresses into it under the lock, then makes the event readable. The loop watches the event.
//
// An example: no name server answers, and the connection gives up after ten seconds.
//
//   1. start() makes the Answer, counts the lookup in `running`, and starts the thread, detached. It blocks
//      in getaddrinfo.
//   2. After ten seconds the owner destroys the NameLookup, which unwatches the event and drops its half of
//      the Answer.
//   3. Half a minute after step 1 the resolver gives up. The thread writes its error into the Answer, which
//      nobody looks at any more, counts itself out, and ends. With it the Answer and its event go.
//
// The thread holds a copy of all that it uses, so that it cannot touch anything that is gone. `running` is
// what bounds the threads that hang.
#include "io/name_lookup.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <netdb.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"
#include "io/signals_blocked.h"

namespace penstock::io {
namespace {

// Lookups of the process that have a thread.
std::atomic<std::size_t> running{0};

Error unresolved(const std::string& host, const std::string& why) {
  return make_error(ErrorKind::unavailable, Action::retry,
                    concat("looking up the address of ", host, ": ", why));
}

std::string explained(int code) {
  if (code == EAI_SYSTEM) {
    return std::strerror(errno);
  }
  return concat(::gai_strerror(code),
                code == EAI_NONAME ? "; see whether the name is spelled right and this machine's name server "
                                     "knows it"
                                   : "");
}

}  // namespace

// What the lookup and its thread share.
struct NameLookup::Answer {
  // Readable when `addresses` are there.
  UniqueFd event;
  std::mutex mutex;
  std::optional<Addresses> addresses;
};

Addresses resolve_by_system(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) {
    return unresolved(host, explained(code));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
  }
  ::freeaddrinfo(found);
  return addresses;
}

NameLookup::NameLookup(Loop& loop) : NameLookup(loop, resolve_by_system) {}

NameLookup::NameLookup(Loop& loop, Resolve resolve) : loop_(loop), resolve_(std::move(resolve)) {}

NameLookup::~NameLookup() {
  if (watched_) {
    loop_.unwatch(answer_->event.get());
  }
  loop_.cancel_timer(timer_);
}

void NameLookup::start(const std::string& host, std::uint16_t port, Done done) {
  CHECK(answer_ == nullptr);
  answer_ = std::make_shared<Answer>();
  done_ = std::move(done);
  if (const std::optional<SocketAddress> address = numeric_address(host, port)) {
    answer_soon(std::vector{*address});
  } else if (Result<void> asked = ask(host, port); !asked) {
    answer_soon(std::move(asked).error());
  }
}

// By a timer and not by defer(): after a deferred task the loop sleeps, although somebody may act on the
// answer.
void NameLookup::answer_soon(Addresses addresses) {
  answer_->addresses = std::move(addresses);
  timer_ = loop_.start_timer(Duration::zero(), [this] { finish(); });
}

Result<void> NameLookup::ask(const std::string& host, std::uint16_t port) {
  answer_->event.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!answer_->event.valid()) {
    return os_error(errno, concat("looking up the address of ", host));
  }
  if (running.fetch_add(1) >= k_lookups_max) {
    running.fetch_sub(1);
    return unresolved(host, concat(k_lookups_max,
                                   " lookups wait for the resolver already; see "
                                   "whether this machine's name server answers"));
  }
  try {
    const SignalsBlocked blocked;
    std::thread([answer = answer_, resolve = resolve_, host, port] {
      pthread_setname_np(pthread_self(), "penstock-lookup");
      Addresses addresses = resolve(host, port);
      {
        const std::lock_guard lock(answer->mutex);
        answer->addresses = std::move(addresses);
      }
      running.fetch_sub(1);
      [[maybe_unused]] const int never_fails = ::eventfd_write(answer->event.get(), 1);
    }).detach();
  } catch (const std::system_error& error) {
    running.fetch_sub(1);
    return os_error(error.code().value(), concat("starting a thread that looks up ", host));
  }
  loop_.watch(answer_->event.get(), {.readable = true}, [this](Interest) { finish(); });
  watched_ = true;
  return {};
}

void NameLookup::finish() {
  const std::shared_ptr<Answer> answer = answer_;
  std::optional<Addresses> addresses;
  {
    const std::lock_guard lock(answer->mutex);
    addresses.swap(answer->addresses);
  }
  if (!addresses.has_value()) {
    return;
  }
  if (std::exchange(watched_, false)) {
    loop_.unwatch(answer->event.get());
  }
  // May destroy this.
  const Done done = std::exchange(done_, nullptr);
  done(*std::move(addresses));
}

}  // namespace penstock::io
