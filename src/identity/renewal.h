// When a token is asked for, of one identity and audience. Pure: it is told the time, what was asked for and
// what came of it, and says when the next request is due.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "identity/token.h"

namespace penstock::identity {

// Between two requests that nobody needs for the end of a token: somebody was refused with the one that is
// there, and a service that says no to everything would have us ask for ever.
inline constexpr Duration k_between_wishes = std::chrono::seconds(30);

class Renewal {
 public:
  // The first request is due at `now`.
  explicit Renewal(MonoTime now) : due_(now) {}

  // When to send the next request. None: one is under way.
  std::optional<MonoTime> due() const { return under_way_ ? std::nullopt : std::optional(due_); }

  void begin() { under_way_ = true; }

  // The answer of the request under way. The next is due when the token says so. A service that gives the
  // same token until it ends (IMDS) is not asked in a hurry for that.
  void succeed(const Token& token, MonoTime now, WallTime wall_now);

  // `pause`: how long to leave the service alone. `spread`, 0 to 1, is drawn by chance: up to a quarter of
  // the pause comes on top, so that a fleet does not come back at one moment.
  void fail(Duration pause, double spread, MonoTime now);

  // How many requests in a row have failed.
  std::uint32_t failures() const { return failures_; }

  enum class Answer : std::uint8_t {
    // There is a token that will do.
    at_once,
    // With the request that is under way, or due now.
    with_the_next,
    // Not before due(): the service is left alone, or it has just given a token. Nobody waits for so long.
    not_soon,
  };

  // Somebody needs a token that is not `refused` (empty: any). `token` is the one there is, or empty.
  Answer wish(std::string_view refused, std::string_view token, MonoTime now);

 private:
  MonoTime due_;
  bool under_way_ = false;
  std::uint32_t failures_ = 0;
  // None: no request has succeeded yet.
  std::optional<MonoTime> succeeded_at_;
};

}  // namespace penstock::identity
