// How far a command is: one line of a terminal that is rewritten, or a plain line now and then where standard
// error is no terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"

namespace penstock::app {

// "1,234 of 5,000 offsets (24 %), 51 offsets/s, 1m14s left". Pure: the time comes from the caller.
class Pace {
 public:
  // How a number is written, and what it counts: "1,234" and "offsets".
  using Written = std::function<std::string(std::uint64_t)>;

  Pace(Written written, std::string unit) : written_(std::move(written)), unit_(std::move(unit)) {}

  // The rate is that since the first call. A time that is left is told once there is one. `total` 0: it is
  // not known.
  std::string text(MonoTime now, std::uint64_t done, std::uint64_t total);

 private:
  struct Begin {
    MonoTime at;
    std::uint64_t done;
  };

  const Written written_;
  const std::string unit_;
  std::optional<Begin> begin_;
};

class ProgressLine {
 public:
  enum class Where : std::uint8_t { nowhere, terminal, lines };

  // Of standard error: terminal or lines.
  static Where where();

  // `say` writes a plain line.
  ProgressLine(Where where, std::function<void(const std::string&)> say);

  // Clears it.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Whether a line is due by now: twice a second on a terminal, else every 10 s.
  bool is_due();

  // Rewrites the line, or says it. Cut to the terminal's width.
  void show(const std::string& text);

  void clear();

 private:
  const Where where_;
  const std::function<void(const std::string&)> say_;
  bool stands_ = false;
  MonoTime next_;
};

}  // namespace penstock::app
