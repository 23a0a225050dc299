// How many requests the workers of a process may have on their way to the store, all together. It follows
// what the store takes.
//
//   an answer that asks to slow down    half as many, and a pause of the whole process
//   each second without one             one more, or a sixteenth more where that is more
//
// It never falls below one request a worker. What the store then still refuses, the pause keeps away: it
// doubles for as long as nothing is taken, and is never shorter than the server's own Retry-After.
//
// The workers share this object and nothing else of it but atomics. No worker waits for another one: each has
// its share of the places, and asks for no place of others. So nobody has to be woken, and nobody starves.
// A worker that alone has something to send grows the whole until its own share is what the store takes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace penstock::pipeline {

class RequestLimit {
 public:
  struct Options {
    std::uint32_t workers = 1;
    std::uint32_t connections = 4;  // of each worker: the most that it ever has under way

    // The pause of the process after an answer that asks to slow down, where the server names none.
    Duration pause_first = std::chrono::milliseconds(250);
    Duration pause_longest = std::chrono::seconds(10);
  };

  explicit RequestLimit(const Options& options);

  // From any thread.

  // How many requests this worker may have under way: from 1 to `connections`.
  std::uint32_t places(std::uint32_t worker) const;

  // Of all workers together: from `workers` to `workers` x `connections`.
  std::uint32_t places_together() const;

  // No request begins before.
  MonoTime pause_until() const;

  // The store has answered a request, which began at `began`, that it is to be asked less. `asked` is its
  // Retry-After. `random` is any number, so that processes do not return in step. Answers to requests that
  // were under way together count once.
  void throttled(MonoTime began, MonoTime now, std::optional<std::chrono::milliseconds> asked,
                 std::uint64_t random);

  // The store has done, or refused for another reason, what was asked of it at `began`.
  void answered(MonoTime began, MonoTime now);

 private:
  void lengthen_pause(MonoTime until);

  const Options options_;
  const std::uint32_t whole_;
  std::atomic<std::uint32_t> limit_;
  std::atomic<MonoTime::rep> cut_at_{MonoTime::min().time_since_epoch().count()};  // the last one
  std::atomic<MonoTime::rep> grown_at_{0};                                         // or cut
  std::atomic<MonoTime::rep> pause_until_{0};
  std::atomic<std::uint32_t> cuts_in_a_row_{0};  // with nothing taken between them
};

}  // namespace penstock::pipeline
