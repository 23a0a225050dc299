// The log is the one piece of state that belongs to the process and not to a part of it, as standard error
// does. format_line() makes the line, spdlog writes it: under a mutex, so that lines of two threads never
// mix.
#include "obs/log.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>

#include "base/concat.h"
#include "obs/troubles.h"

namespace penstock::obs {
namespace {

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// The one piece of state that belongs to the process and not to a part of it, as its standard error does.
struct ProcessLog {
  std::atomic<LogFormat> format{LogFormat::text};
  std::atomic<bool> writes_over{false};
  spdlog::logger logger{"penstock", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  // Of say(): the same sink, and no level.
  spdlog::logger words{"penstock", logger.sinks().front()};
  TroubleBoard troubles;

  ProcessLog() {
    logger.set_pattern("%v");  // the line comes finished from format_line
    logger.set_level(spdlog::level::info);
    words.set_level(spdlog::level::trace);
  }
};

// Never destroyed: a thread may still log while the process exits.
ProcessLog& process_log() {
  static auto& instance = *new ProcessLog;
  return instance;
}

// systemd sets JOURNAL_STREAM to the device and inode of the stream it connected; inherited by children whose
// own stderr may be another one, so both are compared (systemd.exec(5)).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(2, &status) != 0) {
    return false;
  }
  return concat(status.st_dev, ":", status.st_ino) == stream;
}

// Goes to the line's begin and clears it, where there is one.
std::string over_what_stands(const ProcessLog& state, std::string line) {
  return state.writes_over.load(std::memory_order_relaxed) ? concat("\r\x1b[K", line) : line;
}

// In text the lines of say() are no lines of the log: they begin otherwise and have no time.
void say_one(std::string_view text_prefix, Level level, std::string_view message,
             std::initializer_list<Field> fields) {
  ProcessLog& state = process_log();
  const LogFormat format = state.format.load(std::memory_order_relaxed);
  const std::string line =
      over_what_stands(state, format == LogFormat::text
                                  ? concat(text_prefix, one_line(message))
                                  : format_line(format, system_clock().wall_now(), level, message, fields));
  state.words.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void init_log(const LogOptions& options) {
  ProcessLog& state = process_log();
  const bool journal = options.format == LogFormat::text && stderr_is_journal();
  state.format.store(journal ? LogFormat::journal : options.format, std::memory_order_relaxed);
  state.logger.set_level(options.silent ? spdlog::level::off : spdlog_level(options.level));
}

bool would_log(Level level) {
  return process_log().logger.should_log(spdlog_level(level));
}

void log(Level level, std::string_view message, std::initializer_list<Field> fields) {
  ProcessLog& state = process_log();
  if (level >= Level::warning && state.logger.level() != spdlog::level::off) {
    state.troubles.add(system_clock().wall_now(), level, message, fields);
  }
  if (!state.logger.should_log(spdlog_level(level))) {
    return;
  }
  const LogFormat format = state.format.load(std::memory_order_relaxed);
  const std::string line =
      over_what_stands(state, format_line(format, system_clock().wall_now(), level, message, fields));
  state.logger.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

void say(Level level, std::string_view message, std::initializer_list<Field> fields) {
  say_one("penstock: ", level, message, fields);
}

void say_lines(Level level, std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    say_one("", level, line, {});
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
}

void write_over(bool a_line_stands) {
  process_log().writes_over.store(a_line_stands, std::memory_order_relaxed);
}

std::vector<Trouble> last_troubles() {
  return process_log().troubles.troubles();
}

std::optional<std::uint64_t> LogGate::pass(MonoTime now) {
  if (!first_said_ || now - *first_said_ >= interval_) {
    first_said_ = now;
    said_ = 0;
  }
  if (said_ == burst_) {
    ++held_back_;
    return std::nullopt;
  }
  ++said_;
  return std::exchange(held_back_, 0);
}

}  // namespace penstock::obs
