// How it works
//
// Keys are read one by one and not shown, and Ctrl-C comes as a key. SIGTERM, SIGHUP and SIGWINCH are blocked
// and read from a descriptor, so that the terminal is put back before the process ends. For example:
//
// 1. Screen() turns to the alternate screen, hides the cursor, and keeps what the terminal was set to.
// 2. draw() goes to the upper left corner, writes each line and clears what is behind it, then all below.
// 3. wait() polls keys and signals. SIGWINCH ends it early, so that the next frame has the new width.
// 4. Somebody types q. wait() returns false, and ~Screen() puts back what was there.
#include "app/terminal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace penstock::app {
namespace {

constexpr std::size_t k_columns_min = 40;
constexpr std::size_t k_columns_max = 400;
constexpr char k_ctrl_c = 3;

std::size_t columns_of_environment() {
  const char* written = std::getenv("COLUMNS");
  const std::string_view text = written == nullptr ? "" : written;
  std::size_t columns = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), columns);
  return read.ec == std::errc{} ? std::clamp(columns, k_columns_min, k_columns_max) : 100;
}

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGWINCH}) {
    sigaddset(&signals, signal);
  }
  return signals;
}

}  // namespace

std::size_t error_columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? std::clamp<std::size_t>(size.ws_col, k_columns_min, k_columns_max)
               : columns_of_environment();
}

TerminalSize terminal_size() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return {.columns = columns_of_environment(), .rows = 0};
  }
  return {.columns = std::clamp<std::size_t>(size.ws_col, k_columns_min, k_columns_max), .rows = size.ws_row};
}

bool is_interactive() {
  return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
}

void print_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    std::printf("%s\n", line.c_str());
  }
}

struct Screen::Former {
  termios settings{};
  sigset_t signals{};
  UniqueFd watched;
};

Screen::Screen() : former_(std::make_unique<Former>()) {
  ::tcgetattr(STDIN_FILENO, &former_->settings);
  termios keys = former_->settings;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  const sigset_t signals = watched_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, &former_->signals);
  former_->watched = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  std::fputs("\x1b[?1049h\x1b[?25l", stdout);
  std::fflush(stdout);
}

Screen::~Screen() {
  std::fputs("\x1b[?25h\x1b[?1049l", stdout);
  std::fflush(stdout);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &former_->settings);
  ::pthread_sigmask(SIG_SETMASK, &former_->signals, nullptr);
}

void Screen::draw(const std::vector<std::string>& lines) {
  std::fputs("\x1b[H", stdout);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::printf("%s%s\x1b[K", i == 0 ? "" : "\r\n", lines[i].c_str());
  }
  std::fputs("\x1b[J", stdout);
  std::fflush(stdout);
}

bool Screen::wait(Duration time) {
  const MonoTime until = system_clock().now() + time;
  for (MonoTime now = system_clock().now(); now < until; now = system_clock().now()) {
    std::array<pollfd, 2> polled{{{STDIN_FILENO, POLLIN, 0}, {former_->watched.get(), POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    if (::poll(polled.data(), polled.size(), static_cast<int>(left.count())) <= 0) {
      continue;
    }
    if (polled[1].revents != 0) {
      signalfd_siginfo signal{};
      return ::read(former_->watched.get(), &signal, sizeof signal) == sizeof signal &&
             signal.ssi_signo == SIGWINCH;
    }
    char key = 0;
    if (polled[0].revents != 0 &&
        (::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == k_ctrl_c)) {
      return false;
    }
  }
  return true;
}

}  // namespace penstock::app
