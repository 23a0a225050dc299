#include "app/progress_line.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include <unistd.h>

#include "app/terminal.h"
#include "base/concat.h"
#include "base/units.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

constexpr Duration k_on_a_terminal = std::chrono::milliseconds(500);
constexpr Duration k_between_plain_lines = std::chrono::seconds(10);

// The rate of less time is one of chance.
constexpr double k_seconds_before_a_rate = 1.0;

std::string whole_seconds(double duration) {
  constexpr double k_longest = 99 * 24 * 3600.0;
  return format_duration(std::chrono::seconds(std::llround(std::min(duration, k_longest))));
}

}  // namespace

std::string Pace::text(MonoTime now, std::uint64_t done, std::uint64_t total) {
  if (!begin_) {
    begin_ = Begin{.at = now, .done = done};
  }
  std::string text = written_(done);
  if (total > 0) {
    const double part = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
    text += concat(" of ", written_(total), " ", unit_, " (", static_cast<int>(100 * part), " %)");
  } else {
    text += concat(" ", unit_);
  }
  const double elapsed = std::chrono::duration<double>(now - begin_->at).count();
  if (elapsed < k_seconds_before_a_rate || done <= begin_->done) {
    return text;
  }
  const double rate = static_cast<double>(done - begin_->done) / elapsed;
  text += concat(", ", written_(static_cast<std::uint64_t>(rate)), " ", unit_, "/s");
  if (total > done) {
    text += concat(", ", whole_seconds(static_cast<double>(total - done) / rate), " left");
  }
  return text;
}

ProgressLine::Where ProgressLine::where() {
  return ::isatty(STDERR_FILENO) == 1 ? Where::terminal : Where::lines;
}

ProgressLine::ProgressLine(Where where, std::function<void(const std::string&)> say)
    : where_(where),
      say_(std::move(say)),
      next_(system_clock().now() + (where == Where::terminal ? k_on_a_terminal : k_between_plain_lines)) {}

ProgressLine::~ProgressLine() {
  clear();
}

bool ProgressLine::is_due() {
  const MonoTime now = system_clock().now();
  if (where_ == Where::nowhere || now < next_) {
    return false;
  }
  next_ = now + (where_ == Where::terminal ? k_on_a_terminal : k_between_plain_lines);
  return true;
}

// ASCII. The line ends before the last column: some terminals begin the next one there.
void ProgressLine::show(const std::string& text) {
  if (where_ == Where::lines) {
    say_(text);
    return;
  }
  obs::write_over(true);
  std::fprintf(stderr, "\r%s\x1b[K", text.substr(0, error_columns() - 1).c_str());
  stands_ = true;
}

void ProgressLine::clear() {
  if (std::exchange(stands_, false)) {
    obs::write_over(false);
    std::fputs("\r\x1b[K", stderr);
  }
}

}  // namespace penstock::app
