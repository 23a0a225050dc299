// When a failed call is tried again: exponential back-off with full jitter, never earlier than the server
// asked for. Pure.
#pragma once

#include <cstdint>

#include <penstock/result.h>

#include "base/clock.h"

namespace penstock::pipeline {

struct RetryOptions {
  Duration first = std::chrono::milliseconds(250);
  // The longest wait of our own: after an outage work resumes within it.
  Duration longest = std::chrono::seconds(10);
  // Where a person must act first, who takes minutes, as does Azure to follow a change of rights.
  Duration longest_refused = std::chrono::minutes(2);
};

// Whether only a person can change the answer: the action is fatal, or a right is missing. A credential that
// is wrong or has expired is none of this, as another one may come at any time.
bool is_refused_for_good(const Error& error);

// The wait before try number `attempt` (1: the first repeat). `random` is any number; the same gives the same
// wait.
//
//   ceiling = min(longest or longest_refused, first * 2^(attempt - 1));
//    wait = ceiling / 2 + random part of ceiling / 2
//   at least the error's retry_after, when it has one (then up to an eighth more, so that clients do not
//   return in step)
Duration retry_delay(const RetryOptions& options, std::uint32_t attempt, const Error& error,
                     std::uint64_t random);

}  // namespace penstock::pipeline
