// A loop that counts what is written through it, and refuses or holds what the test says. All else is the
// real loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "io/loop.h"
#include "stage/format.h"

namespace penstock::stage {

class WatchedLoop final : public io::Loop {
 public:
  explicit WatchedLoop(std::unique_ptr<io::Loop> real) : real_(std::move(real)) {}

  // The errno that a write of so many bytes gets instead of being made; 0: it is made.
  std::function<int(std::size_t bytes)> refusal = [](std::size_t) { return 0; };

  // Headers of segments are kept back until release_headers().
  bool holds_headers = false;

  void release_headers() {
    holds_headers = false;
    for (auto& write : std::exchange(held_, {})) {
      write();
    }
  }

  std::uint64_t writes() const { return writes_; }
  std::uint64_t written_bytes() const { return written_bytes_; }
  std::uint64_t syncs() const { return syncs_; }

  void write_at(int fd, Bytes bytes, std::uint64_t offset, io::Completion done) override {
    ++writes_;
    if (const int error = refusal(bytes.size()); error != 0) {
      real_->defer([done = std::move(done), error] { done(-error); });
      return;
    }
    written_bytes_ += bytes.size();
    if (holds_headers && bytes.size() == k_block_bytes) {
      held_.emplace_back([this, fd, bytes, offset, done = std::move(done)]() mutable {
        real_->write_at(fd, bytes, offset, std::move(done));
      });
      return;
    }
    real_->write_at(fd, bytes, offset, std::move(done));
  }
  void sync_data(int fd, io::Completion done) override {
    ++syncs_;
    real_->sync_data(fd, std::move(done));
  }

  void register_memory(MutableBytes region) override { real_->register_memory(region); }
  void read_at(int fd, MutableBytes bytes, std::uint64_t offset, io::Completion done) override {
    real_->read_at(fd, bytes, offset, std::move(done));
  }
  void connect(int fd, const io::SocketAddress& address, io::Completion done) override {
    real_->connect(fd, address, std::move(done));
  }
  void send(int fd, Bytes bytes, io::Completion done) override { real_->send(fd, bytes, std::move(done)); }
  void receive(int fd, MutableBytes bytes, io::Completion done) override {
    real_->receive(fd, bytes, std::move(done));
  }
  void cancel(int fd) override { real_->cancel(fd); }
  void watch(int fd, io::Interest interest, std::function<void(io::Interest)> ready) override {
    real_->watch(fd, interest, std::move(ready));
  }
  void unwatch(int fd) override { real_->unwatch(fd); }
  io::TimerId start_timer(Duration after, std::function<void()> due) override {
    return real_->start_timer(after, std::move(due));
  }
  void cancel_timer(io::TimerId timer) override { real_->cancel_timer(timer); }
  void defer(std::function<void()> task) override { real_->defer(std::move(task)); }
  void wake() override { real_->wake(); }
  void run_once(Duration wait) override { real_->run_once(wait); }
  const io::Grant& grant() const override { return real_->grant(); }

 private:
  std::unique_ptr<io::Loop> real_;
  std::vector<std::function<void()>> held_;
  std::uint64_t writes_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t syncs_ = 0;
};

}  // namespace penstock::stage
