// The last warnings and errors of the process's log, for the status page: the same lines, and so no secret.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "obs/log_format.h"

namespace penstock::obs {

struct Trouble {
  // When it was first and last said.
  WallTime first;
  WallTime last;
  std::uint64_t times = 1;
  Level level = Level::warning;
  // The message with its fields, in one line of UTF-8, cut where it is too long.
  std::string text;

  friend bool operator==(const Trouble&, const Trouble&) = default;
};

// Bounded in number and bytes, whatever is said. A sentence that is said again, perhaps with other numbers,
// is counted, and its newest wording is kept. Any thread.
class TroubleBoard {
 public:
  static constexpr std::size_t k_troubles_max = 40;
  static constexpr std::size_t k_text_bytes_max = 1000;

  void add(WallTime time, Level level, std::string_view message, std::span<const Field> fields);

  // A copy, the newest first.
  std::vector<Trouble> troubles() const;

 private:
  mutable std::mutex mutex_;
  std::deque<Trouble> troubles_;      // the newest first
  std::deque<std::string> messages_;  // of each, without its fields and numbers: what tells them apart
};

// What log() has been given in this process at `warning` and `error`, whatever log.level is.
std::vector<Trouble> last_troubles();

}  // namespace penstock::obs
