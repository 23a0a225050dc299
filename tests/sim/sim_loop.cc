// How it works
//
// run_once() runs the timers that are due, then the mail of the process that is due, then the deferred tasks.
// Mail is answers of the broker and the lake, and completions of the disk. At its end run_once() leaves in
// wake_at when the process wants to run again. That is now if anything ran, and otherwise the first of the
// wait's end, the next timer and the next mail.
//
// A disk operation gets its fate when it is asked for, and it takes place at its completion. For example,
// 12 KiB are to be written at 0 us:
//
//   1. Chance says that the write is short, 4 KiB, and takes 300 us. The completion goes into the mail.
//   2. At 300 us the 4 KiB go into the file, and the completion says 4096. The caller writes the rest.
//   3. Had the process been killed at 100 us, the write would have been torn: nothing of the 12 KiB is in the
//      file, or a part, or all of it. For this alone writing_ remembers what is under way.
//
// What is asked of a socket goes to its Link (sim_network). The callers make real sockets, which stay without
// a peer: a descriptor is the key to a link, from its connect() to its cancel().
#include "sim/sim_loop.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/check.h"

namespace penstock::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr std::size_t k_cut_block = 4096;

}  // namespace

SimLoop::SimLoop(const SimClock& clock, SimDisk& disk, SimNetwork& network, const Faults& faults,
                 ProcessPtr process, Sabotage sabotage, Random random)
    : clock_(clock),
      disk_(disk),
      network_(network),
      faults_(faults),
      process_(std::move(process)),
      sabotage_(sabotage),
      random_(random) {}

// As after a kill, if it was none: what is under way ends somehow, and nobody hears of it.
SimLoop::~SimLoop() {
  kill();
  process_->mail.clear();
}

void SimLoop::kill() {
  if (std::exchange(process_->killed, true)) {
    return;
  }
  for (const auto& [id, write] : std::exchange(writing_, {})) {
    disk_.tear(write.fd, write.bytes, write.offset);
  }
  for (const auto& [fd, link] : std::exchange(links_, {})) {
    link->orphan();
  }
}

void SimLoop::register_memory(MutableBytes region) {
  grant_.registered_bytes = region.size();
}

Duration SimLoop::disk_delay() {
  return random_.chance(faults_[&FaultRates::disk_slow])
             ? random_.between(microseconds(1000), seconds(8))
             : random_.between(microseconds(20), microseconds(800));
}

void SimLoop::write_at(int fd, Bytes bytes, std::uint64_t offset, io::Completion done) {
  if (process_->killed) {
    return;
  }
  const std::uint64_t id = ++last_write_;
  writing_.emplace(id, FileWrite{fd, bytes, offset});
  const std::int32_t error = random_.chance(faults_[&FaultRates::disk_full])          ? ENOSPC
                             : random_.chance(faults_[&FaultRates::disk_write_error]) ? EIO
                                                                                      : 0;
  const bool cut = random_.chance(faults_[&FaultRates::disk_short]) && bytes.size() > k_cut_block;
  const std::size_t size =
      cut ? k_cut_block * random_.between(1, static_cast<std::int64_t>(bytes.size() / k_cut_block))
          : bytes.size();
  process_->post(clock_.now() + disk_delay(), [this, id, fd, part = bytes.first(std::min(size, bytes.size())),
                                               offset, error, done = std::move(done)] {
    writing_.erase(id);
    if (error == EIO) {
      disk_.tear(fd, part, offset);
    }
    done(error != 0 ? -error : disk_.write(fd, part, offset));
  });
}

void SimLoop::read_at(int fd, MutableBytes bytes, std::uint64_t offset, io::Completion done) {
  const bool fails = random_.chance(faults_[&FaultRates::disk_read_error]);
  const bool cut = random_.chance(faults_[&FaultRates::disk_short]) && bytes.size() > k_cut_block;
  const MutableBytes part = bytes.first(cut ? k_cut_block : bytes.size());
  read_errors_ += fails ? 1 : 0;
  process_->post(clock_.now() + disk_delay(), [this, fd, part, offset, fails, done = std::move(done)] {
    const std::int32_t result = fails ? -EIO : disk_.read(fd, part, offset);
    if (sabotage_ == Sabotage::disk_alters && result > 0) {
      part[random_.below(static_cast<std::uint64_t>(result))] ^= std::byte{1};
    }
    done(result);
  });
}

void SimLoop::sync_data(int fd, io::Completion done) {
  process_->post(clock_.now() + disk_delay(), [this, fd, done = std::move(done)] { done(disk_.sync(fd)); });
}

void SimLoop::connect(int fd, const io::SocketAddress& address, io::Completion done) {
  if (process_->killed) {
    return;
  }
  CHECK(!links_.contains(fd));
  sockaddr_in ipv4{};
  CHECK(address.length == sizeof(ipv4));
  std::memcpy(&ipv4, address.get(), sizeof(ipv4));
  links_[fd] = network_.make_link(ntohs(ipv4.sin_port), process_);
  links_[fd]->connect(std::move(done));
}

void SimLoop::send(int fd, Bytes bytes, io::Completion done) {
  if (!process_->killed) {
    links_.at(fd)->send(bytes, std::move(done));
  }
}

void SimLoop::receive(int fd, MutableBytes bytes, io::Completion done) {
  if (!process_->killed) {
    links_.at(fd)->receive(bytes, std::move(done));
  }
}

// Whoever cancels closes the descriptor next, and so the connection ends here.
void SimLoop::cancel(int fd) {
  if (const auto link = links_.extract(fd); !link.empty()) {
    link.mapped()->give_up();
  }
}

void SimLoop::watch(int, io::Interest, std::function<void(io::Interest)>) {
  CHECK(false);
}
void SimLoop::unwatch(int) {
  CHECK(false);
}

io::TimerId SimLoop::start_timer(Duration after, std::function<void()> due) {
  const MonoTime at = clock_.now() + after;
  process_->wake_at = std::min(process_->wake_at, at);
  return timers_.start(at, std::move(due));
}

void SimLoop::cancel_timer(io::TimerId timer) {
  timers_.cancel(timer);
}

void SimLoop::defer(std::function<void()> task) {
  deferred_.push_back(std::move(task));
  process_->wake_at = clock_.now();
}

void SimLoop::wake() {
  process_->wake_at = clock_.now();
}

bool SimLoop::run_mail() {
  bool ran = false;
  while (!process_->mail.empty() && process_->mail.begin()->first <= clock_.now()) {
    process_->mail.extract(process_->mail.begin()).mapped()();
    ran = true;
  }
  return ran;
}

void SimLoop::run_once(Duration wait) {
  const std::optional<MonoTime> timer = timers_.next_due();
  bool ran = timer && *timer <= clock_.now();
  timers_.run_due(clock_.now());
  ran = run_mail() || ran;
  for (const auto& task : std::exchange(deferred_, {})) {
    task();
    ran = true;
  }
  MonoTime next = clock_.now();
  if (!ran && deferred_.empty()) {  // otherwise the caller has something to look at
    next += wait;
    if (const auto due = timers_.next_due()) {
      next = std::min(next, *due);
    }
    if (!process_->mail.empty()) {
      next = std::min(next, process_->mail.begin()->first);
    }
  }
  process_->wake_at = next;
}

}  // namespace penstock::sim
